import { messageOf } from "../core/errors.ts";
import type { FileSystemErrorCode } from "./types.ts";

/**
 * A file operation failed. The message says what was tried, on which path, and what to do about
 * it; `code` is the same word on every runtime; `cause` is the system's own error.
 *
 * @example
 * ```ts
 * import { FileSystemError, memoryFileSystem } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * try {
 *   await memoryFileSystem().readFile("runs/log.csv");
 *   assert.fail("unreachable");
 * } catch (error) {
 *   assert(error instanceof FileSystemError);
 *   assert.equal(error.code, "NotFound");
 *   assert.equal(error.message, "Cannot read runs/log.csv: no such file or directory");
 * }
 * ```
 */
export class FileSystemError extends Error {
  /** Name of the class. */
  override name = "FileSystemError";
  /** What went wrong, from a fixed list. */
  readonly code: FileSystemErrorCode;
  /** The path as it was given, a URL as its path. */
  readonly path: string;

  /**
   * Make an error about a path.
   *
   * @param code what went wrong
   * @param message a sentence for a person
   * @param context the path, and the cause
   */
  constructor(
    code: FileSystemErrorCode,
    message: string,
    context: { path: string; cause?: unknown },
  ) {
    super(message, { cause: context.cause });
    this.code = code;
    this.path = context.path;
  }
}

/** What a message calls the operation: `Cannot <action> <path>`. Sorted. */
export type FileAction =
  | "append to"
  | "list"
  | "look at"
  | "make directory"
  | "read"
  | "remove"
  | "rename"
  | "write";

/** What a {@linkcode FileSystemError} is made of. */
export interface FileFailure {
  action: FileAction;
  path: string;
  /** The other path of a rename. */
  to?: string;
  /** What the system call threw. */
  cause: unknown;
  /** What to do about a missing permission, where the runtime can tell. */
  permissionHint?: string;
}

/** Turn what a system call threw into a {@linkcode FileSystemError}. */
export function toFileSystemError(failure: FileFailure): FileSystemError {
  const { action, path, to, cause, permissionHint } = failure;
  const code = codeOf(cause);
  const reason = code === "PermissionDenied" && permissionHint !== undefined
    ? `permission denied (${permissionHint})`
    : reasonOf(code, action, cause);
  const paths = to === undefined ? path : `${path} to ${to}`;
  return new FileSystemError(code, `Cannot ${action} ${paths}: ${reason}`, { path, cause });
}

const codesByErrno: Record<string, FileSystemErrorCode> = {
  EACCES: "PermissionDenied",
  EDQUOT: "NoSpace",
  EEXIST: "AlreadyExists",
  EISDIR: "IsADirectory",
  ENAMETOOLONG: "InvalidPath",
  ENOENT: "NotFound",
  ENOSPC: "NoSpace",
  ENOTDIR: "NotADirectory",
  ENOTEMPTY: "NotEmpty",
  EPERM: "PermissionDenied",
  EROFS: "PermissionDenied",
};

// Deno's classes, for errors that carry no errno.
const codesByName: Record<string, FileSystemErrorCode> = {
  AlreadyExists: "AlreadyExists",
  IsADirectory: "IsADirectory",
  NotADirectory: "NotADirectory",
  NotCapable: "PermissionDenied",
  NotFound: "NotFound",
  PermissionDenied: "PermissionDenied",
  TypeError: "InvalidPath",
};

function codeOf(cause: unknown): FileSystemErrorCode {
  const { code, name } = (cause ?? {}) as { code?: unknown; name?: unknown };
  return codesByErrno[String(code)] ?? codesByName[String(name)] ?? "Other";
}

function reasonOf(code: FileSystemErrorCode, action: FileAction, cause: unknown): string {
  const message = messageOf(cause);
  switch (code) {
    case "AlreadyExists":
      return "a file is already there";
    case "InvalidPath":
      return message;
    case "IsADirectory":
      return "it is a directory, wanted is a file";
    case "NoSpace":
      return "no space left on the device (free some or choose another device)";
    case "NotADirectory":
      return "it, or a part of its path, is not a directory";
    case "NotEmpty":
      return "the directory is not empty";
    case "NotFound":
      return action === "write" || action === "append to"
        ? "its directory does not exist (make it first)"
        : "no such file or directory";
    case "PermissionDenied":
      return action === "read" || action === "list" || action === "look at"
        ? "permission denied (make it readable or choose another one)"
        : "permission denied (make the folder writable or choose another one)";
    case "Other":
      return message;
  }
}
