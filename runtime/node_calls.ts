import type { SystemCalls, SystemFileInfo } from "./file_system.ts";

/** The system calls of `node:fs`, which Bun has too. */
export function nodeCalls(): SystemCalls {
  const fs = process.getBuiltinModule("node:fs").promises;
  return {
    // Copied: a Buffer may be a view of a pool that is overwritten later.
    readFile: async (path) => {
      const { buffer, byteOffset, byteLength } = await fs.readFile(path);
      return byteLength === buffer.byteLength
        ? new Uint8Array(buffer)
        : new Uint8Array(buffer, byteOffset, byteLength).slice();
    },
    async open(path, how) {
      const flags = { append: "a", create: "wx", createPrivate: "wx", truncate: "w" }[how];
      const file = await fs.open(path, flags, how === "createPrivate" ? 0o600 : undefined);
      return {
        write: async (bytes) => (await file.write(bytes)).bytesWritten,
        sync: () => file.sync(),
        close: () => file.close(),
      };
    },
    stat: async (path) => infoOf(await fs.stat(path)),
    lstat: async (path) => infoOf(await fs.lstat(path)),
    readLink: (path) => fs.readlink(path),
    readDir: async (path) =>
      (await fs.readdir(path, { withFileTypes: true })).map((entry) => ({
        name: entry.name,
        isFile: entry.isFile(),
        isDirectory: entry.isDirectory(),
        isSymlink: entry.isSymbolicLink(),
      })),
    makeDir: async (path) => void await fs.mkdir(path, { recursive: true }),
    rename: (from, to) => fs.rename(from, to),
    removeFile: (path) => fs.unlink(path),
    removeDir: (path, recursive) => recursive ? fs.rm(path, { recursive }) : fs.rmdir(path),
    chmod: (path, mode) => fs.chmod(path, mode),
    async syncDir(path) {
      const directory = await fs.open(path, "r");
      await directory.sync().finally(() => directory.close());
    },
  };
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
