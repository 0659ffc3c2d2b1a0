import { manifestName } from "../manifest/format.ts";
import type { LockedPlugin } from "../project/lock_format.ts";
import {
  readKeptMeta,
  readMeta,
  type RegistryMeta,
  type Yank,
  yankOf,
} from "../sources/registry.ts";
import type { Candidate } from "./fetch_manifest.ts";

/** Limits of a query that nothing depends on: one attempt of at most 5 s. */
const brief = { timeout: 5000, retries: 0 };

/**
 * Query a registry whether a plugin's version has been yanked.
 *
 * @returns undefined if it has not, or the plugin is not from a registry
 * @throws PluginError `E_HTTP`, `E_OFFLINE`, `E_REGISTRY` if the registry does not respond
 */
export async function askForYank(candidate: Candidate): Promise<Yank | undefined> {
  const meta = await askRegistry(candidate);
  return meta && yankOf(candidate.manifest.version, meta);
}

/**
 * The current versions of a plugin in its registry.
 *
 * @returns undefined if the plugin is not from a registry
 * @throws PluginError `E_HTTP`, `E_OFFLINE`, `E_REGISTRY` if the registry does not respond
 */
export async function askRegistry(candidate: Candidate): Promise<RegistryMeta | undefined> {
  const { meta, manifest: { id }, fetcher, cache } = candidate;
  if (meta !== undefined) return meta;
  const registry = registryOfCandidate(candidate);
  return registry && await readMeta(id, registry, fetcher, cache, brief);
}

/**
 * Warn about a yanked version, once per process. The registry is queried only if the plugin was
 * just fetched from it; otherwise its last response in the cache is used. A registry that does not
 * respond never prevents a run.
 */
export async function warnIfYanked(candidate: Candidate): Promise<void> {
  const { manifest: { id, version }, source, cache } = candidate;
  let yank: Yank | undefined;
  try {
    const registry = registryOfCandidate(candidate);
    const isAsked = candidate.meta !== undefined || source === "network" || source === "file";
    if (isAsked) yank = await askForYank(candidate);
    else if (registry !== undefined) {
      const meta = await readKeptMeta(id, registry, cache);
      yank = meta && yankOf(version, meta);
    }
  } catch {
    return;
  }
  const plugin = `${id} ${version}`;
  if (yank === undefined || warned.has(plugin)) return;
  warned.add(plugin);
  console.warn(
    `keepfit: plugin ${plugin} is ${yankText(yank)}; keepfit update looks for another version`,
  );
}

const warned = new Set<string>();

/** `yanked`, with the reason if there is one. */
export function yankText({ reason }: Yank): string {
  return reason === undefined ? "yanked" : `yanked (${reason})`;
}

/**
 * The registry that a plugin was locked from, derived from the layout of registries.
 *
 * @returns undefined if its URL has another layout
 */
export function registryOfLocked(
  { id, version, url }: Pick<LockedPlugin, "id" | "url" | "version">,
  lock: URL,
): URL | undefined {
  const manifest = new URL(url, lock);
  const end = `/${id}/${encodeURIComponent(version)}/${manifestName}`;
  if (!manifest.pathname.endsWith(end)) return undefined;
  manifest.pathname = manifest.pathname.slice(0, -end.length + 1);
  manifest.search = manifest.hash = "";
  return manifest;
}

function registryOfCandidate({ reference, manifest, url }: Candidate): URL | undefined {
  if (reference.kind !== "registry") return undefined;
  const { id, version } = manifest;
  return registryOfLocked({ id, version, url: url.href }, url);
}
