import { messageOf } from "../../core/errors.ts";
import type { LockedPlugin } from "../project/lock_format.ts";
import { fetchManifest, type PluginSource } from "../load/fetch_manifest.ts";
import { locate } from "../load/locate.ts";
import { readFiles } from "./read_files.ts";
import { lockedReference, openProject, type ProjectOptions } from "./project.ts";
import type { Yank } from "../sources/registry.ts";
import { askForYank } from "../load/yanks.ts";

/** Result of verifying a locked plugin. */
export interface VerifiedPlugin {
  /** Key in the lock file. */
  reference: string;
  /** `owner/name`. */
  id: string;
  /** Locked version. */
  version: string;
  /** Where its manifest was; undefined where it was not found as it was locked. */
  source: PluginSource | undefined;
  /** How many files were verified, without the manifest. */
  files: number;
  /** Problems; empty if there are none. */
  problems: string[];
  /** Set where its registry has yanked this version: what is locked stays usable. */
  yanked: Yank | undefined;
  /** Why its registry could not be asked whether it is yanked; undefined where it could. */
  unasked: string | undefined;
}

/**
 * Hash every file of every locked plugin again, in the vendor folder, the cache or its place on this
 * machine, and compare it with the lock file. Missing files are fetched. Registries are asked whether
 * a version has been yanked since; neither a yank nor a registry that does not answer is a problem.
 * With `offline`, their last answers in the cache count.
 *
 * @throws PluginError `E_CONFIG`, `E_LOCK` when the project's own files cannot be used
 */
export async function verifyPlugins(
  options: Omit<ProjectOptions, "frozen" | "trustFirstUse"> = {},
): Promise<VerifiedPlugin[]> {
  const { lock, lockUrl, open } = await openProject(options);
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
        unasked: undefined,
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
        try {
          found.yanked = await askForYank(candidate);
        } catch (error) {
          found.unasked = messageOf(error);
        }
      } catch (error) {
        found.problems.push(messageOf(error));
      }
      return found;
    },
  );
  return await Promise.all(verifying);
}

/** Where the lock file and the manifest contradict each other: the lock file was edited by hand. */
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
