import { messageOf } from "../../core/errors.ts";
import type { LockedPlugin } from "../project/lock_format.ts";
import { openPlugin, type PluginSource } from "../load/open_plugin.ts";
import { readFiles } from "./read_files.ts";
import { lockedReference, openProject, type ProjectOptions } from "./project.ts";
import type { Yank } from "../sources/registry.ts";
import { askForYank } from "../load/yanks.ts";

/** How a locked plugin was found. */
export interface VerifiedPlugin {
  reference: string;
  id: string;
  version: string;
  /** Where its manifest was; undefined where it was not found as it was locked. */
  source: PluginSource | undefined;
  /** How many files were verified, without the manifest. */
  files: number;
  /** What is wrong; empty where nothing is. */
  problems: string[];
  /** Set where its registry has yanked this version: what is locked stays usable. */
  yanked: Yank | undefined;
  /** Why its registry could not be asked whether it is yanked; undefined where it could. */
  unasked: string | undefined;
}

/**
 * Hash every file of every locked plugin anew, in the vendor folder, the cache or where it lies on
 * this machine, and hold it against the lock file. What is missing is fetched. Registries are asked
 * whether a version has been yanked since; one that does not answer is no problem, nor is a yank.
 * With `offline` what they said last counts, which the cache has.
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
        const opened = await openPlugin(lockedReference(reference, lockUrl), {
          ...open,
          frozen: true,
        });
        found.source = opened.source;
        found.problems.push(...contradictions(locked, opened.manifest));
        found.files = (await readFiles(opened)).size;
        try {
          found.yanked = await askForYank(opened, options);
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

/** Where a lock file says of a manifest what is not in it: somebody wrote it by hand. */
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
