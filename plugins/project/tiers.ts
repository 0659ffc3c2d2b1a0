/**
 * Where a plugin's code runs. Sorted.
 *
 * - `"sandboxed"`: in an interpreter of its own, with nothing but its context
 * - `"trusted"`: in this process with its rights
 * - `"worker"`: in a thread of its own, which can be ended, with the process's rights
 */
export type PluginTier = typeof pluginTiers[number];

/** Every tier. */
export const pluginTiers = ["sandboxed", "trusted", "worker"] as const;
