import { PluginCache } from "../sources/cache.ts";
import { createFetcher } from "../sources/fetcher.ts";
import { cacheFolder } from "../load/locate.ts";
import {
  lockedReference,
  openProject,
  type Project,
  type ProjectOptions,
  registryOf,
} from "./project.ts";
import type { LockedPlugin } from "../project/lock_format.ts";
import { parseReference, type RegistryReference } from "../sources/reference.ts";
import { isNewer } from "../manifest/semver.ts";
import { bestVersion, readMeta, registryUrl, type Yank, yankOf } from "../sources/registry.ts";

/** A locked plugin compared with its registry. */
export interface OutdatedPlugin {
  /** Key in the lock file. */
  reference: string;
  /** `owner/name`. */
  id: string;
  /** Locked version. */
  locked: string;
  /**
   * The newest version in the range of the reference; undefined if there is none or it is unknown.
   */
  wanted: string | undefined;
  /** The newest version of any range; undefined if there is none or it is unknown. */
  latest: string | undefined;
  /** The yank of the locked version; undefined if it is not yanked. */
  yanked: Yank | undefined;
  /** Whether `wanted` differs from `locked`, `latest` is newer, or `locked` is yanked. */
  isOutdated: boolean;
  /** Error of its registry; undefined if it responded. */
  error: unknown;
}

/**
 * Compare the locked plugins with the current versions in their registries. Only lists of versions
 * are read, and nothing is changed. Versions that are yanked, too recent for `minimumAge`, or made
 * for another keepfit or runtime count neither as wanted nor as latest.
 *
 * @returns one result per plugin, in the order of the lock file
 * @throws PluginError `E_CONFIG`, `E_LOCK` when the project's own files are unusable
 */
export async function outdatedPlugins(
  options: Omit<ProjectOptions, "frozen" | "trustFirstUse"> = {},
): Promise<OutdatedPlugin[]> {
  const project = await openProject(options);
  const asking = Object.entries(project.lock.plugins).map(([key, locked]) => {
    const reference = parseReference(lockedReference(key, project.lockUrl));
    return reference.kind === "registry" ? standingOf(reference, locked, project) : undefined;
  });
  return (await Promise.all(asking)).filter((one) => one !== undefined);
}

async function standingOf(
  reference: RegistryReference,
  locked: LockedPlugin,
  project: Project,
): Promise<OutdatedPlugin> {
  const { fs, open } = project;
  const { id, version } = locked;
  const standing: OutdatedPlugin = {
    reference: reference.key,
    id,
    locked: version,
    wanted: undefined,
    latest: undefined,
    yanked: undefined,
    isOutdated: false,
    error: undefined,
  };
  try {
    const registry = registryUrl(registryOf(reference, locked, project));
    const cache = new PluginCache(fs, cacheFolder(open.cacheDir));
    const fetcher = createFetcher(fs, open);
    const meta = await readMeta(id, registry, fetcher, cache);
    const wanted = bestVersion(meta, reference, open);
    const latest = bestVersion(meta, {}, open);
    const yanked = yankOf(version, meta);
    const isOutdated = wanted !== version || yanked !== undefined ||
      (latest !== undefined && isNewer(latest, version));
    return { ...standing, wanted, latest, yanked, isOutdated };
  } catch (error) {
    return { ...standing, error };
  }
}
