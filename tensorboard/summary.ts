import type { ProtobufWriter } from "./protobuf.ts";
import { type TensorLike, writeTensor } from "./tensor.ts";

/** How a TensorBoard plugin interprets a value. */
export type DataClass = "scalar" | "tensor" | "blob-sequence";

/** A value of a run at one step: a tensor, and the TensorBoard plugin that shows it. */
export interface Summary {
  tag: string;
  /** Name of the plugin as in its `metadata.py`: `scalars`, `images`. */
  plugin: string;
  /** Content of the plugin's metadata. Default: none. */
  content?: Uint8Array;
  /** Name shown instead of the tag. */
  displayName?: string;
  /** Description beside the tag, in Markdown. */
  description?: string;
  /** Data class, for plugins that are not part of TensorBoard. */
  dataClass?: DataClass;
  tensor: TensorLike;
}

/** Write a `Summary` with one value. */
export function writeSummary(out: ProtobufWriter, summary: Summary): void {
  out.message(1, () => {
    out.text(1, summary.tag);
    out.message(8, () => writeTensor(out, summary.tensor));
    out.message(9, () => writeMetadata(out, summary));
  });
}

/** Data classes in the order of their numbers in `summary.proto`, from 1. */
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
