import { InvalidArgumentError, Option } from "commander";
import type { PluginTier } from "../plugins/mod.ts";

/** The options of a callback, as they stand on a command line: JSON. */
export function parseOptions(text: string): Record<string, unknown> {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    // Told below, as what was wanted.
  }
  if (typeof data === "object" && data !== null && !Array.isArray(data)) {
    return data as Record<string, unknown>;
  }
  throw new InvalidArgumentError(`It must be a JSON object, such as '{ "every": 2 }'.`);
}

const tiers: readonly PluginTier[] = ["sandboxed", "trusted", "worker"];

/** `--tier`: where the plugin's code runs. */
export function tierOption(): Option {
  return new Option("--tier <TIER>", "Where its code runs. Default: as loadPlugin chooses.")
    .choices(tiers);
}
