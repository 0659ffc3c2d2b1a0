import { FileSystemError } from "./errors.ts";
import { ensureDir, exists, type FilesOptions } from "./files.ts";
import { getRuntime } from "./get_runtime.ts";
import { directoryOf, joinPath, showPath } from "./paths.ts";
import type { Path } from "./types.ts";

/**
 * Make a directory and write a file into it, which is removed again: what fails here would fail after
 * hours of work.
 *
 * @throws FileSystemError when the directory cannot be made or written to
 */
export async function probeDirectory(
  directory: Path,
  { fs = getRuntime().fs }: FilesOptions = {},
): Promise<void> {
  await ensureDir(directory, { fs });
  // One name for all, so that what a killed process left is removed by the next one.
  const path = joinPath(directory, ".keepfit.probe");
  await (await fs.open(path, "truncate")).close();
  await fs.remove(path);
}

/**
 * See that a file or a directory can be put at a path: the directory above is made and written to, and
 * nothing of the other kind is there.
 *
 * @throws FileSystemError when it cannot
 */
export async function probePlace(
  path: Path,
  kind: "file" | "directory",
  { fs = getRuntime().fs }: FilesOptions = {},
): Promise<void> {
  await probeDirectory(directoryOf(path), { fs });
  const isFile = kind === "file";
  if (!await exists(path, { fs, isFile: !isFile, isDirectory: isFile })) return;
  throw new FileSystemError(
    isFile ? "IsADirectory" : "NotADirectory",
    `Cannot write ${showPath(path)}: expected a ${kind}, got a ${isFile ? "directory" : "file"}`,
    { path: showPath(path) },
  );
}
