import type { Runtime } from "../runtime/types.ts";
import { PluginError } from "./errors.ts";
import type { PluginManifest } from "./manifest_format.ts";
import type { Peers } from "./peers.ts";
import { satisfies } from "./semver.ts";
import { version } from "./version.ts";

/**
 * Make sure that a plugin was made for this keepfit, this runtime and the peers it is given.
 *
 * @throws PluginError `E_ENGINE` for a version outside the declared range
 * @throws PluginError `E_RUNTIME` on a runtime that the plugin does not name
 */
export function checkEngines(
  manifest: PluginManifest,
  url: string,
  runtime: Pick<Runtime, "name" | "version">,
  peers: Peers = {},
): void {
  const { id, engines, runtimes } = manifest;
  if (runtimes !== undefined && !runtimes.includes(runtime.name)) {
    throw new PluginError("E_RUNTIME", `Cannot load plugin ${id} on ${runtime.name}`, {
      url,
      expected: runtimes.join(", "),
      actual: runtime.name,
    });
  }
  const present: [name: string, range: string | undefined, actual: string | undefined][] = [
    ["keepfit", engines.core, version],
    [runtime.name, engines[runtime.name], runtime.version],
    [tfjs, engines.tfjs, versionOf(peers[tfjs])],
    ...Object.entries(manifest.peers ?? {}).map((
      [name, range],
    ): [string, string, string | undefined] => [name, range, versionOf(peers[name])]),
  ];
  for (const [name, range, actual] of present) {
    if (range === undefined || actual === undefined || satisfies(actual, range)) continue;
    throw new PluginError("E_ENGINE", `Cannot load plugin ${id}: it is not made for this ${name}`, {
      url,
      expected: `${name} ${range}`,
      actual: `${name} ${actual}`,
      hint: `use another version of the plugin, or of ${name}`,
    });
  }
}

const tfjs = "@tensorflow/tfjs";

/** What a module tells of its own version; TensorFlow.js tells that of each of its packages. */
function versionOf(module: object | undefined): string | undefined {
  const { version } = (module ?? {}) as { version?: string | { tfjs?: string } };
  return typeof version === "string" ? version : version?.tfjs;
}
