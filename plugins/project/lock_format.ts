import * as v from "valibot";
import { type PluginControl, pluginControls, type PluginPermission } from "../manifest/format.ts";
import {
  filePath,
  id,
  integrity,
  object,
  optional,
  record,
  required,
  text,
  version,
} from "../manifest/schema.ts";
import { isHash } from "../manifest/log.ts";
import { keyId } from "../manifest/values.ts";
import { type PluginTier, pluginTiers } from "./tiers.ts";

/** Name of the lock file. */
export const lockName = "keepfit.lock.json";

/**
 * Content of `keepfit.lock.json`: for each reference its exact bytes, and how far they are trusted.
 */
export interface PluginLock {
  /** Version of the format. */
  lockVersion: 1;
  /**
   * Plugins by reference, without integrity; a file below the folder of the lock file by its
   * relative path, `./…`.
   */
  plugins: Record<string, LockedPlugin>;
  /** The last known logs of registries, by the registry's URL. */
  logs?: Record<string, LockedLog>;
}

/** The last known transparency log of a registry, which may only grow. */
export interface LockedLog {
  /** Key that signs its heads. */
  keyId: string;
  /** Number of its entries. */
  size: number;
  /** Merkle root over its entries, SHA-256 in base64. */
  root: string;
}

/** A plugin as the user accepted it. */
export interface LockedPlugin {
  /** `owner/name`. */
  id: string;
  /** Version of the plugin. */
  version: string;
  /** URL of the manifest; `./…` below the folder of the lock file. */
  url: string;
  /** Integrity of the manifest. */
  integrity: string;
  /** Integrity of each file, by its path in the manifest. */
  files: Record<string, string>;
  /** Tier in which its code runs. */
  tier?: PluginTier;
  /** Names of its callbacks. */
  callbacks?: string[];
  /**
   * Granted permissions; `option:name` is the value that the user passes in that option,
   * `option:name=value` its default.
   */
  permissions: Partial<Record<PluginPermission, string[]>>;
  /** Controls of its callbacks. */
  controls: PluginControl[];
  /** Keys that signed the manifest. */
  signers: string[];
  /** URL of its source code, if the manifest names one. */
  repository?: string;
  /** Day it was locked. */
  added: string;
}

const values = (description: string) => optional(v.array(text), description);
const permissions = object(
  {
    env: values("Environment variables that it may read."),
    ffi: values("Native libraries that it may load."),
    listen: values("Addresses that it may serve at."),
    net: values("Hosts that it may reach."),
    read: values("Paths that it may read."),
    run: values("Commands that it may start."),
    write: values("Paths that it may write."),
  } satisfies Record<PluginPermission, unknown>,
);

const lockedPlugin = object(
  {
    id: required(id, "OWNER/NAME of the manifest."),
    version: required(version, "Of the manifest."),
    url: required(text, "Of the manifest; ./… below the lock's folder."),
    integrity: required(integrity, "Of the manifest."),
    files: required(record(filePath, integrity), "Integrity of each file, by its path."),
    tier: optional(v.picklist(pluginTiers), "Where its code runs."),
    callbacks: optional(v.array(text), "Names of its callbacks."),
    permissions: required(permissions, "Permissions that were granted."),
    controls: required(
      v.array(v.picklist(pluginControls)),
      "Controls of its callbacks.",
    ),
    signers: required(v.array(text), "Keys that signed the manifest."),
    repository: optional(text, "URL of its source code."),
    added: required(
      v.pipe(v.string(), v.isoDate("a day such as 2026-01-31")),
      "Day it was locked.",
    ),
  } satisfies Record<keyof LockedPlugin, unknown>,
);

const lockedLog = object(
  {
    keyId: required(keyId, "Key that signs its heads."),
    size: required(
      v.pipe(v.number(), v.safeInteger(), v.minValue(0, "0 or more")),
      "Number of its entries.",
    ),
    root: required(
      v.pipe(v.string(), v.check(isHash, "32 bytes in base64")),
      "Merkle root over its entries, SHA-256 in base64.",
    ),
  } satisfies Record<keyof LockedLog, unknown>,
);

/** The schema of lock version 1. */
export const lockSchema: v.GenericSchema<unknown, unknown> = object(
  {
    lockVersion: required(v.literal(1), "Version of the format."),
    plugins: required(
      record(v.string(), lockedPlugin),
      "By reference, without its integrity; a file below the lock's folder as ./…",
    ),
    logs: optional(
      record(v.string(), lockedLog),
      "Last known logs of registries, by the registry's URL.",
    ),
  } satisfies Record<keyof PluginLock, unknown>,
);
