import * as v from "valibot";
import type { ErrorPolicy } from "../core/callback.ts";
import type { Allowed } from "./grants.ts";
import type { PluginLimits } from "./limits.ts";
import { pluginPermissions } from "./manifest_format.ts";
import { object, text } from "./manifest_schema.ts";
import type { PluginTier } from "./tier.ts";

/** The name of the file that says which plugins a project uses. */
export const configName = "keepfit.json";

/** What `keepfit.json` says. Paths in it are relative to the file. */
export interface PluginConfig {
  /** Where editors find the schema. */
  $schema?: string;
  /** Where `registry:` references are looked up: a URL or a folder. */
  registry?: string;
  /** Folder of the files of locked plugins, as `keepfit vendor` makes it. */
  vendor?: string;
  /** Where the cache lies. Default: in the user's cache folder. */
  cacheDir?: string;
  /** The plugins, in the order in which a run calls them. */
  plugins?: ConfiguredPlugin[];
}

/** A plugin in `keepfit.json`: a reference and what `loadPlugin` is told. */
export interface ConfiguredPlugin {
  /** Its reference; a file also by its path, `./…`. */
  plugin: string;
  callback?: string;
  options?: Record<string, unknown>;
  tier?: PluginTier;
  allow?: Allowed;
  outputDir?: string;
  onError?: ErrorPolicy;
  limits?: PluginLimits;
}

const limit = v.optional(v.pipe(v.number(), v.gtValue(0, "a number above 0")));
const kind = v.picklist(pluginPermissions);
const all = v.pipe(v.unknown(), v.check((given) => given === true, "true or a list"));
const agreed = v.record(
  kind,
  v.lazy((given) => Array.isArray(given) ? v.array(text) : all),
);

const configuredPlugin = object(
  {
    plugin: text,
    callback: v.optional(text),
    options: v.optional(v.looseObject({})),
    tier: v.optional(v.picklist(["sandboxed", "trusted", "worker"])),
    allow: v.optional(v.lazy((given) => Array.isArray(given) ? v.array(kind) : agreed)),
    outputDir: v.optional(text),
    onError: v.optional(v.picklist(["disable", "throw", "warn"])),
    limits: v.optional(object(
      {
        hookTime: limit,
        callTime: limit,
        memory: limit,
        logLines: limit,
        bytes: limit,
      } satisfies Record<keyof PluginLimits, unknown>,
    )),
  } satisfies Record<keyof ConfiguredPlugin, unknown>,
);

/** The schema of `keepfit.json`. */
export const configSchema: v.GenericSchema<unknown, unknown> = object(
  {
    $schema: v.optional(text),
    registry: v.optional(text),
    vendor: v.optional(text),
    cacheDir: v.optional(text),
    plugins: v.optional(v.array(configuredPlugin)),
  } satisfies Record<keyof PluginConfig, unknown>,
);
