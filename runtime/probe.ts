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
 * See that a file can be written: its directory is made and written to, and no directory has its name.
 *
 * @throws FileSystemError when it cannot be written
 */
export async function probeFile(
  path: Path,
  { fs = getRuntime().fs }: FilesOptions = {},
): Promise<void> {
  await probeDirectory(directoryOf(path), { fs });
  if (!await exists(path, { fs, isDirectory: true })) return;
  throw new FileSystemError(
    "IsADirectory",
    `Cannot write ${showPath(path)}: expected a file, got a directory`,
    { path: showPath(path) },
  );
}
