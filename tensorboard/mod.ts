/**
 * Write and read TensorBoard event files, on any runtime.
 *
 * @module
 */
export { crc32c, maskedCrc32c } from "./crc.ts";
export type {
  CustomScalarsCategory,
  CustomScalarsChart,
  CustomScalarsLayout,
} from "./custom_scalars.ts";
export type { GraphAttribute, GraphDefLike, GraphNode } from "./graph.ts";
export type { HparamsMetric, HparamsOptions, HparamValue } from "./hparams.ts";
export type { ImageLike } from "./image.ts";
export {
  type Embedding,
  type EmbeddingInfo,
  projectorConfig,
  writeEmbedding,
  type WriteEmbeddingOptions,
} from "./projector.ts";
export {
  readEvents,
  type SummaryEvent,
  type SummaryEvents,
  type SummaryValue,
} from "./read_events.ts";
export type { DataClass } from "./summary.ts";
export {
  type HistogramOptions,
  type PrCurveOptions,
  type SummaryOptions,
  SummaryWriter,
  type SummaryWriterOptions,
  type TensorSummaryOptions,
} from "./summary_writer.ts";
export type { TensorDType, TensorLike, TensorValue } from "./tensor.ts";
export type { TextLike } from "./text.ts";

// Types of other entry points that these exports refer to.
export type {
  DirectoryEntry,
  FileInfo,
  FileSystem,
  OpenMode,
  Path,
  WritableFile,
} from "../runtime/types.ts";
