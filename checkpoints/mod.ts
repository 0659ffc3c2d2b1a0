/**
 * Save and load TensorFlow.js models and weights on any file system, as `model.json` with shards in
 * the format of tfjs or as safetensors.
 *
 * @module
 */
export {
  checkpointHandler,
  type CheckpointOptions,
  removeCheckpoint,
  saveCheckpoint,
  type SaveCheckpointOptions,
} from "./checkpoint.ts";
export { type LoadedWeights, loadWeights, type LoadWeightsOptions } from "./load_weights.ts";
export {
  type NamedTensor,
  readSafetensors,
  type SafetensorsContent,
  type SafetensorsOptions,
  saveSafetensors,
  type TensorValues,
  writeSafetensors,
} from "./safetensors.ts";
export type { IOHandler, LayersModel } from "../tfjs/types.ts";
export type {
  DirectoryEntry,
  FileInfo,
  FileSystem,
  OpenMode,
  Path,
  WritableFile,
} from "../runtime/types.ts";
