import * as v from "valibot";
import { type PluginControl, pluginControls, type PluginPermission } from "./manifest_format.ts";
import { filePath, id, integrity, object, text, version } from "./manifest_schema.ts";
import type { PluginTier } from "./tier.ts";

/** The name of the file that pins plugins. */
export const lockName = "keepfit.lock.json";

/** What `keepfit.lock.json` says: for each reference the bytes it stands for, and how far they are trusted. */
export interface PluginLock {
  lockVersion: 1;
  /** By reference, without its integrity; a file below the lock's folder by its path from there, `./…`. */
  plugins: Record<string, LockedPlugin>;
}

/** A plugin as it was when somebody said yes to it. */
export interface LockedPlugin {
  id: string;
  version: string;
  /** Of the manifest; `./…` below the lock's folder. */
  url: string;
  /** Of the manifest. */
  integrity: string;
  /** Integrity of each file, by its path in the manifest. */
  files: Record<string, string>;
  /** Where its code runs. */
  tier?: PluginTier;
  /** Names of its callbacks. */
  callbacks?: string[];
  /** What it was agreed that it may touch; `option:name` is what the user says in that option. */
  permissions: Partial<Record<PluginPermission, string[]>>;
  /** What its callbacks may do to the training. */
  controls: PluginControl[];
  /** Keys that signed the manifest. */
  signers: string[];
  /** Where its source was. */
  repository: string;
  /** Day on which it was locked. */
  added: string;
}

const values = v.optional(v.array(text));
const permissions = object(
  {
    env: values,
    ffi: values,
    listen: values,
    net: values,
    read: values,
    run: values,
    write: values,
  } satisfies Record<PluginPermission, unknown>,
);

const lockedPlugin = object(
  {
    id,
    version,
    url: text,
    integrity,
    files: v.record(filePath, integrity),
    tier: v.optional(v.picklist(["sandboxed", "trusted", "worker"])),
    callbacks: v.optional(v.array(text)),
    permissions,
    controls: v.array(v.picklist(pluginControls)),
    signers: v.array(text),
    repository: text,
    added: v.pipe(v.string(), v.isoDate("a day such as 2026-01-31")),
  } satisfies Record<keyof LockedPlugin, unknown>,
);

/** The schema of lock version 1. */
export const lockSchema: v.GenericSchema<unknown, unknown> = object(
  {
    lockVersion: v.literal(1),
    plugins: v.record(v.string(), lockedPlugin),
  } satisfies Record<keyof PluginLock, unknown>,
);
