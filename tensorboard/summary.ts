import type { ProtobufWriter } from "./protobuf.ts";
import { type TensorLike, writeTensor } from "./tensor.ts";

/** What a plugin of TensorBoard reads a value as. */
export type DataClass = "scalar" | "tensor" | "blob-sequence";

/** One value of a run, at one step: a tensor, and the plugin of TensorBoard that shows it. */
export interface Summary {
  tag: string;
  /** The plugin's name, as in its `metadata.py`: `scalars`, `images`. */
  plugin: string;
  /** What the plugin has to know beside the tensor. */
  content?: Uint8Array;
  /** Shown instead of the tag. */
  displayName?: string;
  /** Markdown that is shown beside the tag. */
  description?: string;
  /** Only for a plugin that TensorBoard does not bring along. */
  dataClass?: DataClass;
  tensor: TensorLike;
}

/** Write what is in a `Summary` with one value. */
export function writeSummary(out: ProtobufWriter, summary: Summary): void {
  out.message(1, () => {
    out.text(1, summary.tag);
    out.message(8, () => writeTensor(out, summary.tensor));
    out.message(9, () => writeMetadata(out, summary));
  });
}

/** The data classes in the order of their numbers in `summary.proto`, from 1 on. */
export const dataClasses: readonly DataClass[] = ["scalar", "tensor", "blob-sequence"];

function writeMetadata(out: ProtobufWriter, summary: Summary): void {
  const { plugin, content, displayName, description, dataClass } = summary;
  out.message(1, () => {
    out.text(1, plugin);
    if (content !== undefined && content.length > 0) out.bytes(2, content);
  });
  if (displayName) out.text(2, displayName);
  if (description) out.text(3, description);
  if (dataClass !== undefined) out.varint(4, dataClasses.indexOf(dataClass) + 1);
}
