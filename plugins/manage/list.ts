import { lockKey } from "../project/lock.ts";
import type { LockedPlugin } from "../project/lock_format.ts";
import { configuredPlugins, lockedReference, openProject, type ProjectOptions } from "./project.ts";

/** A plugin of a project. */
export interface ListedPlugin {
  /** Key in the lock file. */
  reference: string;
  /** The reference for use anywhere: a file as its URL. */
  absolute: string;
  /** Entry of the lock file; undefined for a plugin that is only in `keepfit.json`. */
  locked: LockedPlugin | undefined;
  /** Number of its entries in `keepfit.json`. */
  configured: number;
}

/**
 * List the plugins of a project, by reference, from its files alone: no network, no cache.
 *
 * @throws PluginError `E_CONFIG`, `E_LOCK`
 */
export async function listPlugins(
  options: Pick<ProjectOptions, "config" | "fs" | "lock"> = {},
): Promise<ListedPlugin[]> {
  const project = await openProject(options);
  const { plugins } = project.lock;
  const configured = configuredPlugins(project)
    .map(({ reference }) => lockKey(reference, project.lockUrl));
  const references = [...new Set([...Object.keys(plugins), ...configured])].sort();
  return references.map((reference) => ({
    reference,
    absolute: lockedReference(reference, project.lockUrl),
    locked: Object.hasOwn(plugins, reference) ? plugins[reference] : undefined,
    configured: configured.filter((one) => one === reference).length,
  }));
}
