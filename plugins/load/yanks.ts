import { createFetcher, type FetchOptions } from "../sources/fetcher.ts";
import type { LockedPlugin } from "../project/lock_format.ts";
import { manifestName } from "../manifest/format.ts";
import type { OpenPlugin, OpenPluginOptions } from "./open_plugin.ts";
import { readKeptMeta, readMeta, type Yank, yankOf } from "../sources/registry.ts";

/** Milliseconds that a registry has for a question that nothing depends on. */
const patience = 5000;

/**
 * Whether the version that is open has been yanked, as its registry says now.
 *
 * @returns undefined where it is not, or it does not come from a registry
 * @throws PluginError `E_HTTP`, `E_OFFLINE`, `E_REGISTRY` where the registry cannot be asked
 */
export async function askForYank(
  opened: OpenPlugin,
  options: FetchOptions,
): Promise<Yank | undefined> {
  const { meta, manifest: { id, version }, fs, cache } = opened;
  if (meta !== undefined) return yankOf(version, meta);
  const registry = registryOfOpen(opened);
  if (registry === undefined) return undefined;
  const fetcher = createFetcher(fs, registry.origin, {
    ...options,
    retries: 0,
    timeout: Math.min(options.timeout ?? patience, patience),
  });
  return yankOf(version, await readMeta(id, registry, fetcher, cache, options));
}

/**
 * Warn, once in a process, of a version that was yanked. The registry is asked only where the plugin
 * was fetched from there just now; else what it said last counts, which the cache has. A registry
 * that does not answer keeps no run from starting.
 */
export async function warnIfYanked(opened: OpenPlugin, options: OpenPluginOptions): Promise<void> {
  const { manifest: { id, version }, source, cache } = opened;
  let yank: Yank | undefined;
  try {
    const registry = registryOfOpen(opened);
    const isAsked = opened.meta !== undefined || source === "network" || source === "file";
    if (isAsked) yank = await askForYank(opened, options);
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

/** `yanked`, with the reason where there is one. */
export function yankText({ reason }: Yank): string {
  return reason === undefined ? "yanked" : `yanked (${reason})`;
}

/**
 * The registry that a plugin was locked from, by the layout that registries have.
 *
 * @returns undefined where its URL has another layout
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

function registryOfOpen({ reference, manifest, url }: OpenPlugin): URL | undefined {
  if (reference.kind !== "registry") return undefined;
  const { id, version } = manifest;
  return registryOfLocked({ id, version, url: url.href }, url);
}
