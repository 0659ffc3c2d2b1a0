import { printable } from "../core/printable.ts";
import { getRuntime } from "./get_runtime.ts";
import { directoryOf, isAbsolute, joinPath, toFileUrl } from "./paths.ts";
import type { FileSystem, Path } from "./types.ts";

/**
 * Find a project file: from the folder of the main script upward, then from the working directory
 * upward. A path that cannot be inspected counts as missing.
 *
 * @param fs file system to search
 * @param name name of the file
 * @returns the nearest file; undefined if there is none
 */
export async function findFile(fs: FileSystem, name: string): Promise<URL | undefined> {
  for (const start of projectFolders()) {
    const found = await findUpward(fs, name, start);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Find a file, or a path below a folder, in `folder` or the nearest folder above. A file that
 * belongs to another user is ignored with a warning: a user who can write to a parent folder, such
 * as `/tmp`, must not be able to configure other users' programs.
 */
export async function findUpward(
  fs: FileSystem,
  name: string,
  start: URL,
): Promise<URL | undefined> {
  const { user } = getRuntime();
  const owner = (await fs.stat(start).catch(() => undefined))?.owner ?? undefined;
  for (let folder = start;;) {
    const target = joinPath(folder, name);
    const info = await fs.stat(target).catch(() => undefined);
    if (info?.isFile) {
      // If the user is unknown, the owner of the first folder is trusted.
      const isOwn = [0, user, owner, null, undefined].includes(info.owner) ||
        (user === undefined && folder === start);
      if (isOwn) return target;
      warnOfForeign(target);
    }
    const above = directoryOf(folder);
    if (above.href === folder.href) return undefined;
    folder = above;
  }
}

const warned = new Set<string>();

function warnOfForeign({ href }: URL): void {
  if (warned.has(href)) return;
  warned.add(href);
  console.warn(`keepfit: ignored ${printable(href)}: it belongs to another user`);
}

/** The folder of the main script and the working directory, if known. */
export function projectFolders(): URL[] {
  const runtime = getRuntime();
  const main = runtime.mainModule();
  const start = main?.startsWith("file:") ? [directoryOf(new URL(main))] : [];
  return [...start, ...[runtime.workingDirectory()].filter((one) => one !== undefined)];
}

/**
 * The URL of an absolute or relative path.
 *
 * @throws TypeError for a relative path when the working directory may not be read
 */
export function urlOfPath(path: Path): URL {
  const folder = getRuntime().workingDirectory();
  if (folder === undefined && typeof path === "string" && path !== "" && !isAbsolute(path)) {
    throw new TypeError(
      `Cannot use ${path}: the working directory may not be read (run Deno again with ` +
        "--allow-read=.)",
    );
  }
  return toFileUrl(path, folder);
}
