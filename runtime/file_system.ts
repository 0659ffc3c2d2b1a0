import { type FileAction, FileSystemError, toFileSystemError } from "./errors.ts";
import { pathOf, showPath } from "./paths.ts";
import {
  type Attempt,
  orMissing,
  shortBytes,
  type SystemCalls,
  type SystemFile,
  writeAll,
} from "./system_calls.ts";
import type { FileSystem, Path, WritableFile } from "./types.ts";
import { createFileWriter } from "./write_files.ts";

/** Build a {@linkcode FileSystem} on the system calls of a runtime. */
export function createFileSystem(calls: SystemCalls): FileSystem {
  /** The error of a system call as a FileSystemError about the user's path. */
  const failure = (action: FileAction, path: Path, cause: unknown, to?: Path) =>
    toFileSystemError({
      action,
      path: showPath(path),
      to: to === undefined ? undefined : showPath(to),
      cause,
      permissionHint: calls.permissionHint?.(cause, action, showPath(to ?? path)),
    });
  const attempt: Attempt = async (action, path, call, to) => {
    try {
      return await call();
    } catch (error) {
      throw failure(action, path, error, to);
    }
  };
  const { writeFile } = createFileWriter(calls, attempt);

  return {
    readFile: (path) => attempt("read", path, async () => await calls.readFile(pathOf(path))),

    readTextFile: (path) =>
      attempt("read", path, async () => decoder.decode(await calls.readFile(pathOf(path)))),

    writeFile,

    async open(path, mode) {
      const action = mode === "append" ? "append to" : "write";
      const file = await attempt(action, path, async () => await calls.open(pathOf(path), mode));
      return new QueuedFile(
        file,
        showPath(path),
        (call) => attempt(action, path, call),
        (cause) => failure(action, path, cause),
      );
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
        // Usually a file. Anything else fails, or is an empty directory, which is removed.
        if (await calls.removeFile(target).then(() => true, () => false)) return;
        const info = await orMissing(calls.lstat(target));
        if (info === undefined) return;
        const removal = info.isDirectory
          ? calls.removeDir(target, options.recursive ?? false)
          : calls.removeFile(target);
        await orMissing(removal);
      }),

    ...calls.lock && {
      lock: (path) => attempt("write", path, async () => await calls.lock?.(pathOf(path))),
    },
  };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An open file whose calls run one after another, even without an await between them. */
class QueuedFile implements WritableFile {
  #file: SystemFile;
  #path: string;
  #attempt: <T>(call: () => Promise<T>) => Promise<T>;
  #failure: (cause: unknown) => FileSystemError;
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;
  #closing: Promise<void> | undefined;

  constructor(
    file: SystemFile,
    path: string,
    attempt: <T>(call: () => Promise<T>) => Promise<T>,
    failure: (cause: unknown) => FileSystemError,
  ) {
    this.#file = file;
    this.#path = path;
    this.#attempt = attempt;
    this.#failure = failure;
  }

  write(data: Uint8Array | string): Promise<void> {
    const bytes = typeof data === "string" ? encoder.encode(data) : data;
    return this.#enqueue("write to", () => writeAll(this.#file, bytes));
  }

  writeNow(bytes: Uint8Array): boolean {
    const { writeNow } = this.#file;
    const mayWait = this.#pending > 0 || bytes.length > shortBytes || writeNow === undefined;
    if (this.#closing !== undefined || mayWait) return false;
    try {
      for (let at = 0; at < bytes.length;) at += writeNow(at === 0 ? bytes : bytes.subarray(at));
    } catch (error) {
      throw this.#failure(error);
    }
    return true;
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
    this.#pending++;
    const done = this.#last.then(() => this.#attempt(call)).finally(() => this.#pending--);
    this.#last = done.catch(() => {});
    return done;
  }
}
