import type { FileAction } from "./errors.ts";
import type { DirectoryEntry, FileInfo, OpenMode } from "./types.ts";

/** A file opened by a system call. */
export interface SystemFile {
  /**
   * Write some of `bytes`, at least one.
   * @returns the number of bytes written
   */
  write(bytes: Uint8Array): Promise<number>;
  /** The same as a short call; undefined for a file that may wait for its reader. */
  writeNow?(bytes: Uint8Array): number;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A directory opened by a system call. */
export interface SystemDirectory {
  /** Resolve when the entries created and renamed in it so far are on disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** File information as the system reports it. */
export interface SystemFileInfo extends FileInfo {
  /** Permission bits; null if there are none. */
  mode: number | null;
}

/**
 * System calls from which a `FileSystem` is built; each adapter provides its own.
 *
 * The short calls of a write are synchronous, because a call in another thread takes ten times as
 * long. Reads, large writes, and everything that waits for the disk or for another process are
 * asynchronous.
 */
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
  /** Open a directory to sync it; fails on platforms that cannot. */
  openDir(path: string): Promise<SystemDirectory>;
  /** Create a directory and its parents, unless they exist. */
  makeDir(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Remove a file. A directory is an error, or removed if it is empty. */
  removeFile(path: string): Promise<void>;
  removeDir(path: string, recursive: boolean): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  /** Lock a file. Returns undefined if it is already locked; missing on runtimes without locks. */
  lock?(path: string): Promise<(() => void) | undefined>;
  /** Advice about a missing permission; undefined on runtimes without permissions. */
  permissionHint?(error: unknown, action: FileAction, path: string): string | undefined;
}

/** Runs a system call and converts its error into a `FileSystemError` about the user's path. */
export type Attempt = <T>(
  action: FileAction,
  path: string | URL,
  call: () => Promise<T>,
  to?: string | URL,
) => Promise<T>;

/** Maximum size in bytes of a file that is written, replaced or removed synchronously. */
export const shortBytes = 65_536;

/** The result of a call, or undefined if the path does not exist. */
export async function orMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    const { code, name } = error as { code?: unknown; name?: unknown };
    if (code === "ENOENT" || name === "NotFound") return undefined;
    throw error;
  }
}

/** An error like that of a system call, for adapters that detect the fault themselves. */
export function errno(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** Write all bytes: a single call may write only some of them. */
export async function writeAll(file: SystemFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}
