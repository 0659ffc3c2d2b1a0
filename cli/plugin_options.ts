import { InvalidArgumentError, Option } from "commander";
import { type PluginPermission, pluginPermissions } from "../plugins/manifest/format.ts";
import { pluginTiers } from "../plugins/project/tiers.ts";

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

/** Permissions by kind: all that is declared, or these values. */
export type AllowedKinds = Partial<Record<PluginPermission, true | string[]>>;

/** `--allow net`, `--allow net=a.example,b.example`, again and again. */
export function collectAllowed(text: string, before: AllowedKinds = {}): AllowedKinds {
  const [, kind, values] = /^([a-z]+)(?:=(.+))?$/.exec(text) ?? [];
  if (!pluginPermissions.includes(kind as PluginPermission)) {
    throw new InvalidArgumentError(
      `It must be ${pluginPermissions.join(", ")}, with =VALUE,VALUE behind it for some alone.`,
    );
  }
  return { ...before, [kind]: values === undefined ? true : values.split(",") };
}

/** `--minimum-age`: how long a version of a registry must be out. */
export function minimumAgeOption(): Option {
  return new Option(
    "--minimum-age <HOURS>",
    "Take a registry's version only when it was published so long ago.",
  ).argParser((text) => {
    const hours = Number(text);
    if (text.trim() !== "" && hours >= 0) return hours;
    throw new InvalidArgumentError("It must be a number of hours, 0 or more.");
  });
}

/** `--tier`: where the plugin's code runs. */
export function tierOption(): Option {
  return new Option("--tier <TIER>", "Where its code runs. Default: as loadPlugin chooses.")
    .choices(pluginTiers);
}
