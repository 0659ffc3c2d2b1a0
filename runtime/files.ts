/**
 * `ensureDir`, `exists`, `walk` and `move` as in `@std/fs`, for any {@linkcode FileSystem}.
 * `@std/fs` itself is only on JSR and calls the `Deno` global.
 *
 * @module
 */
import { FileSystemError } from "./errors.ts";
import { getRuntime } from "./get_runtime.ts";
import { directoryOf, joinPath, pathOf, showPath } from "./paths.ts";
import type { DirectoryEntry, FileInfo, FileSystem, Path } from "./types.ts";

/** Options of every function here. */
export interface FilesOptions {
  /** File system. Default: the runtime's. */
  fs?: FileSystem;
}

/**
 * Create a directory and its parents if they do not exist.
 *
 * @throws FileSystemError `AlreadyExists` when a file has that name
 * @example
 * ```ts
 * import { ensureDir, exists, memoryFileSystem } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const fs = memoryFileSystem();
 * await ensureDir("runs/1", { fs });
 * assert(await exists("runs/1", { isDirectory: true, fs }));
 * ```
 */
export async function ensureDir(
  directory: Path,
  { fs = getRuntime().fs }: FilesOptions = {},
): Promise<void> {
  await fs.makeDir(directory);
}

/** Options of {@linkcode exists}. */
export interface ExistsOptions extends FilesOptions {
  /** Whether only a file counts. Default: false. */
  isFile?: boolean;
  /** Whether only a directory counts. Default: false. */
  isDirectory?: boolean;
}

/**
 * Check whether a path exists, following links. Instead of checking before an operation, handle its
 * `NotFound` error: the result may be outdated by then.
 *
 * @throws TypeError when both `isFile` and `isDirectory` are true
 * @throws FileSystemError when the path cannot be inspected (`PermissionDenied`)
 * @example
 * ```ts
 * import { exists, memoryFileSystem } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * assert.equal(await exists("model.json", { fs: memoryFileSystem() }), false);
 * ```
 */
export async function exists(path: Path, options: ExistsOptions = {}): Promise<boolean> {
  const { fs = getRuntime().fs, isFile = false, isDirectory = false } = options;
  if (isFile && isDirectory) {
    throw new TypeError(
      `Cannot inspect ${
        showPath(path)
      } with isFile and isDirectory: expected one of them, got both`,
    );
  }
  const info = await infoOf(fs, path);
  if (info === undefined) return false;
  return isFile ? info.isFile : isDirectory ? info.isDirectory : true;
}

/** Options of {@linkcode walk}. */
export interface WalkOptions extends FilesOptions {
  /** Maximum depth; 0 visits only the root. Default: Infinity. */
  maxDepth?: number;
  /** Whether to include files. Default: true. */
  includeFiles?: boolean;
  /** Whether to include directories, including the root. Default: true. */
  includeDirs?: boolean;
  /** Whether to include symbolic links, which are never followed. Default: true. */
  includeSymlinks?: boolean;
  /** Extensions to include, with or without the dot. Default: all extensions. */
  exts?: string[];
  /** Patterns, at least one of which a path must match. Default: all paths. */
  match?: RegExp[];
  /** Patterns of paths to skip, including everything below them. Default: none. */
  skip?: RegExp[];
}

/** An entry of {@linkcode walk}. */
export interface WalkEntry extends DirectoryEntry {
  /** Path from the working directory; begins with the root that was passed. */
  path: string;
}

/**
 * Visit a directory and everything below it, in the order of names.
 *
 * @param root a directory
 * @throws FileSystemError when the root or a directory below it cannot be listed
 * @example
 * ```ts
 * import { memoryFileSystem, walk } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const fs = memoryFileSystem();
 * await fs.makeDir("runs/1");
 * await fs.writeFile("runs/1/log.csv", "");
 * const paths: string[] = [];
 * for await (const { path } of walk("runs", { exts: ["csv"], fs })) paths.push(path);
 * assert.deepEqual(paths, ["runs/1/log.csv"]);
 * ```
 */
export async function* walk(root: Path, options: WalkOptions = {}): AsyncGenerator<WalkEntry> {
  const { fs = getRuntime().fs, maxDepth = Infinity } = options;
  if (maxDepth < 0) return;
  const start = showPath(root).replace(/(?<=.)\/+$/, "");
  const { isFile, isDirectory } = await fs.stat(root);
  const name = start.slice(start.lastIndexOf("/") + 1);
  const entry = { path: start, name, isFile, isDirectory, isSymlink: false };
  if (isWanted(entry, options)) yield entry;
  if (!isSkipped(start, options)) yield* walkBelow(start, maxDepth, { ...options, fs });
}

async function* walkBelow(
  directory: string,
  depth: number,
  options: WalkOptions & { fs: FileSystem },
): AsyncGenerator<WalkEntry> {
  if (depth < 1) return;
  for (const found of await options.fs.readDir(directory)) {
    const path = directory === "." ? found.name : joinPath(directory, found.name);
    const entry = { ...found, path };
    if (isWanted(entry, options)) yield entry;
    if (entry.isDirectory && !isSkipped(path, options)) yield* walkBelow(path, depth - 1, options);
  }
}

function isWanted(entry: WalkEntry, options: WalkOptions): boolean {
  const { includeFiles = true, includeDirs = true, includeSymlinks = true, exts, match } = options;
  const included = entry.isSymlink
    ? includeSymlinks
    : entry.isDirectory
    ? includeDirs
    : includeFiles;
  if (!included || isSkipped(entry.path, options)) return false;
  const hasEnding = exts?.some((ext) => entry.path.endsWith(ext.startsWith(".") ? ext : `.${ext}`));
  return (hasEnding ?? true) && (match === undefined || matchesAny(entry.path, match));
}

function isSkipped(path: string, { skip = [] }: WalkOptions): boolean {
  return matchesAny(path, skip);
}

function matchesAny(path: string, patterns: RegExp[]): boolean {
  // search() ignores the lastIndex of a global pattern, unlike test().
  return patterns.some((pattern) => path.search(pattern) >= 0);
}

/** Options of {@linkcode move}. */
export interface MoveOptions extends FilesOptions {
  /** Whether to replace an existing target. Default: false. */
  overwrite?: boolean;
}

/**
 * Move a file or directory within one device. A file replaces a file atomically; any other target
 * is removed first.
 *
 * @throws FileSystemError `AlreadyExists` when the target exists and `overwrite` is false,
 *   `NotFound` for a missing source, `InvalidPath` for moving a directory into itself
 * @example
 * ```ts
 * import { exists, memoryFileSystem, move } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const fs = memoryFileSystem();
 * await fs.writeFile("a.csv", "1");
 * await move("a.csv", "b.csv", { fs });
 * assert.equal(await fs.readTextFile("b.csv"), "1");
 * assert.equal(await exists("a.csv", { fs }), false);
 * ```
 */
export async function move(from: Path, to: Path, options: MoveOptions = {}): Promise<void> {
  const { fs = getRuntime().fs, overwrite = false } = options;
  const source = await fs.stat(from);
  const target = await infoOf(fs, to);
  if (source.isDirectory && isInside(from, to)) {
    throw refusal("InvalidPath", from, to, "a directory cannot be moved into itself");
  }
  if (target !== undefined) {
    if (!overwrite) {
      throw refusal(
        "AlreadyExists",
        from,
        to,
        "the target exists (set overwrite: true to replace it)",
      );
    }
    if (trimmed(from) === trimmed(to)) return;
    if (!(source.isFile && target.isFile)) await fs.remove(to, { recursive: true });
  }
  await fs.rename(from, to);
}

async function infoOf(fs: FileSystem, path: Path): Promise<FileInfo | undefined> {
  try {
    return await fs.stat(path);
  } catch (error) {
    const code = error instanceof FileSystemError ? error.code : undefined;
    // Nothing can exist below a file.
    if (code === "NotFound" || code === "NotADirectory") return undefined;
    throw error;
  }
}

function isInside(directory: Path, path: Path): boolean {
  const outer = trimmed(directory);
  for (let inner = trimmed(path); inner !== "." && inner !== "/";) {
    inner = directoryOf(inner);
    if (inner === outer) return true;
  }
  return false;
}

function trimmed(path: Path): string {
  return pathOf(path).replace(/^(\.\/)+(?=.)/, "").replace(/(?<=.)\/+$/, "");
}

function refusal(
  code: "AlreadyExists" | "InvalidPath",
  from: Path,
  to: Path,
  reason: string,
): FileSystemError {
  const path = showPath(from);
  return new FileSystemError(code, `Cannot move ${path} to ${showPath(to)}: ${reason}`, { path });
}
