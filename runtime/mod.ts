/**
 * The seam to the machine: files, terminal, signals and HTTP in one shape on Deno, Bun and Node,
 * and TensorFlow.js models saved to and loaded from any such file system.
 *
 * @module
 */
export { type BackendDescription, describeBackend } from "./backend/describe.ts";
export type { GPUAdapterLike, GPUDeviceLike, GPULike } from "./backend/gpu.ts";
export {
  type BackendChoice,
  type BackendName,
  type BackendOptions,
  type ChosenBackend,
  useBackend,
} from "./backend/mod.ts";
export type { WasmPaths } from "./backend/wasm.ts";
export type { AdapterDescription } from "./backend/webgpu.ts";
export {
  checkpointHandler,
  type CheckpointOptions,
  removeCheckpoint,
  saveCheckpoint,
  type SaveCheckpointOptions,
} from "./checkpoint.ts";
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
export { type LoadedWeights, loadWeights } from "./load_weights.ts";
export { memoryFileSystem } from "./memory.ts";
export { directoryOf, joinPath, toFileUrl } from "./paths.ts";
export { onUnhandledRejection } from "./rejections.ts";
export { runProgram } from "./run_program.ts";
export {
  type NamedTensor,
  readSafetensors,
  type SafetensorsContent,
  type SafetensorsOptions,
  saveSafetensors,
  type TensorValues,
  writeSafetensors,
} from "./safetensors.ts";
export type {
  CommandOptions,
  CommandResult,
  DirectoryEntry,
  FileInfo,
  FileSystem,
  FileSystemErrorCode,
  HttpServer,
  Path,
  Runtime,
  Terminal,
  WorkerOptions,
  WorkerThread,
  WritableFile,
} from "./types.ts";
