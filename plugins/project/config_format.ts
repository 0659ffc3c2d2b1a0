import * as v from "valibot";
import type { ErrorPolicy } from "../../core/callback.ts";
import type { Allowed } from "./grants.ts";
import type { PluginLimits } from "./limits.ts";
import { pluginPermissions } from "../manifest/format.ts";
import { anyObject, object, optional, required, text } from "../manifest/schema.ts";
import { type PluginTier, pluginTiers } from "./tiers.ts";

/** Name of the file that lists the plugins of a project. */
export const configName = "keepfit.json";

/** Content of `keepfit.json`. Paths in it are relative to the file. */
export interface PluginConfig {
  /** Schema for editors. */
  $schema?: string;
  /** Registry of `registry:` references: a URL or a folder. Default: `KEEPFIT_REGISTRY`. */
  registry?: string;
  /** Minimum age of a registry's version in hours. Default: 0. */
  minimumAge?: number;
  /** Folder with the files of locked plugins, written by `keepfit vendor`. Default: none. */
  vendor?: string;
  /** Cache folder. Default: in the cache folder of the user. */
  cacheDir?: string;
  /** Plugins, in the order in which a run calls them. */
  plugins?: ConfiguredPlugin[];
}

/** A plugin in `keepfit.json`: a reference and options of `loadPlugin`. */
export interface ConfiguredPlugin {
  /** Reference; a file also by its path, `./…`. */
  plugin: string;
  /** Registry for this reference. Default: that of the file. */
  registry?: string;
  /** Name of the callback. Default: the plugin's only one. */
  callback?: string;
  /** Options of the callback. Default: none. */
  options?: Record<string, unknown>;
  /** Tier in which its code runs. Default: chosen as by `loadPlugin`. */
  tier?: PluginTier;
  /** Permissions that you grant. Default: those in the lock file. */
  allow?: Allowed;
  /** Output directory, relative to the file. Default: none. */
  outputDir?: string;
  /** Error policy of its hooks. Default: that of the manifest. */
  onError?: ErrorPolicy;
  /** Limits of time, memory and output. Default: see `PluginLimits`. */
  limits?: PluginLimits;
}

const kind = v.picklist(pluginPermissions);
const list = v.array(text);
const kinds = v.array(kind);
const all = v.pipe(
  v.unknown(),
  v.check((value) => value === true, "true or a list"),
  v.metadata({ const: true }),
);
const agreed = object(
  Object.fromEntries(
    pluginPermissions.map((name) => [
      name,
      optional(
        v.lazy((value) => Array.isArray(value) ? list : all),
        "True for everything declared, or a list of values.",
      ),
    ]),
  ),
);
const limit = (description: string) =>
  optional(v.pipe(v.number(), v.gtValue(0, "a number above 0")), description);

const configuredPlugin = object(
  {
    plugin: required(text, "Reference; a file also by its path, ./…"),
    registry: optional(text, "Registry for this reference, instead of that of the file."),
    callback: optional(text, "Name of the callback. Default: the plugin's only one."),
    options: optional(anyObject, "Options of the callback."),
    tier: optional(
      v.picklist(pluginTiers),
      "Where its code runs. Default: trusted for a file of your own, else sandboxed.",
    ),
    allow: optional(
      v.lazy((value) => Array.isArray(value) ? kinds : agreed),
      "Granted permissions: kinds, or for each kind true or a list of values.",
    ),
    outputDir: optional(text, "Folder that it may write to."),
    onError: optional(
      v.picklist(["disable", "throw", "warn"]),
      "Error policy of its hooks. Default: disable.",
    ),
    limits: optional(
      object(
        {
          hookTime: limit("Time limit of a hook in milliseconds. Default: 30000."),
          callTime: limit("Milliseconds that one call may compute. Default: 1000."),
          runTime: limit(
            "Milliseconds that all its calls may compute, in addition to a quarter of the time " +
              "of the run. " +
              "Default: 30 times callTime.",
          ),
          memory: limit("Bytes of memory for its code. Default: 64 MiB."),
          logLines: limit("Lines that it may log per minute. Default: 60."),
          bytes: limit("Bytes of a response, a file or a write. Default: 16 MiB."),
        } satisfies Record<keyof PluginLimits, unknown>,
      ),
      "Limits of time, memory and output.",
    ),
  } satisfies Record<keyof ConfiguredPlugin, unknown>,
);

/** The schema of `keepfit.json`. */
export const configSchema: v.GenericSchema<unknown, unknown> = object(
  {
    $schema: optional(text, "Schema for editors."),
    registry: optional(text, "Registry of registry: references: a URL or a folder."),
    minimumAge: optional(
      v.pipe(v.number(), v.minValue(0, "0 or more")),
      "Minimum age of a registry's version in hours. Default: 0.",
    ),
    vendor: optional(text, "Folder with the files of locked plugins, written by keepfit vendor."),
    cacheDir: optional(text, "Cache folder. Default: in the user's cache folder."),
    plugins: optional(
      v.array(configuredPlugin),
      "The plugins, in the order in which a run calls them.",
    ),
  } satisfies Record<keyof PluginConfig, unknown>,
);
