import { InvalidArgumentError, Option } from "commander";
import { type PluginPermission, pluginPermissions } from "../plugins/manifest/format.ts";
import { pluginTiers } from "../plugins/project/tiers.ts";

/** Parse the options of a callback from the command line: JSON. */
export function parseOptions(text: string): Record<string, unknown> {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    // Reported below.
  }
  if (typeof data === "object" && data !== null && !Array.isArray(data)) {
    return data as Record<string, unknown>;
  }
  throw new InvalidArgumentError(`It must be a JSON object, such as '{ "every": 2 }'.`);
}

/** Permissions by kind: true for all declared values, or a list of values. */
export type AllowedKinds = Partial<Record<PluginPermission, true | string[]>>;

/** `--allow net`, `--allow net=a.example,b.example`, repeatable. */
export function collectAllowed(text: string, before: AllowedKinds = {}): AllowedKinds {
  const [, kind, values] = /^([a-z]+)(?:=(.+))?$/.exec(text) ?? [];
  if (!pluginPermissions.includes(kind as PluginPermission)) {
    throw new InvalidArgumentError(
      `It must be ${pluginPermissions.join(", ")}, followed by =VALUE,VALUE to limit it.`,
    );
  }
  return { ...before, [kind]: values === undefined ? true : values.split(",") };
}

/** `--minimum-age`: minimum age of a version from a registry. */
export function minimumAgeOption(): Option {
  return new Option(
    "--minimum-age <HOURS>",
    "Only use versions that a registry published at least this long ago.",
  ).argParser((text) => {
    const hours = Number(text);
    if (text.trim() !== "" && hours >= 0) return hours;
    throw new InvalidArgumentError("It must be a number of hours, 0 or more.");
  });
}

/** `--tier`: where the plugin's code runs. */
export function tierOption(): Option {
  return new Option("--tier <TIER>", "Where its code runs. Default: chosen as by loadPlugin.")
    .choices(pluginTiers);
}
