import { directoryOf } from "./paths.ts";
import {
  shortBytes,
  type SystemCalls,
  type SystemFile,
  type SystemFileInfo,
} from "./system_calls.ts";

/** The system calls of `node:fs`, which Bun has too. */
export function nodeCalls(): SystemCalls {
  const fs = process.getBuiltinModule("node:fs");
  /** Whether a file is removed or replaced in a short call. */
  const isShort = (path: string) =>
    (fs.lstatSync(path, { throwIfNoEntry: false })?.size ?? 0) <= shortBytes;
  return {
    // Copied: a Buffer may be a view of a pool that is overwritten later.
    readFile: async (path) => {
      const { buffer, byteOffset, byteLength } = await fs.promises.readFile(path);
      return byteLength === buffer.byteLength
        ? new Uint8Array(buffer)
        : new Uint8Array(buffer, byteOffset, byteLength).slice();
    },
    async open(path, how) {
      if (how === "create" || how === "createPrivate") {
        const fd = fs.openSync(path, "wx", how === "createPrivate" ? 0o600 : 0o666);
        return new OpenFile(fs, fd, true);
      }
      // A pipe waits for its reader.
      const fd = await called<number>((done) => fs.open(path, how === "append" ? "a" : "w", done));
      return new OpenFile(fs, fd, fs.fstatSync(fd).isFile());
    },
    stat: async (path) => infoOf(await fs.promises.stat(path)),
    lstat: async (path) => infoOf(fs.lstatSync(path)),
    readLink: (path) => fs.promises.readlink(path),
    readDir: async (path) =>
      (await fs.promises.readdir(path, { withFileTypes: true })).map((entry) => ({
        name: entry.name,
        isFile: entry.isFile(),
        isDirectory: entry.isDirectory(),
        isSymlink: entry.isSymbolicLink(),
      })),
    openDir: async (path) => new OpenFile(fs, fs.openSync(path, "r"), false),
    makeDir: async (path) => makeDirectories(fs, path),
    rename: async (from, to) =>
      isShort(to) ? fs.renameSync(from, to) : await fs.promises.rename(from, to),
    removeFile: async (path) =>
      isShort(path) ? fs.unlinkSync(path) : await fs.promises.unlink(path),
    removeDir: (path, recursive) =>
      recursive ? fs.promises.rm(path, { recursive }) : fs.promises.rmdir(path),
    chmod: async (path, mode) => fs.chmodSync(path, mode),
  };
}

/**
 * Create a directory and its parents, or accept an existing one. With `recursive: true`, Node never
 * returns where a file system does not let anybody create one, such as `/proc`.
 */
function makeDirectories(fs: typeof import("node:fs"), path: string, hasParent = false): void {
  try {
    fs.mkdirSync(path);
  } catch (error) {
    if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    const parent = directoryOf(path);
    if (hasParent || parent === path || (error as { code?: string }).code !== "ENOENT") throw error;
    makeDirectories(fs, parent);
    makeDirectories(fs, path, true);
  }
}

class OpenFile implements SystemFile {
  readonly #fs: typeof import("node:fs");
  readonly writeNow: ((bytes: Uint8Array) => number) | undefined;
  #fd: number;

  /** @param isFile whether writes do not wait for a reader */
  constructor(fs: typeof import("node:fs"), fd: number, isFile: boolean) {
    this.#fs = fs;
    this.#fd = fd;
    if (isFile) this.writeNow = (bytes) => fs.writeSync(this.#fd, bytes);
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (this.writeNow !== undefined && bytes.length <= shortBytes) return this.writeNow(bytes);
    return await called<number>((done) => this.#fs.write(this.#fd, bytes, done));
  }

  async sync(): Promise<void> {
    await called<void>((done) => this.#fs.fsync(this.#fd, done));
  }

  async close(): Promise<void> {
    const fd = this.#fd;
    // Its number may be reused by another file.
    this.#fd = -1;
    this.#fs.closeSync(fd);
  }
}

/** The result of a call in another thread. */
function called<T>(
  call: (done: (error: Error | null, result?: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) =>
    call((error, result) => error ? reject(error) : resolve(result as T))
  );
}

function infoOf(stats: import("node:fs").Stats): SystemFileInfo {
  return {
    isFile: stats.isFile(),
    isDirectory: stats.isDirectory(),
    isSymlink: stats.isSymbolicLink(),
    size: stats.size,
    modified: stats.mtimeMs,
    owner: process.platform === "win32" ? null : stats.uid,
    mode: stats.mode,
    links: stats.nlink,
  };
}
