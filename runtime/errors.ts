import { messageOf } from "../core/errors.ts";
import type { FileSystemErrorCode } from "./types.ts";

/**
 * Thrown when a file operation fails. The message names the operation and the path, and says what
 * to do. `code` is the same on every runtime; `cause` is the error of the system.
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
  /** Error code, the same on every runtime. */
  readonly code: FileSystemErrorCode;
  /** The path that was passed; for a URL, its pathname. */
  readonly path: string;

  /**
   * Create an error about a path.
   *
   * @param code error code
   * @param message a readable sentence
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

/** The verb of each operation in messages: `Cannot <verb> <path>`. Sorted. */
export type FileAction =
  | "append to"
  | "create directory"
  | "inspect"
  | "list"
  | "read"
  | "remove"
  | "rename"
  | "write";

/** Context of a {@linkcode FileSystemError}. */
export interface FileFailure {
  action: FileAction;
  path: string;
  /** The other path of a rename. */
  to?: string;
  /** Error that the system call threw. */
  cause: unknown;
  /** Advice about a missing permission, if the runtime can give any. */
  permissionHint?: string;
}

/** Convert the error of a system call into a {@linkcode FileSystemError}. */
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

// Deno's classes, for errors without an errno.
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
      return "a file of this name exists";
    case "InvalidPath":
      return message;
    case "IsADirectory":
      return "expected a file, got a directory";
    case "NoSpace":
      return "no space left on the device (free some or use another device)";
    case "NotADirectory":
      return "the path, or a part of it, is not a directory";
    case "NotEmpty":
      return "the directory is not empty";
    case "NotFound":
      return action === "write" || action === "append to"
        ? "its directory does not exist (create it first)"
        : "no such file or directory";
    case "PermissionDenied":
      return action === "read" || action === "list" || action === "inspect"
        ? "permission denied (make it readable or use another one)"
        : "permission denied (make the folder writable or use another one)";
    case "Other":
      return message;
  }
}
