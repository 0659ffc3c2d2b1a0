import type { Runtime } from "../../runtime/types.ts";
import type { PluginCache } from "../sources/cache.ts";
import type { PluginContext } from "./context/mod.ts";
import { PluginError } from "../errors.ts";
import type { ModuleGraph } from "../modules/graph.ts";
import type { PluginLimits } from "../project/limits.ts";
import { type PluginTier, pluginTiers } from "../project/tiers.ts";
import type { PluginCallbackEntry, PluginManifest } from "../manifest/format.ts";

/** A verified plugin, about to be made into a callback. */
export interface TierRun {
  manifest: PluginManifest;
  entry: PluginCallbackEntry;
  /** Of the manifest, for messages. */
  url: string;
  graph: ModuleGraph;
  /** Checked, and the plugin's own. */
  options: Record<string, unknown>;
  /** All that the plugin may do. Its functions take and give plain data, bytes and promises. */
  context: PluginContext;
  limits: Required<PluginLimits>;
  /** Aborts when nobody waits for the plugin any more. */
  signal: AbortSignal;
  /** Where modules can be put to be imported; undefined where that cannot be. */
  cache: PluginCache | undefined;
  runtime: Runtime;
}

/**
 * Runs the module in a tier.
 *
 * @returns what the plugin made: an object whose members are hooks, and may be `setParams`,
 *   `getState`, `setState`, `readsBatchLogs` and `close`; a promise is awaited
 * @throws PluginError `E_EXPORT`, `E_FACTORY`, `E_MODULE` and of the tier's own
 */
export type RunTier = (run: TierRun) => Promise<unknown>;

/** What decides about a plugin's tier beside its manifest. */
export interface TierChoice {
  /** What the user asks for. */
  wanted?: PluginTier;
  /** What the lock file says. */
  locked?: PluginTier;
  /** True where the plugin is the user's own. */
  isOwn: boolean;
}

/**
 * The tier of a plugin that is loaded: what the user says, else what the lock file says, else
 * `"trusted"` for the user's own and `"sandboxed"` for all others and for what requires it.
 *
 * @throws RangeError for a tier that there is not
 * @throws PluginError `E_SANDBOX` when the plugin does not run there
 */
export function chooseTier(
  manifest: PluginManifest,
  url: string,
  { wanted, locked, isOwn }: TierChoice,
): PluginTier {
  if (wanted !== undefined && !pluginTiers.includes(wanted)) {
    throw new RangeError(
      `Cannot run plugin ${manifest.id} in tier '${wanted}': the tiers are ${
        pluginTiers.join(", ")
      }`,
    );
  }
  const { support, reason } = manifest.sandbox;
  const own = support === "required" || !isOwn ? "sandboxed" : "trusted";
  const tier = wanted ?? locked ?? own;
  const fits = tier === "sandboxed" ? support !== "unsupported" : support !== "required";
  if (fits) return tier;
  throw new PluginError(
    "E_SANDBOX",
    `Cannot load plugin ${manifest.id}: it does not run ${tier}`,
    {
      url,
      expected: `sandbox ${support}${reason === undefined ? "" : ` (${reason})`}`,
      actual: wanted === undefined && locked === undefined
        ? `tier ${tier}, as for all that is not a file of your own`
        : `tier ${tier}`,
      hint: support === "required"
        ? `leave out the tier, or pass { tier: "sandboxed" }`
        : `pass { tier: "trusted" } or { tier: "worker" }: both give it your process's rights`,
    },
  );
}
