import { PluginError } from "../errors.ts";
import type { PluginCallbackEntry, PluginManifest } from "../manifest/format.ts";

/**
 * The requested callback of a plugin.
 *
 * @param name undefined for the only one
 * @throws PluginError `E_EXPORT` if there is none of that name, or several and no name
 */
export function chooseCallback(
  manifest: PluginManifest,
  url: string,
  name: string | undefined,
): PluginCallbackEntry {
  const { callbacks } = manifest;
  const found = name === undefined && callbacks.length === 1
    ? callbacks[0]
    : callbacks.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new PluginError("E_EXPORT", `Cannot load plugin ${manifest.id}: which of its callbacks?`, {
    url,
    expected: `{ callback } as one of ${callbacks.map((one) => one.name).join(", ")}`,
    actual: name ?? "none",
  });
}
