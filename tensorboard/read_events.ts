import { maskedCrc32c } from "./crc.ts";
import { type GraphDefLike, readGraph } from "./graph.ts";
import { readDouble, readFields, readFloat, readText, viewOf } from "./protobuf.ts";
import { type DataClass, dataClasses } from "./summary.ts";
import { readTensor, type TensorValue } from "./tensor.ts";

/** An event of a file. */
export interface SummaryEvent {
  /** Milliseconds since 1970. */
  wallTime: number;
  /** Step given by the writer. */
  step: number;
  /** Version of the file, `brain.Event:2`; only in the first event. */
  fileVersion?: string;
  /** Name of the program that wrote the file; only in the first event. */
  writer?: string;
  /**
   * Status of TensorFlow's `SessionLog`: 1 if a run restarts, which invalidates earlier events of
   * this and later steps; 2 if it stops; 3 if it saves a checkpoint.
   */
  session?: number;
  /** Graph of operations. Default: undefined. */
  graph?: GraphDefLike;
  /** Values of the event; may be empty. */
  summaries: SummaryValue[];
}

/** A value of an event. */
export interface SummaryValue {
  /** Tag of the chart. */
  tag: string;
  /** TensorBoard plugin that shows the value; "" if only the first value of the tag names it. */
  plugin: string;
  /** Metadata of the plugin about the tag; empty after the first value. */
  content: Uint8Array;
  /** Name above the chart; "" if the tag is shown. */
  displayName: string;
  /** Text beside the chart, in Markdown. */
  description: string;
  /** Kind of data; undefined if the plugin defines it. */
  dataClass?: DataClass;
  /** Tensor; undefined for the image, audio and histogram messages of old files. */
  tensor?: TensorValue;
}

/** Events of a file. */
export interface SummaryEvents extends Array<SummaryEvent> {
  /** Offset in bytes of an incomplete last event; undefined if all are complete. Not enumerable. */
  readonly truncatedAt: number | undefined;
}

/**
 * Read an event file as written by TensorFlow, TensorBoard, tensorboardX or PyTorch.
 *
 * The file of a killed process may end with an incomplete event. The complete events are returned,
 * and `truncatedAt` is the offset of the incomplete one: continue reading there while the file
 * grows.
 *
 * @param bytes content of the file
 * @throws SyntaxError when a checksum is wrong or an event is malformed
 * @example
 * ```ts
 * import { memoryFileSystem } from "keepfit/runtime";
 * import { readEvents, SummaryWriter } from "keepfit/tensorboard";
 * import assert from "node:assert/strict";
 *
 * const fs = memoryFileSystem();
 * const writer = new SummaryWriter("logs", { fs });
 * writer.scalar("loss", 0.5, 7);
 * await writer.close();
 *
 * const [{ name }] = await fs.readDir("logs");
 * const [header, event] = readEvents(await fs.readFile(`logs/${name}`));
 * assert.equal(header.fileVersion, "brain.Event:2");
 * assert.equal(event.step, 7);
 * assert.deepEqual(event.summaries[0].tensor, { dtype: "float32", shape: [], values: [0.5] });
 * ```
 */
export function readEvents(bytes: Uint8Array): SummaryEvents {
  const events: SummaryEvent[] = [];
  const view = viewOf(bytes);
  let offset = 0;
  while (bytes.length - offset >= headerSize) {
    check(bytes, offset, offset + 8);
    const length = Number(view.getBigUint64(offset, true));
    const [start, end] = [offset + headerSize, offset + headerSize + length];
    if (end + checksumSize > bytes.length) break;
    check(bytes, start, end);
    events.push(readEvent(bytes.subarray(start, end)));
    offset = end + checksumSize;
  }
  return Object.defineProperty(events, "truncatedAt", {
    value: offset < bytes.length ? offset : undefined,
  }) as SummaryEvents;
}

const checksumSize = 4;
const headerSize = 8 + checksumSize;

function check(bytes: Uint8Array, start: number, end: number): void {
  if (viewOf(bytes).getUint32(end, true) === maskedCrc32c(bytes.subarray(start, end))) return;
  throw new SyntaxError(
    `Cannot read events: the checksum at byte ${end} is not that of bytes ${start} to ${end}`,
  );
}

function readEvent(bytes: Uint8Array): SummaryEvent {
  const event: SummaryEvent = { wallTime: 0, step: 0, summaries: [] };
  for (const { number, integer, bytes: value } of readFields(bytes)) {
    // Seconds as a double are accurate only to microseconds.
    if (number === 1) event.wallTime = Math.round(readDouble(value) * 1e6) / 1e3;
    if (number === 2) event.step = Number(integer);
    if (number === 3) event.fileVersion = readText(value);
    if (number === 4) event.graph = readGraph(value);
    if (number === 5) event.summaries.push(...readSummary(value));
    if (number === 7) {
      event.session = 0;
      for (const log of readFields(value)) {
        if (log.number === 1) event.session = Number(log.integer);
      }
    }
    if (number === 10) {
      for (const source of readFields(value)) {
        if (source.number === 1) event.writer = readText(source.bytes);
      }
    }
  }
  return event;
}

function* readSummary(bytes: Uint8Array): Generator<SummaryValue> {
  for (const { number, bytes: message } of readFields(bytes)) {
    if (number !== 1) continue;
    const value: SummaryValue = {
      tag: "",
      plugin: "",
      content: new Uint8Array(),
      displayName: "",
      description: "",
    };
    for (const { number, bytes } of readFields(message)) {
      if (number === 1) value.tag = readText(bytes);
      if (number === 2) value.tensor = simpleValue(readFloat(bytes));
      if (number === 8) value.tensor = readTensor(bytes);
      if (number === 9) readMetadata(bytes, value);
    }
    yield value;
  }
}

/** A scalar as tensorboardX and PyTorch write it. */
function simpleValue(value: number): TensorValue {
  return { dtype: "float32", shape: [], values: [value] };
}

function readMetadata(bytes: Uint8Array, value: SummaryValue): void {
  for (const { number, integer, bytes: field } of readFields(bytes)) {
    if (number === 2) value.displayName = readText(field);
    if (number === 3) value.description = readText(field);
    if (number === 4) value.dataClass = dataClasses[Number(integer) - 1];
    if (number !== 1) continue;
    for (const { number, bytes } of readFields(field)) {
      if (number === 1) value.plugin = readText(bytes);
      if (number === 2) value.content = bytes;
    }
  }
}
