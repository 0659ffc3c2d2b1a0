import { FileSystemError } from "./errors.ts";
import { ensureDir, exists, type FilesOptions } from "./files.ts";
import { getRuntime } from "./get_runtime.ts";
import { directoryOf, joinPath, showPath } from "./paths.ts";
import { sweep } from "./temporary_files.ts";
import type { Path } from "./types.ts";

/**
 * Create a directory, then write and remove a file in it, so that an error occurs now instead of
 * after hours of work. Temporary files of killed processes are removed from it.
 *
 * @throws FileSystemError when the directory cannot be created or written to
 */
export async function probeDirectory(
  directory: Path,
  { fs = getRuntime().fs }: FilesOptions = {},
): Promise<void> {
  await ensureDir(directory, { fs });
  // The name is always the same, so that the next process removes the file of a killed one.
  const path = joinPath(directory, ".keepfit.probe");
  await (await fs.open(path, "truncate")).close();
  await fs.remove(path);
  await sweep(directory, { fs });
}

/**
 * Check that a file or a directory can be created at a path: its parent directory is created and
 * writable, and the path is not of the other kind.
 *
 * @throws FileSystemError if it cannot be created
 */
export async function probePath(
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
