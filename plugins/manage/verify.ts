import { messageOf } from "../../core/errors.ts";
import type { LockedPlugin } from "../project/lock_format.ts";
import { fetchManifest, type PluginSource } from "../load/fetch_manifest.ts";
import { locate } from "../load/locate.ts";
import { ProjectLogs } from "./logs.ts";
import type { LogStanding } from "../sources/log.ts";
import { PluginError } from "../errors.ts";
import { readFiles } from "./read_files.ts";
import {
  lockedReference,
  openProject,
  type Project,
  type ProjectOptions,
  registryOf,
} from "./project.ts";
import { askRegistry, registryOfLocked } from "../load/yanks.ts";
import { type RegistryMeta, registryUrl, type Yank, yankOf } from "../sources/registry.ts";
import type { PluginReference } from "../sources/reference.ts";

/** Result of verifying a locked plugin. */
export interface VerifiedPlugin {
  /** Key in the lock file. */
  reference: string;
  /** `owner/name`. */
  id: string;
  /** Locked version. */
  version: string;
  /** Source of its manifest; undefined if it was not found as locked. */
  source: PluginSource | undefined;
  /** Number of verified files, without the manifest. */
  files: number;
  /** Problems; empty if there are none. */
  problems: string[];
  /** Yank of this version in its registry; the locked version can still be used. */
  yanked: Yank | undefined;
  /** Reason why its registry could not be queried for a yank; undefined if it was. */
  registryError: string | undefined;
  /**
   * Its position in the transparency log of its registry; undefined if the log was not queried or
   * did not respond. Contradictions are listed in `problems`.
   */
  log: LogStanding | undefined;
}

/**
 * Hash every file of every locked plugin again, in the vendor folder, the cache or its location on
 * this machine, and compare it with the lock file. Missing files are fetched. A `registry:` entry
 * must point into its registry and have the hash that the registry lists, which reveals an edited
 * lock file. If the registry has a transparency log, the version must be in it, and the log must
 * continue its last known state. Registries are also queried for yanks. Neither a yank nor a
 * registry that does not respond is a problem. With `offline`, the registries' last responses in
 * the cache are used.
 *
 * @throws PluginError `E_CONFIG`, `E_LOCK` if the project's files are unusable
 */
export async function verifyPlugins(
  options: Omit<ProjectOptions, "frozen" | "trustFirstUse"> = {},
): Promise<VerifiedPlugin[]> {
  const project = await openProject(options);
  const { lock, lockUrl, open } = project;
  const logs = new ProjectLogs(project);
  const verifying = Object.entries(lock.plugins).map(
    async ([reference, locked]): Promise<VerifiedPlugin> => {
      const { id, version } = locked;
      const found: VerifiedPlugin = {
        reference,
        id,
        version,
        source: undefined,
        files: 0,
        problems: [],
        yanked: undefined,
        registryError: undefined,
        log: undefined,
      };
      try {
        const location = await locate(lockedReference(reference, lockUrl), {
          ...open,
          frozen: true,
        });
        const candidate = await fetchManifest(location);
        found.source = candidate.source;
        found.problems.push(...contradictions(locked, candidate.manifest));
        found.files = (await readFiles(candidate)).size;
        found.problems.push(...foreignUrl(locked, candidate.reference, project));
        try {
          const meta = await askRegistry(candidate);
          found.yanked = meta && yankOf(version, meta);
          if (meta !== undefined) found.problems.push(...otherInRegistry(locked, meta));
          const registry = registryOfLocked(locked, lockUrl);
          if (meta !== undefined && registry !== undefined) {
            const { log, problems } = await logStanding(logs, registry, locked);
            found.log = log;
            found.problems.push(...problems);
          }
        } catch (error) {
          found.registryError = messageOf(error);
        }
      } catch (error) {
        found.problems.push(messageOf(error));
      }
      return found;
    },
  );
  return await Promise.all(verifying);
}

/**
 * The position of a version in the log of its registry, and contradictions.
 *
 * @throws PluginError `E_HTTP` if the registry does not respond
 */
export async function logStanding(
  logs: ProjectLogs,
  registry: URL,
  locked: LockedPlugin,
): Promise<{ log: LogStanding | undefined; problems: string[] }> {
  try {
    const checked = await logs.check(registry, locked);
    if (checked === undefined) return { log: undefined, problems: [] };
    const { problems, ...log } = checked;
    return { log, problems: problems.map((problem) => `log: ${problem}`) };
  } catch (error) {
    // An unreadable response proves nothing.
    if (!(error instanceof PluginError) || error.code === "E_HTTP") throw error;
    return { log: undefined, problems: [`log: ${messageOf(error)}`] };
  }
}

/**
 * The problem of a `registry:` entry that does not point into its registry. The lock file was
 * edited, possibly including its hashes.
 */
function foreignUrl(
  locked: LockedPlugin,
  reference: PluginReference,
  project: Project,
): string[] {
  if (reference.kind !== "registry") return [];
  const { lockUrl } = project;
  const from = registryOfLocked(locked, lockUrl);
  const named = registryOf(reference, locked, project);
  const registry = named === undefined ? undefined : registryUrl(named);
  const isThere = from !== undefined && locked.id === reference.id &&
    (registry === undefined || registry.href === from.href);
  if (isThere) return [];
  return [
    `url: the lock file says ${new URL(locked.url, lockUrl)}, which is not where ${
      registry === undefined ? "a registry has" : `the registry ${registry} has`
    } ${reference.id} ${locked.version}`,
  ];
}

/** Differences between the registry's version and the locked one. */
export function otherInRegistry(
  { id, version, integrity }: LockedPlugin,
  meta: RegistryMeta,
): string[] {
  const listed = Object.hasOwn(meta.versions, version) ? meta.versions[version] : undefined;
  if (listed?.integrity === integrity) return [];
  return [
    listed === undefined
      ? `version: the registry has no ${id} ${version}`
      : `integrity: the lock file says ${integrity}, the registry ${listed.integrity}`,
  ];
}

/** Contradictions between lock file and manifest: the lock file was edited by hand. */
function contradictions(
  locked: LockedPlugin,
  manifest: { id: string; version: string; files: Record<string, { integrity: string }> },
): string[] {
  const pairs: [what: string, locked: string | undefined, actual: string | undefined][] = [
    ["id", locked.id, manifest.id],
    ["version", locked.version, manifest.version],
    ...[...new Set([...Object.keys(locked.files), ...Object.keys(manifest.files)])].map((
      path,
    ): [string, string | undefined, string | undefined] => [
      path,
      locked.files[path],
      manifest.files[path]?.integrity,
    ]),
  ];
  return pairs.filter(([, was, is]) => was !== is)
    .map(([what, was, is]) => `${what}: the lock file says ${was}, the manifest ${is}`);
}
