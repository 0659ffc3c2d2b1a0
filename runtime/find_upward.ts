import { getRuntime } from "./get_runtime.ts";
import { directoryOf, joinPath, toFileUrl } from "./paths.ts";
import type { FileSystem, Path } from "./types.ts";

/**
 * Find a file of a project: from the folder of the main script upward, then from the working
 * directory upward. What may not be looked at counts as missing.
 *
 * @param fs where to look
 * @param name of the file
 * @returns the nearest one; undefined when there is none
 */
export async function findFile(fs: FileSystem, name: string): Promise<URL | undefined> {
  for (const start of projectFolders()) {
    const found = await findUpward(fs, name, start);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Find a file, or what lies below a folder, in a folder or the nearest one above it. */
export async function findUpward(
  fs: FileSystem,
  name: string,
  start: URL,
): Promise<URL | undefined> {
  for (let folder = start;;) {
    const place = joinPath(folder, name);
    const info = await fs.stat(place).catch(() => undefined);
    if (info?.isFile) return place;
    const above = directoryOf(folder);
    if (above.href === folder.href) return undefined;
    folder = above;
  }
}

/** The folder of the main script and the working directory, as far as they are known. */
export function projectFolders(): URL[] {
  const runtime = getRuntime();
  const main = runtime.mainModule();
  const start = main?.startsWith("file:") ? [directoryOf(new URL(main))] : [];
  return [...start, ...[runtime.workingDirectory()].filter((one) => one !== undefined)];
}

/**
 * The URL of a path, one that depends on the working directory too.
 *
 * @throws TypeError for such a one where the working directory may not be read
 */
export function urlOfPath(path: Path): URL {
  return toFileUrl(path, getRuntime().workingDirectory());
}
