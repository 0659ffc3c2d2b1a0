import type { Runtime } from "../../runtime/types.ts";
import { PluginError } from "../errors.ts";
import type { PluginManifest } from "../manifest/format.ts";
import type { Peers } from "./peers.ts";
import { compareVersions, parseVersion, satisfies } from "../manifest/semver.ts";
import { version } from "../manifest/version.ts";

/** A version and a range that excludes it. */
export interface Misfit {
  name: string;
  range: string;
  actual: string;
}

/**
 * Find a version outside the ranges that a plugin declares.
 *
 * @param engines ranges of a manifest or of a version in a registry
 * @param runtime the current runtime
 * @param peers provided modules, and the ranges for them
 * @returns the first mismatch; undefined if all match
 */
export function misfitOf(
  engines: PluginManifest["engines"],
  runtime: Pick<Runtime, "name" | "version">,
  peers: Peers = {},
  ranges: Record<string, string> = {},
): Misfit | undefined {
  const present: [name: string, range: string | undefined, actual: string | undefined][] = [
    ["keepfit", engines.core, version],
    [runtime.name, engines[runtime.name], runtime.version],
    [tfjs, engines.tfjs, versionOf(peers[tfjs])],
    ...Object.entries(ranges).map((
      [name, range],
    ): [string, string, string | undefined] => [name, range, versionOf(peers[name])]),
  ];
  for (const [name, range, actual] of present) {
    if (range === undefined || actual === undefined || satisfies(actual, range)) continue;
    return { name, range, actual };
  }
  return undefined;
}

/**
 * Check that a plugin supports this keepfit, this runtime and the given peers.
 *
 * @throws PluginError `E_ENGINE` for a version outside the declared range
 * @throws PluginError `E_RUNTIME` on an undeclared runtime
 */
export function checkEngines(
  manifest: PluginManifest,
  url: string,
  runtime: Pick<Runtime, "name" | "version">,
  peers: Peers = {},
): void {
  const { id, engines, runtimes, compat = {} } = manifest;
  if (runtimes !== undefined && !runtimes.includes(runtime.name)) {
    throw new PluginError("E_RUNTIME", `Cannot load plugin ${id} on ${runtime.name}`, {
      url,
      expected: runtimes.join(", "),
      actual: runtime.name,
    });
  }
  const misfit = misfitOf(engines, runtime, peers, manifest.peers);
  if (misfit === undefined) return;
  const { name, range, actual } = misfit;
  const other = name === "keepfit" ? newestFor(compat) : undefined;
  throw new PluginError("E_ENGINE", `Cannot load plugin ${id}: it does not support this ${name}`, {
    url,
    expected: `${name} ${range}`,
    actual: `${name} ${actual}`,
    hint: other === undefined
      ? `use another version of the plugin, or of ${name}`
      : `its version ${other} supports this one`,
  });
}

/** The newest other version of a plugin that supports this keepfit. */
function newestFor(compat: Record<string, string>): string | undefined {
  return Object.keys(compat).filter((one) => satisfies(version, compat[one]))
    .sort((a, b) => compareVersions(parseVersion(b), parseVersion(a)))[0];
}

const tfjs = "@tensorflow/tfjs";

/** The version that a module exports; TensorFlow.js exports one for each of its packages. */
function versionOf(module: object | undefined): string | undefined {
  const { version } = (module ?? {}) as { version?: string | { tfjs?: string } };
  return typeof version === "string" ? version : version?.tfjs;
}
