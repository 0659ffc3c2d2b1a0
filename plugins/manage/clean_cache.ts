import { getRuntime, joinPath, toFileUrl } from "../../runtime/mod.ts";
import type { FileSystem, Path } from "../../runtime/types.ts";
import { cacheFolders } from "../sources/cache.ts";
import { defaultCacheDir } from "../load/locate.ts";

/** Options of {@linkcode cleanCache}. */
export interface CleanCacheOptions {
  /** Folder of the cache. Default: in the user's cache folder. */
  cacheDir?: Path;
  /** File system of the cache. Default: the runtime's. */
  fs?: FileSystem;
}

/**
 * Empty the cache of plugins. Other files in its folder are kept.
 *
 * @returns the number of bytes freed
 * @example
 * ```ts
 * import { cleanCache } from "keepfit/plugins";
 * import { memoryFileSystem } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * assert.equal(await cleanCache({ cacheDir: "/cache", fs: memoryFileSystem() }), 0);
 * ```
 */
export async function cleanCache(
  { cacheDir = defaultCacheDir(), fs = getRuntime().fs }: CleanCacheOptions = {},
): Promise<number> {
  if (cacheDir === undefined) return 0;
  let freed = 0;
  for (const name of cacheFolders) {
    const folder = joinPath(toFileUrl(cacheDir), name);
    freed += await bytesIn(folder, fs);
    await fs.remove(folder, { recursive: true });
  }
  return freed;
}

/** Total size of files. Those that another process removes meanwhile count as 0 bytes. */
async function bytesIn(folder: URL, fs: FileSystem): Promise<number> {
  let bytes = 0;
  for (const entry of await fs.readDir(folder).catch(() => [])) {
    const path = joinPath(folder, entry.name);
    if (entry.isDirectory) bytes += await bytesIn(path, fs);
    else bytes += (await fs.stat(path).catch(() => ({ size: 0 }))).size;
  }
  return bytes;
}
