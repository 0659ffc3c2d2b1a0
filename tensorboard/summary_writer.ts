import type { FileSystem, Path } from "../runtime/types.ts";
import { type CustomScalarsLayout, customScalarsSummary } from "./custom_scalars.ts";
import { EventFile } from "./event_file.ts";
import { type GraphDefLike, writeGraph } from "./graph.ts";
import { histogramTensor } from "./histogram.ts";
import {
  experimentSummary,
  type HparamsOptions,
  type HparamValue,
  sessionEndSummary,
  sessionStartSummary,
} from "./hparams.ts";
import { type ImageLike, imageTensor } from "./image.ts";
import { prCurveTensor } from "./pr_curve.ts";
import { numberOf, numbersOf, unreadable } from "./numbers.ts";
import { ProtobufWriter } from "./protobuf.ts";
import { type DataClass, type Summary, writeSummary } from "./summary.ts";
import type { TensorLike } from "./tensor.ts";
import { type TextLike, textTensor } from "./text.ts";

/** Options of {@linkcode SummaryWriter}. */
export interface SummaryWriterOptions {
  /** Where the folder is: `getRuntime().fs`, or `memoryFileSystem()`. */
  fs: FileSystem;
  /** Milliseconds between two writes, as seen by the next summary. Default: 10000. */
  flushMillis?: number;
  /** Bytes after which a write does not wait for its time. Default: 1048576. */
  maxPendingBytes?: number;
  /** End of the file's name. Default: `".v2"`, as TensorFlow 2 has it. */
  suffix?: string;
  /** Milliseconds since 1970. Default: `Date.now`. */
  now?: () => number;
}

/** Options of every summary. */
export interface SummaryOptions {
  /** When it was, in milliseconds since 1970. Default: now. */
  wallTime?: number;
  /** Markdown that TensorBoard shows beside the tag. Default: none. */
  description?: string;
}

/** Options of {@linkcode SummaryWriter.histogram}. */
export interface HistogramOptions extends SummaryOptions {
  /** Default: 30. */
  buckets?: number;
}

/** Options of {@linkcode SummaryWriter.prCurve}. */
export interface PrCurveOptions extends SummaryOptions {
  /** Points of the curve, at least 2. Default: 201. */
  thresholds?: number;
  /** What each prediction counts. Default: 1. */
  weights?: ArrayLike<number>;
}

/** Options of {@linkcode SummaryWriter.tensor}. */
export interface TensorSummaryOptions extends SummaryOptions {
  /** Name of the plugin that shows it, as in its `metadata.py`. */
  plugin: string;
  /** What the plugin has to know beside the tensor; text is written as UTF-8. Default: none. */
  content?: string | Uint8Array;
  /** Shown instead of the tag. Default: none. */
  displayName?: string;
  /** For a plugin that TensorBoard does not bring along: what it reads the value as. Default: none. */
  dataClass?: DataClass;
}

/**
 * Writes what TensorBoard shows, in the format of TensorFlow 2: one event file in the folder of a
 * run, made when the first summary is written out.
 *
 * A summary is encoded at once into memory, so that what it was made of may change afterwards, and
 * nothing is awaited. It is written out with the next summary after `flushMillis` or
 * `maxPendingBytes`, at {@linkcode flush} and at {@linkcode close}; a process that is killed loses
 * what was not, and the file stays readable. A summary that cannot be encoded throws and leaves no
 * trace; a file that cannot be written makes `flush` and `close` reject, and is tried again, in a
 * new file, by the next write.
 *
 * A summary has a tag, whose slashes make groups, what is to be shown, and the step that it belongs
 * to, any safe integer. Numbers are written as they are, also NaN and infinities.
 *
 * Source: `tensorboard/plugins/<plugin>/summary_v2.py` and `metadata.py`.
 *
 * @example
 * ```ts
 * import { memoryFileSystem } from "keepfit/runtime";
 * import { readEvents, SummaryWriter } from "keepfit/tensorboard";
 * import assert from "node:assert/strict";
 *
 * const fs = memoryFileSystem();
 * const writer = new SummaryWriter("logs/train", { fs });
 * for (const [step, loss] of [0.9, 0.5, 0.4].entries()) writer.scalar("loss", loss, step);
 * writer.text("notes", "with **dropout**", 0);
 * await writer.close();
 *
 * const [{ name }] = await fs.readDir("logs/train");
 * const events = readEvents(await fs.readFile(`logs/train/${name}`));
 * assert.deepEqual(
 *   events.flatMap(({ step, summaries }) => summaries.map(({ tag }) => `${tag} ${step}`)),
 *   ["loss 0", "loss 1", "loss 2", "notes 0"],
 * );
 * ```
 */
export class SummaryWriter {
  /** Folder of the run. */
  readonly logDir: Path;
  readonly #file: EventFile;
  readonly #now: () => number;

  /**
   * Open a run; its folder and file are made with the first summary.
   *
   * @param logDir folder of the run, path or `file:` URL; made when the first summary is written out
   * @param options how to write
   * @throws RangeError for a negative `flushMillis` or `maxPendingBytes`
   */
  constructor(logDir: Path, options: SummaryWriterOptions) {
    const { fs, flushMillis = 10_000, maxPendingBytes = 2 ** 20, suffix = ".v2" } = options;
    for (const [name, value] of Object.entries({ flushMillis, maxPendingBytes })) {
      if (value >= 0) continue;
      throw new RangeError(`Cannot create SummaryWriter with ${name} ${value}: it must be >= 0`);
    }
    this.logDir = logDir;
    this.#now = options.now ?? Date.now;
    this.#file = new EventFile(logDir, {
      fs,
      flushMillis,
      maxPendingBytes,
      suffix,
      now: this.#now,
    });
  }

  /**
   * A number, as float32: a point of a line. A boolean is 1 or 0, a tensor of one value is read.
   *
   * @throws TypeError for anything else
   */
  scalar(tag: string, value: number, step: number, options: SummaryOptions = {}): void {
    const tensor: TensorLike = { dtype: "float32", shape: [], values: [numberOf(tag, value)] };
    this.#summary({ tag, plugin: "scalars", tensor }, step, options);
  }

  /**
   * How values are spread; those that are not finite are left out. A tensor is read.
   *
   * @throws TypeError for what is no list of numbers
   * @throws RangeError for `buckets` that is no positive integer
   */
  histogram(
    tag: string,
    values: ArrayLike<number>,
    step: number,
    options: HistogramOptions = {},
  ): void {
    const { buckets = 30 } = options;
    checkCount(`histogram '${tag}'`, "buckets", buckets, 1);
    const tensor = histogramTensor(numbersOf(tag, values), buckets);
    this.#summary({ tag, plugin: "histograms", tensor }, step, options);
  }

  /**
   * An image, or several of one size, as PNG.
   *
   * @throws RangeError for no image, images of different size, or data of the wrong length
   */
  image(
    tag: string,
    images: ImageLike | readonly ImageLike[],
    step: number,
    options: SummaryOptions = {},
  ): void {
    if (typeof images !== "object" || images === null) {
      throw unreadable(tag, "an image or a list of images", images);
    }
    const tensor = imageTensor(images);
    this.#summary({ tag, plugin: "images", tensor }, step, options);
  }

  /**
   * Markdown: one text, a column of them, or a table.
   *
   * @throws RangeError for a table with rows of different length
   */
  text(tag: string, text: TextLike, step: number, options: SummaryOptions = {}): void {
    const isText = typeof text === "string" ||
      (Array.isArray(text) && text.flat().every((one) => typeof one === "string"));
    if (!isText) throw unreadable(tag, "a text, a list or a table of texts", text);
    const tensor = textTensor(text);
    this.#summary({ tag, plugin: "text", tensor }, step, options);
  }

  /**
   * Precision over recall of a binary classifier; predictions are 0..1, labels false or true.
   *
   * @throws RangeError for fewer than 2 `thresholds`, or when there are not as many labels,
   * predictions and weights
   */
  prCurve(
    tag: string,
    labels: ArrayLike<boolean | number>,
    predictions: ArrayLike<number>,
    step: number,
    options: PrCurveOptions = {},
  ): void {
    const { thresholds = 201, weights } = options;
    checkCount(`prCurve '${tag}'`, "thresholds", thresholds, 2);
    const tensor = prCurveTensor(
      numbersOf(tag, labels),
      numbersOf(tag, predictions),
      thresholds,
      weights === undefined ? undefined : numbersOf(tag, weights),
    );
    const content = new ProtobufWriter();
    content.varint(2, thresholds);
    this.#summary(
      { tag, plugin: "pr_curves", content: content.take(), tensor },
      step,
      options,
    );
  }

  /**
   * A tensor for any plugin of TensorBoard.
   *
   * @throws RangeError for an unknown dtype, or when there are not as many values as the shape says
   */
  tensor(tag: string, tensor: TensorLike, step: number, options: TensorSummaryOptions): void {
    const { plugin, content, displayName, dataClass } = options;
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    this.#summary(
      { tag, plugin, content: bytes, displayName, dataClass, tensor },
      step,
      options,
    );
  }

  /** A graph of operations, for the graphs tab; one a run. */
  graph(graph: GraphDefLike): void {
    this.#file.append(undefined, 0, (out) => out.message(4, () => writeGraph(out, graph)));
  }

  /**
   * A Keras model, for the graphs tab.
   *
   * @param json its configuration, as Keras's `model.to_json()` has it
   */
  kerasModel(json: string): void {
    this.tensor("keras", { dtype: "string", shape: [], values: [json] }, 0, {
      plugin: "graph_keras_model",
      content: "1",
    });
  }

  /**
   * What this run was tried with: its row in the table of hyperparameters. The run is a session;
   * {@linkcode hparamsEnd} says how it ended.
   *
   * @throws TypeError for a value that is no string, number or boolean
   */
  hparams(hparams: Readonly<Record<string, HparamValue>>, options: HparamsOptions = {}): void {
    const { metrics, trialId, startTime = this.#now() } = options;
    const start = sessionStartSummary(hparams, trialId, startTime);
    if (metrics !== undefined) this.#summary(experimentSummary(hparams, metrics, startTime), 0);
    this.#summary(start, 0);
  }

  /** How the session that {@linkcode hparams} began has ended. */
  hparamsEnd(status: "success" | "failure" = "success"): void {
    this.#summary(sessionEndSummary(status, this.#now()), 0);
  }

  /**
   * A run that goes on from a step: what was written of this step and later ones before, also in
   * other files of the folder, is void, and TensorBoard does not show it.
   *
   * Source: `tensorboard/backend/event_processing/plugin_event_accumulator.py`.
   *
   * @param step first step that will be written again
   */
  sessionStart(step: number): void {
    this.#file.append(undefined, step, (out) => out.message(7, () => out.varint(1, 1)));
  }

  /** Which charts the custom scalars tab has. */
  customScalars(layout: CustomScalarsLayout): void {
    this.#summary(customScalarsSummary(layout), 0);
  }

  /**
   * Write out what waits; may be called again.
   *
   * @throws what the file system rejects with; the next write tries again
   * @throws Error when writes failed for so long that summaries had to be dropped
   */
  flush(): Promise<void> {
    return this.#file.flush();
  }

  /**
   * Write out what waits and close the file; may be called again. Summaries are refused from here
   * on, with a TypeError.
   *
   * @throws as {@linkcode flush} does
   */
  close(): Promise<void> {
    return this.#file.close();
  }

  #summary(
    summary: Summary,
    step: number,
    { wallTime, description }: SummaryOptions = {},
  ): void {
    if (!Number.isSafeInteger(step)) {
      throw new RangeError(
        `Cannot write '${summary.tag}' at step ${step}: the step must be a safe integer`,
      );
    }
    this.#file.append(wallTime, step, (out) => {
      out.message(5, () => writeSummary(out, { ...summary, description }));
    });
  }
}

function checkCount(summary: string, name: string, count: number, least: number): void {
  if (Number.isSafeInteger(count) && count >= least) return;
  throw new RangeError(
    `Cannot write ${summary} with ${name} ${count}: it must be an integer >= ${least}`,
  );
}
