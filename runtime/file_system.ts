import { type FileAction, FileSystemError, toFileSystemError } from "./errors.ts";
import { directoryOf, isAbsolute, pathOf, showPath } from "./paths.ts";
import { temporaryName } from "./temporary_files.ts";
import type {
  DirectoryEntry,
  FileInfo,
  FileSystem,
  OpenMode,
  Path,
  WritableFile,
} from "./types.ts";

/** A file opened by a system call. */
export interface SystemFile {
  /**
   * Write some of `bytes`, at least one.
   * @returns the number of bytes written
   */
  write(bytes: Uint8Array): Promise<number>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** File information as the system reports it. */
export interface SystemFileInfo extends FileInfo {
  /** Permission bits; null if there are none. */
  mode: number | null;
}

/** System calls from which a {@linkcode FileSystem} is built; each adapter provides its own. */
export interface SystemCalls {
  readFile(path: string): Promise<Uint8Array>;
  /** `"create"` and `"createPrivate"` fail with EEXIST for an existing file. */
  open(path: string, how: OpenMode): Promise<SystemFile>;
  /** Information about the target of links. */
  stat(path: string): Promise<SystemFileInfo>;
  /** Information about the link itself. */
  lstat(path: string): Promise<SystemFileInfo>;
  readLink(path: string): Promise<string>;
  /** Entries in any order. */
  readDir(path: string): Promise<DirectoryEntry[]>;
  /** Create a directory and its parents; an existing one is fine. */
  makeDir(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  removeFile(path: string): Promise<void>;
  removeDir(path: string, recursive: boolean): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  /** Resolve when a rename in this directory is on disk. */
  syncDir(path: string): Promise<void>;
  /** What to do about a missing permission; undefined on runtimes without permissions. */
  permissionHint?(error: unknown, action: FileAction, path: string): string | undefined;
}

/** Build a {@linkcode FileSystem} on the system calls of a runtime. */
export function createFileSystem(calls: SystemCalls): FileSystem {
  /** Run a system call and convert its error into a FileSystemError about the user's path. */
  async function attempt<T>(
    action: FileAction,
    path: Path,
    call: () => Promise<T>,
    to?: Path,
  ): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw toFileSystemError({
        action,
        path: showPath(path),
        to: to === undefined ? undefined : showPath(to),
        cause: error,
        permissionHint: calls.permissionHint?.(error, action, showPath(to ?? path)),
      });
    }
  }

  /** The file to which a write to `path` leads through links, and its current state. */
  async function followLinks(
    path: string,
  ): Promise<{ target: string; info: SystemFileInfo | undefined }> {
    for (let links = 0; links < 40; links++) {
      const info = await orMissing(calls.lstat(path));
      if (!info?.isSymlink) return { target: path, info };
      const target = await calls.readLink(path);
      path = isAbsolute(target) ? target : `${directoryOf(path)}/${target}`;
    }
    throw new TypeError("too many symbolic links");
  }

  async function writeParts(file: SystemFile, path: Path, data: FileData): Promise<void> {
    const write = (part: Uint8Array) => attempt("write", path, () => writeAll(file, part));
    if (typeof data === "string") return await write(encoder.encode(data));
    if (data instanceof Uint8Array) return await write(data);
    // Small parts share a call. They are copied: their source may change once it is asked for more.
    let buffer: Uint8Array | undefined;
    let size = 0;
    for await (const part of data) {
      if (!(part instanceof Uint8Array)) {
        throw new TypeError(
          `Cannot write ${showPath(path)} with a part of type ${typeof part}: ` +
            "every part must be a Uint8Array",
        );
      }
      const isLarge = part.length >= bufferBytes / 4;
      if (buffer !== undefined && size > 0 && (isLarge || size + part.length > bufferBytes)) {
        await write(buffer.subarray(0, size));
        size = 0;
      }
      if (isLarge) {
        await write(part);
        continue;
      }
      buffer ??= new Uint8Array(bufferBytes);
      buffer.set(part, size);
      size += part.length;
    }
    if (size > 0) await write((buffer as Uint8Array).subarray(0, size));
  }

  return {
    readFile: (path) => attempt("read", path, async () => await calls.readFile(pathOf(path))),

    readTextFile: (path) =>
      attempt("read", path, async () => decoder.decode(await calls.readFile(pathOf(path)))),

    async writeFile(path, data) {
      const { target, info } = await attempt("write", path, async () => {
        const found = await followLinks(pathOf(path));
        if (found.info?.isDirectory || found.target.endsWith("/")) throw errno("EISDIR");
        return found;
      });
      if (info !== undefined && !info.isFile) {
        // A device or pipe must be written in place: a rename would replace it with a plain file.
        const device = await attempt("write", path, () => calls.open(target, "truncate"));
        await writeParts(device, path, data).finally(() => device.close());
        return;
      }
      const directory = directoryOf(target);
      const { name, release } = temporaryName();
      const beside = `${directory}/${name}`;
      let file: SystemFile | undefined;
      try {
        file = await attempt("write", path, () => calls.open(beside, "create"));
        await writeParts(file, path, data);
        await attempt("write", path, async () => {
          await file?.sync();
          await file?.close();
          if (info !== undefined && info.mode !== null) {
            await calls.chmod(beside, info.mode & 0o7777);
          }
          await calls.rename(beside, target);
        });
      } catch (error) {
        await file?.close().catch(() => {});
        if (file !== undefined) await calls.removeFile(beside).catch(() => {});
        throw error;
      } finally {
        release();
      }
      // Some platforms cannot sync a directory. The file is in place all the same.
      await calls.syncDir(directory).catch(() => {});
    },

    async open(path, mode) {
      const action = mode === "append" ? "append to" : "write";
      const file = await attempt(action, path, async () => await calls.open(pathOf(path), mode));
      return new QueuedFile(file, showPath(path), (call) => attempt(action, path, call));
    },

    stat: (path) =>
      attempt("inspect", path, async () => {
        const { mode: _mode, ...info } = await calls.stat(pathOf(path));
        return info;
      }),

    readDir: (path) =>
      attempt("list", path, async () => {
        const entries = await calls.readDir(pathOf(path));
        return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
      }),

    makeDir: (path) =>
      attempt("create directory", path, async () => await calls.makeDir(pathOf(path))),

    rename: (from, to) =>
      attempt("rename", from, async () => await calls.rename(pathOf(from), pathOf(to)), to),

    remove: (path, options = {}) =>
      attempt("remove", path, async () => {
        const target = pathOf(path);
        const info = await orMissing(calls.lstat(target));
        if (info === undefined) return;
        const removal = info.isDirectory
          ? calls.removeDir(target, options.recursive ?? false)
          : calls.removeFile(target);
        await orMissing(removal);
      }),
  };
}

type FileData = Parameters<FileSystem["writeFile"]>[1];

/** Size of the buffer in which small parts of a file are joined. */
const bufferBytes = 65_536;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An open file whose calls run one after another, even without an await between them. */
class QueuedFile implements WritableFile {
  #file: SystemFile;
  #path: string;
  #attempt: <T>(call: () => Promise<T>) => Promise<T>;
  #last: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(
    file: SystemFile,
    path: string,
    attempt: <T>(call: () => Promise<T>) => Promise<T>,
  ) {
    this.#file = file;
    this.#path = path;
    this.#attempt = attempt;
  }

  write(data: Uint8Array | string): Promise<void> {
    const bytes = typeof data === "string" ? encoder.encode(data) : data;
    return this.#enqueue("write to", () => writeAll(this.#file, bytes));
  }

  sync(): Promise<void> {
    return this.#enqueue("sync", () => this.#file.sync());
  }

  close(): Promise<void> {
    this.#closing ??= this.#enqueue("close", () => this.#file.close());
    return this.#closing;
  }

  #enqueue(verb: string, call: () => Promise<void>): Promise<void> {
    if (this.#closing !== undefined) {
      const message = `Cannot ${verb} ${this.#path}: the file is closed (open it again)`;
      return Promise.reject(new FileSystemError("Other", message, { path: this.#path }));
    }
    const done = this.#last.then(() => this.#attempt(call));
    this.#last = done.catch(() => {});
    return done;
  }
}

/** A single call may write less than it is given. */
async function writeAll(file: SystemFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}

/** The result of a call, or undefined if the path does not exist. */
async function orMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    const { code, name } = error as { code?: unknown; name?: unknown };
    if (code === "ENOENT" || name === "NotFound") return undefined;
    throw error;
  }
}

/** An error as a system call throws it, for adapters that detect the fault themselves. */
export function errno(code: string): Error {
  return Object.assign(new Error(code), { code });
}
