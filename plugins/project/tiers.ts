/**
 * Where a plugin's code runs. Sorted.
 *
 * - `"sandboxed"`: in its own interpreter, with its context only
 * - `"trusted"`: in this process, with its rights
 * - `"worker"`: in its own thread, which can be ended, with the rights of the process
 */
export type PluginTier = "sandboxed" | "trusted" | "worker";

/** Every tier. */
export const pluginTiers = [
  "sandboxed",
  "trusted",
  "worker",
] as const satisfies readonly PluginTier[];
