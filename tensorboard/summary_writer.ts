import { findDeflate } from "../runtime/deflate.ts";
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
import { checkImages, type ImageLike, imageTensor } from "./image.ts";
import { prCurveTensor } from "./pr_curve.ts";
import { numberOf, numbersOf, unreadable } from "./numbers.ts";
import { ProtobufWriter } from "./protobuf.ts";
import { ScalarTemplate } from "./scalar_template.ts";
import { type DataClass, type Summary, writeSummary } from "./summary.ts";
import type { TensorLike } from "./tensor.ts";
import { type TextLike, textTensor } from "./text.ts";

/** Options of {@linkcode SummaryWriter}. */
export interface SummaryWriterOptions {
  /** File system: `getRuntime().fs`, or `memoryFileSystem()`. */
  fs: FileSystem;
  /** Time between two writes in milliseconds, checked by the next summary. Default: 10000. */
  flushMillis?: number;
  /** Size of the buffer that triggers an early write, in bytes. Default: 1048576. */
  maxPendingBytes?: number;
  /** Suffix of the file name. Default: `".v2"`, as in TensorFlow 2. */
  suffix?: string;
  /** Clock, in milliseconds since 1970. Default: `Date.now`. */
  now?: () => number;
}

/** Options of every summary. */
export interface SummaryOptions {
  /** Time in milliseconds since 1970. Default: now. */
  wallTime?: number;
  /** Description beside the tag, in Markdown. Default: none. */
  description?: string;
}

/** Options of {@linkcode SummaryWriter.histogram}. */
export interface HistogramOptions extends SummaryOptions {
  /** Number of buckets. Default: 30. */
  buckets?: number;
}

/** Options of {@linkcode SummaryWriter.prCurve}. */
export interface PrCurveOptions extends SummaryOptions {
  /** Number of thresholds, at least 2. Default: 201. */
  thresholds?: number;
  /** Weight of each prediction. Default: 1. */
  weights?: ArrayLike<number>;
}

/** Options of {@linkcode SummaryWriter.tensor}. */
export interface TensorSummaryOptions extends SummaryOptions {
  /** Name of the plugin that shows it, as in its `metadata.py`. */
  plugin: string;
  /** Content of the plugin's metadata; text is encoded as UTF-8. Default: none. */
  content?: string | Uint8Array;
  /** Name shown instead of the tag. Default: none. */
  displayName?: string;
  /** Data class, for plugins that are not part of TensorBoard. Default: none. */
  dataClass?: DataClass;
}

/**
 * Writes TensorBoard summaries in the format of TensorFlow 2: one event file in the folder of a
 * run, created with the first summary.
 *
 * A summary is encoded immediately, so that its data may change afterwards, and buffered in memory.
 * The buffer is written with the next summary after `flushMillis` or `maxPendingBytes`, by
 * {@linkcode flush} and by {@linkcode close}. A killed process loses the buffer; the file stays
 * readable. A summary that cannot be encoded throws and writes nothing. A failed write makes
 * `flush` and `close` reject; the next write retries it in a new file.
 *
 * A summary has data, a tag and a step. Slashes in tags form groups; a step may be any safe
 * integer. Numbers are written unchanged, including NaN and infinities.
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
  readonly #scalars = new Map<string, ScalarTemplate>();
  /** Images that wait for their compressor. */
  #images: Promise<void>[] = [];

  /**
   * Create a writer; nothing is written before the first summary.
   *
   * @param logDir folder of the run, path or `file:` URL; created with the first write
   * @param options options
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
   * Write a scalar as float32, a point of a line. A boolean becomes 1 or 0; a tensor must have one
   * value.
   *
   * @throws TypeError for anything else
   */
  scalar(tag: string, value: number, step: number, options: SummaryOptions = {}): void {
    const number = numberOf(tag, value);
    const { wallTime, description } = options;
    if (description) {
      const tensor: TensorLike = { dtype: "float32", shape: [], values: [number] };
      return this.#summary({ tag, plugin: "scalars", tensor }, step, options);
    }
    checkStep(tag, step);
    let template = this.#scalars.get(tag);
    if (template === undefined) {
      // The number of tags may be unlimited.
      if (this.#scalars.size >= 1000) this.#scalars.clear();
      this.#scalars.set(tag, template = new ScalarTemplate(tag));
    }
    const known = template;
    this.#file.append(wallTime, step, (out) => known.write(out, number));
  }

  /**
   * Write the distribution of values or of a tensor. Non-finite values are omitted.
   *
   * @throws TypeError for anything but a list of numbers
   * @throws RangeError when `buckets` is not a positive integer
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
   * Write an image, or several of one size, as PNG. Where the runtime has no zlib, they are
   * compressed later, before the next write.
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
    const all = "data" in images ? [images] : images;
    checkImages(all);
    const deflate = findDeflate();
    if (typeof deflate === "function") {
      const tensor = imageTensor(all, deflate);
      return this.#summary({ tag, plugin: "images", tensor }, step, options);
    }
    this.#file.checkOpen();
    const { wallTime = this.#now() } = options;
    const copies = all.map((image) => ({ ...image, data: image.data.slice() }));
    const written = deflate.then((deflate) => {
      const tensor = imageTensor(copies, deflate);
      this.#summary({ tag, plugin: "images", tensor }, step, { ...options, wallTime });
    });
    // A failure is reported by the next write.
    written.catch(() => {});
    this.#images.push(written);
  }

  /**
   * Write Markdown: one text, a column of texts or a table.
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
   * Write the precision-recall curve of a binary classifier. Predictions are 0..1, labels false or
   * true.
   *
   * @throws RangeError for fewer than 2 `thresholds`, or when the numbers of labels, predictions and
   *   weights differ
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
   * Write a tensor for any TensorBoard plugin.
   *
   * @throws RangeError for an unknown dtype, or if the number of values does not match the shape
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

  /** Write a graph of operations for the graphs tab, at most one per run. */
  graph(graph: GraphDefLike): void {
    this.#file.append(undefined, 0, (out) => out.message(4, () => writeGraph(out, graph)));
  }

  /**
   * Write a Keras model for the graphs tab.
   *
   * @param json configuration of the model in the form of Keras's `model.to_json()`
   */
  kerasModel(json: string): void {
    this.tensor("keras", { dtype: "string", shape: [], values: [json] }, 0, {
      plugin: "graph_keras_model",
      content: "1",
    });
  }

  /**
   * Write the hyperparameters of this run, its row in the hparams table. This starts a session,
   * which {@linkcode hparamsEnd} ends.
   *
   * @throws TypeError for a value that is not a string, number or boolean
   */
  hparams(hparams: Readonly<Record<string, HparamValue>>, options: HparamsOptions = {}): void {
    const { metrics, trialId, startTime = this.#now() } = options;
    const start = sessionStartSummary(hparams, trialId, startTime);
    if (metrics !== undefined) this.#summary(experimentSummary(hparams, metrics, startTime), 0);
    this.#summary(start, 0);
  }

  /** End the session of {@linkcode hparams} with its status. */
  hparamsEnd(status: "success" | "failure" = "success"): void {
    this.#summary(sessionEndSummary(status, this.#now()), 0);
  }

  /**
   * Mark that the run continues from a step. TensorBoard then ignores earlier summaries of this and
   * later steps, also those in other files of the folder.
   *
   * Source: `tensorboard/backend/event_processing/plugin_event_accumulator.py`.
   *
   * @param step first step that will be written again
   */
  sessionStart(step: number): void {
    this.#file.append(undefined, step, (out) => out.message(7, () => out.varint(1, 1)));
  }

  /** Write the charts of the custom scalars tab. */
  customScalars(layout: CustomScalarsLayout): void {
    this.#summary(customScalarsSummary(layout), 0);
  }

  /**
   * Write the buffered summaries, and wait until they are on the disk and survive a power failure.
   *
   * @throws FileSystemError when the file cannot be written
   */
  async sync(): Promise<void> {
    await this.#compressed();
    await this.#file.sync();
  }

  /**
   * Write the buffered summaries; may be called again.
   *
   * @throws FileSystemError when the file cannot be written; the next write retries
   * @throws Error when summaries were dropped, because writes failed for too long
   */
  flush(): Promise<void> {
    if (this.#images.length === 0) return this.#file.flush();
    const flushed = this.#compressed().then(() => this.#file.flush());
    // As in the file, a flush without an await is not an unhandled rejection.
    flushed.catch(() => {});
    return flushed;
  }

  /**
   * Write the buffered summaries and close the file; may be called again. Later summaries throw a
   * TypeError.
   *
   * @throws the errors of {@linkcode flush}
   */
  async close(): Promise<void> {
    try {
      if (this.#images.length > 0) await this.#compressed();
    } finally {
      await this.#file.close();
    }
  }

  async #compressed(): Promise<void> {
    await Promise.all(this.#images.splice(0));
  }

  #summary(
    summary: Summary,
    step: number,
    { wallTime, description }: SummaryOptions = {},
  ): void {
    checkStep(summary.tag, step);
    this.#file.append(wallTime, step, (out) => {
      out.message(5, () => writeSummary(out, { ...summary, description }));
    });
  }
}

function checkStep(tag: string, step: number): void {
  if (Number.isSafeInteger(step)) return;
  throw new RangeError(`Cannot write '${tag}' at step ${step}: the step must be a safe integer`);
}

function checkCount(summary: string, name: string, count: number, least: number): void {
  if (Number.isSafeInteger(count) && count >= least) return;
  throw new RangeError(
    `Cannot write ${summary} with ${name} ${count}: it must be an integer >= ${least}`,
  );
}
