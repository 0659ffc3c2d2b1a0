/**
 * Files, terminal, signals and HTTP with one interface on Deno, Bun and Node.
 *
 * @module
 */
export { FileSystemError } from "./errors.ts";
export { fetchFailure } from "./fetch_failure.ts";
export {
  ensureDir,
  exists,
  type ExistsOptions,
  type FilesOptions,
  move,
  type MoveOptions,
  walk,
  type WalkEntry,
  type WalkOptions,
} from "./files.ts";
export { getRuntime } from "./get_runtime.ts";
export { InterruptedError, type Interruption, interruptSignal } from "./interrupt.ts";
export { memoryFileSystem } from "./memory.ts";
export { directoryOf, joinPath, toFileUrl } from "./paths.ts";
export { probeDirectory, probePath } from "./probe.ts";
export { onUnhandledRejection } from "./rejections.ts";
export { runProgram } from "./run_program.ts";
export { sweep, temporaryName } from "./temporary_files.ts";
export type {
  CommandOptions,
  CommandResult,
  DirectoryEntry,
  FileInfo,
  FileSystem,
  FileSystemErrorCode,
  HttpServer,
  OpenMode,
  Path,
  Runtime,
  Terminal,
  WorkerOptions,
  WorkerThread,
  WritableFile,
} from "./types.ts";
