import type { Runtime } from "../../runtime/types.ts";
import type { PluginCache } from "../sources/cache.ts";
import type { PluginContext } from "./context/mod.ts";
import { PluginError } from "../errors.ts";
import type { ModuleGraph } from "../modules/graph.ts";
import type { PluginLimits } from "../project/limits.ts";
import { type PluginTier, pluginTiers } from "../project/tiers.ts";
import type { PluginCallbackEntry, PluginManifest } from "../manifest/format.ts";

/** A verified plugin from which a callback is created. */
export interface TierRun {
  manifest: PluginManifest;
  entry: PluginCallbackEntry;
  /** URL of the manifest, for messages. */
  url: string;
  graph: ModuleGraph;
  /** Validated options, a copy for the plugin. */
  options: Record<string, unknown>;
  /** Functions that the plugin may use. They accept and return plain data, bytes and promises. */
  context: PluginContext;
  limits: Required<PluginLimits>;
  /** Aborts when the plugin is no longer needed. */
  signal: AbortSignal;
  /** Cache of modules for import; undefined if there is none. */
  cache: PluginCache | undefined;
  runtime: Runtime;
}

/**
 * Runs a module in a tier.
 *
 * @returns the object of the plugin, with hooks and optionally `setParams`, `getState`, `setState`,
 *   `readsBatchLogs` and `close`; a promise is awaited
 * @throws PluginError `E_EXPORT`, `E_FACTORY`, `E_MODULE` and codes of the tier
 */
export type RunTier = (run: TierRun) => Promise<unknown>;

/** What determines the tier of a plugin, in addition to its manifest. */
export interface TierChoice {
  /** Tier chosen by the user. */
  chosen?: PluginTier;
  /** Tier in the lock file. */
  locked?: PluginTier;
  /** Whether the plugin is the user's own. */
  isOwn: boolean;
}

/**
 * The tier of a plugin: the user's choice, or that of the lock file. Otherwise it is `"trusted"`
 * for the user's own plugins, and `"sandboxed"` for others and for those that require it.
 *
 * @throws RangeError for an unknown tier
 * @throws PluginError `E_SANDBOX` if the plugin does not support the sandbox
 */
export function chooseTier(
  manifest: PluginManifest,
  url: string,
  { chosen, locked, isOwn }: TierChoice,
): PluginTier {
  if (chosen !== undefined && !pluginTiers.includes(chosen)) {
    throw new RangeError(
      `Cannot run plugin ${manifest.id} in tier '${chosen}': the tiers are ${
        pluginTiers.join(", ")
      }`,
    );
  }
  const { support, reason } = manifest.sandbox;
  const own = support === "required" || !isOwn ? "sandboxed" : "trusted";
  const tier = chosen ?? locked ?? own;
  const fits = tier === "sandboxed" ? support !== "unsupported" : support !== "required";
  if (fits) return tier;
  throw new PluginError(
    "E_SANDBOX",
    `Cannot load plugin ${manifest.id}: it does not run ${tier}`,
    {
      url,
      expected: `sandbox ${support}${reason === undefined ? "" : ` (${reason})`}`,
      actual: chosen === undefined && locked === undefined
        ? `tier ${tier}, the default for everything but your own files`
        : `tier ${tier}`,
      hint: support === "required"
        ? `omit the tier, or pass { tier: "sandboxed" }`
        : `pass { tier: "trusted" } or { tier: "worker" }: both run it with the rights of your ` +
          `process`,
    },
  );
}
