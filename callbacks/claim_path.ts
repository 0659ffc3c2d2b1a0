import { comparablePath, showPath } from "../runtime/paths.ts";
import type { FileSystem, Path } from "../runtime/types.ts";

/** The paths in each file system that callbacks of this process write to. */
const claimed = new WeakMap<FileSystem, Set<string>>();

/**
 * Claim a file or directory for one writer. Warns if it has another one, because each would
 * overwrite what the other wrote.
 *
 * @returns releases the path; may be called again
 */
export function claimPath(fs: FileSystem, path: Path): () => void {
  const paths = claimed.get(fs) ?? new Set();
  claimed.set(fs, paths);
  const key = comparablePath(path);
  if (paths.has(key)) {
    console.warn(
      `keepfit: another callback also writes to ${showPath(path)}, or was not closed; two must ` +
        `not share a path`,
    );
    return () => {};
  }
  paths.add(key);
  return () => void paths.delete(key);
}
