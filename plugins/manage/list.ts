import { cacheFolder } from "../load/locate.ts";
import { registryOfLocked } from "../load/yanks.ts";
import { PluginCache } from "../sources/cache.ts";
import { readKeptMeta, type Yank, yankOf } from "../sources/registry.ts";
import { lockKey } from "../project/lock.ts";
import type { LockedPlugin } from "../project/lock_format.ts";
import { configuredPlugins, lockedReference, openProject, type ProjectOptions } from "./project.ts";

/** A plugin of a project. */
export interface ListedPlugin {
  /** Key in the lock file. */
  reference: string;
  /** The reference in a form that is valid in any folder: a file as its URL. */
  absolute: string;
  /** Entry of the lock file; undefined for a plugin that is only in `keepfit.json`. */
  locked: LockedPlugin | undefined;
  /** Number of its entries in `keepfit.json`. */
  configured: number;
  /** Yank of the locked version, when its registry was last queried. Default: undefined. */
  yanked?: Yank;
}

/**
 * List the plugins of a project by reference, from its files and the registries' responses in the
 * cache, without network access.
 *
 * @throws PluginError `E_CONFIG`, `E_LOCK`
 */
export async function listPlugins(
  options: Pick<ProjectOptions, "cacheDir" | "config" | "fs" | "lock"> = {},
): Promise<ListedPlugin[]> {
  const project = await openProject(options);
  const { plugins } = project.lock;
  const configured = configuredPlugins(project)
    .map(({ reference }) => lockKey(reference, project.lockUrl));
  const references = [...new Set([...Object.keys(plugins), ...configured])].sort();
  const cache = new PluginCache(project.fs, cacheFolder(project.open.cacheDir));
  return await Promise.all(references.map(async (reference): Promise<ListedPlugin> => {
    const locked = Object.hasOwn(plugins, reference) ? plugins[reference] : undefined;
    const registry = locked && registryOfLocked(locked, project.lockUrl);
    const meta = registry && await readKeptMeta(locked.id, registry, cache);
    const yanked = meta && yankOf(locked.version, meta);
    return {
      reference,
      absolute: lockedReference(reference, project.lockUrl),
      locked,
      configured: configured.filter((one) => one === reference).length,
      ...(yanked && { yanked }),
    };
  }));
}
