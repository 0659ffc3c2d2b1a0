import { Callback, type CallbackOptions, type CallbackState } from "../core/callback.ts";
import { messageOf } from "../core/errors.ts";
import { batchesOfExecution } from "../core/execution.ts";
import { isRecord } from "../core/given_options.ts";
import type { Logs } from "../core/logs.ts";
import { readTensors, type TrainableModel } from "../core/model.ts";
import { getRuntime, joinPath, probeDirectory } from "../runtime/mod.ts";
import { comparablePath } from "../runtime/paths.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import { SummaryWriter } from "../tensorboard/mod.ts";
import {
  kerasModelJson,
  type LayerConfig,
  modelGraph,
  modelTable,
} from "../tensorboard/model_graph.ts";
import { weightImages } from "../tensorboard/weight_images.ts";
import {
  BatchProfiler,
  choosesBatches,
  type ProfileBatch,
  profileBatch,
} from "./batch_profiler.ts";
import { checkMetadata, type EmbeddingsMetadata, writeEmbeddings } from "./embeddings.ts";
import { EventFiles, type EventFilesState } from "./event_files.ts";
import { isLayered, type LayeredModel, layersOf } from "../tfjs/layers.ts";
import {
  atLeastZero,
  callbackOptions,
  checkOptions,
  filePath,
  fileSystem,
  flag,
  type OptionRule,
  record,
  wordOrBatches,
} from "./options.ts";

/** Options of {@linkcode TensorBoard}. */
export interface TensorBoardOptions extends CallbackOptions {
  /** Folder of this run, path or `file:` URL; no other callback may write there. Default: `"logs"`. */
  logDir?: Path;
  /** Write histograms of all weights every n epochs; 0 for never. Default: 0. */
  histogramFreq?: number;
  /** Write the graph of the model. Default: true. */
  writeGraph?: boolean;
  /** Write the weights as images along with the histograms. Default: false. */
  writeImages?: boolean;
  /** Write the number of batches per second. Default: false. */
  writeStepsPerSecond?: boolean;
  /**
   * When to write the logs of batches: never (`"epoch"`), for each (`"batch"`), or for every n-th.
   * Default: `"epoch"`.
   */
  updateFreq?: "batch" | "epoch" | number;
  /**
   * Batches whose kernels are timed, counted from 1 over the run: one, or the first and last as
   * `[5, 10]` or `"5,10"`; 0 for none. Default: 0.
   */
  profileBatch?: ProfileBatch;
  /** Write the embeddings for the projector every n epochs; 0 for never. Default: 0. */
  embeddingsFreq?: number;
  /**
   * File in `logDir` with a label for each row of an embedding: one for all, or one per layer name.
   */
  embeddingsMetadata?: EmbeddingsMetadata;
  /**
   * Hyperparameters of this run: its row in TensorBoard's HParams tab, next to the last metrics.
   * TensorBoard finds the metrics only if it is started on a parent folder of `logDir`: with
   * `logDir: "logs/first"`, `tensorboard --logdir logs`. Default: no row.
   */
  hparams?: Record<string, string | number | boolean>;
  /**
   * Milliseconds after which to write to disk, in addition to every epoch's end. Default: the
   * writer's.
   */
  flushMillis?: number;
  /** File system of the files. Default: the runtime's. */
  fs?: FileSystem;
}

/**
 * Write event files for TensorBoard: losses and metrics, the model, weights, embeddings and kernel
 * times. `tensorboard --logdir logs` shows them.
 *
 * | run | tag | step |
 * | --- | --- | --- |
 * | train | `epoch_<key>`, `epoch_learning_rate`, `epoch_steps_per_second` | epoch, from 0 |
 * | train | `batch_<key>`, `batch_steps_per_second` | batch of the run, from 1 |
 * | train | `<layer>/<weight>/histogram` and `/image` | epoch |
 * | train | `keras` and the graph of the model, text `model_summary` | 0 |
 * | train | text `batch_<last>`, `profile_kernel_ms`, `profile_peak_bytes` | last batch profiled |
 * | validation | `epoch_<key>` | epoch |
 * | validation | `evaluation_<key>_vs_iterations` | updates of the optimizer |
 *
 * Values of batches are means since the epoch began, and are read from the device only when they
 * are written. The batch count continues in a resumed run: from the restored state, or with
 * `initialEpoch` from the optimizer's updates. Write your own summaries with {@linkcode writer}.
 *
 * A profile is the text `batch_<last>`, a table of the kernels, and a trace in
 * `train/plugins/profile/<time>/keepfit.trace.json`, which opens in Perfetto
 * (https://ui.perfetto.dev) or `chrome://tracing`, not in TensorBoard's Profile tab. An embedding
 * is a table `train/keras_embedding-<layer>-<epoch>.tsv`, and `projector_config.pbtxt` names the
 * newest: the projector finds it if TensorBoard is started on `logDir` itself, or on a parent
 * folder and the run has `hparams`.
 *
 * Epochs and evaluations are always written; with a number for `update_freq`, Keras omits most of
 * them.
 *
 * Source: `keras/src/callbacks/tensorboard.py`.
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { fit, TensorBoard } from "keepfit";
 * import { memoryFileSystem } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
 * model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
 * const fs = memoryFileSystem();
 * await fit(model, tf.ones([8, 1]), tf.ones([8, 1]), {
 *   epochs: 2,
 *   validationSplit: 0.5,
 *   callbacks: new TensorBoard({ logDir: "logs", histogramFreq: 1, fs }),
 *   verbose: 0,
 * });
 * const runs = (await fs.readDir("logs")).map(({ name }) => name);
 * assert.deepEqual(runs, ["train", "validation"]);
 * ```
 */
export class TensorBoard extends Callback {
  /** Its name in messages and saved states. */
  static override readonly className: string = "TensorBoard";

  /** Folder of the run. */
  readonly logDir: Path;
  /** Epochs between histograms; 0 for none. */
  readonly histogramFreq: number;
  /** Whether the graph of the model is written. */
  readonly writeGraph: boolean;
  /** Whether weights are written as images. */
  readonly writeImages: boolean;
  /** Whether the speed is written. */
  readonly writeStepsPerSecond: boolean;
  /** Batches between two logs; `"epoch"` for none. */
  readonly updateFreq: "epoch" | number;
  /** Epochs between embeddings; 0 for none. */
  readonly embeddingsFreq: number;
  /** Labels of embeddings: one file for all, or one per layer name. */
  readonly embeddingsMetadata: EmbeddingsMetadata | undefined;
  #profiler: BatchProfiler | undefined;
  #hparams: TensorBoardOptions["hparams"];
  #flushMillis: number | undefined;
  #fs: FileSystem | undefined;
  #writers = new Map<string, SummaryWriter>();
  #events: EventFiles | undefined;
  #undrawn: LayeredModel | undefined;
  // Current or last batch of this run, counted from 1.
  #batch = 0;
  #batchBegin = 0;
  /** The highest step of an evaluation. */
  #evaluated = 0;
  #epochBegin = { time: 0, iterations: 0 };
  #isResumed = false;
  /** Whether a restored state says that the model is drawn. */
  #isDrawn = false;
  #hasBegun = false;
  #hasSession = false;

  /**
   * Write event files, which are opened when the run begins.
   *
   * @param options where to write, and what
   * @throws TypeError for an option of the wrong type
   * @throws RangeError for a frequency that is not a whole number, or an invalid range of batches
   */
  constructor(options: TensorBoardOptions = {}) {
    super(options);
    checkOptions(this, TensorBoard, options, {
      ...callbackOptions,
      logDir: filePath,
      histogramFreq: everySoManyEpochs,
      writeGraph: flag,
      writeImages: flag,
      writeStepsPerSecond: flag,
      updateFreq: wordOrBatches("epoch", "batch"),
      profileBatch,
      embeddingsFreq: everySoManyEpochs,
      embeddingsMetadata: {
        types: ["string", "object"],
        expected: "a path, or paths by layer",
        isValid: (value: unknown) => typeof value === "string" ? value !== "" : isRecord(value),
      },
      hparams: record,
      flushMillis: atLeastZero,
      fs: fileSystem,
    });
    this.logDir = options.logDir ?? "logs";
    this.histogramFreq = options.histogramFreq ?? 0;
    this.writeGraph = options.writeGraph ?? true;
    this.writeImages = options.writeImages ?? false;
    this.writeStepsPerSecond = options.writeStepsPerSecond ?? false;
    this.updateFreq = options.updateFreq === "batch" ? 1 : options.updateFreq ?? "epoch";
    this.embeddingsFreq = options.embeddingsFreq ?? 0;
    this.embeddingsMetadata = options.embeddingsMetadata;
    this.#hparams = options.hparams;
    this.#flushMillis = options.flushMillis;
    this.#fs = options.fs;
    const { profileBatch: batches = 0 } = options;
    if (choosesBatches(batches)) {
      this.#profiler = new BatchProfiler(batches, () => ({
        writer: this.writer("train"),
        directory: joinPath(this.logDir, "train"),
        fs: this.#files(),
      }));
    }
    // Only if needed, because a batch hook is called for every batch.
    if (this.updateFreq !== "epoch" || this.#profiler !== undefined) {
      this.onTrainBatchBegin = this.#beginBatch;
      this.onTrainBatchEnd = this.#endBatch;
    }
  }

  /**
   * The writer of a run, to add your own summaries while the callback is in use. It is closed when
   * the run ends; get it again rather than keep it.
   *
   * @param run the folder in `logDir`
   */
  writer(run: "train" | "validation"): SummaryWriter {
    return this.#writer(run);
  }

  /** Only the batches whose logs it writes. */
  override readsBatchLogs(batch: number): boolean {
    return this.#writesBatch(batch);
  }

  /** Check the layers that embeddings are of. */
  override setModel(model: TrainableModel): void {
    super.setModel(model);
    this.#undrawn = undefined;
    if (!isLayered(model)) return;
    if (this.embeddingsFreq > 0) checkMetadata(layersOf(model), this.embeddingsMetadata);
    if (this.writeGraph) this.#undrawn = model;
  }

  /** Draw the model once, unless a problem prevents it; that of a resumed run is drawn. */
  #draw(): void {
    const model = this.#undrawn;
    this.#undrawn = undefined;
    if (model === undefined || this.#isDrawn) return;
    try {
      const config = model.toJSON(null, false) as LayerConfig;
      const layers = layersOf(model);
      const writer = this.writer("train");
      writer.kerasModel(kerasModelJson(config));
      writer.graph(modelGraph(config, layers));
      writer.text("model_summary", modelTable(layers), 0);
    } catch (error) {
      console.warn(`keepfit: TensorBoard cannot write the graph of the model: ${messageOf(error)}`);
    }
  }

  /** Check that the folders are writable, find the first batch, and write the hyperparameters. */
  override async onTrainBegin(): Promise<void> {
    const fs = this.#files();
    await probeDirectory(joinPath(this.logDir, "train"), { fs });
    if (this.params?.doValidation) {
      await probeDirectory(joinPath(this.logDir, "validation"), { fs });
    }
    this.#hasBegun = false;
    if (!this.#isResumed) {
      this.#isDrawn = false;
      const { initialEpoch = 0, steps } = this.params ?? {};
      const trained = initialEpoch * (steps ?? 0);
      this.#batch = initialEpoch > 0 ? this.#iterations() || trained : 0;
      this.#evaluated = 0;
    }
    await this.#ownEvents().cut();
    this.#draw();
    this.#voidLaterSteps();
    if (this.#hparams === undefined) return;
    this.#hasSession = true;
    this.#writer("").hparams(this.#hparams, {
      metrics: (this.params?.metrics ?? []).map((name) =>
        name.startsWith("val_")
          ? { tag: `epoch_${name.slice(4)}`, group: "validation" }
          : { tag: `epoch_${name}`, group: "train" }
      ),
    });
  }

  /**
   * Mark the data that an interrupted run wrote after the state from which this one continues.
   * Steps of batches and updates are never below those of epochs, so they come first.
   */
  #voidLaterSteps(): void {
    const { initialEpoch = 0, doValidation } = this.params ?? {};
    if (!this.#isResumed && initialEpoch === 0) return;
    const countsBatches = this.onTrainBatchBegin !== undefined;
    this.writer("train").sessionStart(countsBatches ? this.#batch + 1 : initialEpoch);
    if (doValidation) {
      // A callback may have reset the optimizer since the last evaluation.
      const updates = Math.max(this.#iterations() ?? initialEpoch, this.#evaluated);
      this.writer("validation").sessionStart(updates + 1);
    }
  }

  /** Start the clock of the epoch. */
  override onEpochBegin(): void {
    this.#hasBegun = true;
    this.#epochBegin = { time: performance.now(), iterations: this.#iterations() ?? 0 };
  }

  /** Write the logs of the epoch, and weights, images and embeddings when they are due. */
  override async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    this.#isResumed = false;
    this.#writeEpoch(epoch, logs);
    const { model, logDir, embeddingsMetadata: metadata } = this;
    if (isLayered(model)) {
      const isDue = (frequency: number) => frequency > 0 && epoch % frequency === 0;
      if (isDue(this.histogramFreq)) await this.#writeWeights(model, epoch);
      if (isDue(this.embeddingsFreq)) {
        await writeEmbeddings(layersOf(model), epoch, { logDir, fs: this.#files(), metadata });
      }
    }
    for (const writer of this.#writers.values()) await writer.flush();
  }

  /** Draw the model of a run that only evaluates. */
  override onTestBegin(): void {
    this.#draw();
  }

  /** Draw the model of a run that only predicts. */
  override onPredictBegin(): void {
    this.#draw();
  }

  /** Write the results of an evaluation by iterations. */
  override onTestEnd(logs: Logs): void {
    const iterations = this.#iterations();
    if (iterations === undefined) return;
    this.#evaluated = Math.max(this.#evaluated, iterations);
    for (const [name, value] of numbersOf(logs)) {
      this.writer("validation").scalar(`evaluation_${name}_vs_iterations`, value, iterations);
    }
  }

  /** Write the profile, and end the session of the hyperparameters. */
  override async onTrainEnd(): Promise<void> {
    await this.#profiler?.write();
    this.#endSession("success");
    for (const writer of this.#writers.values()) await writer.sync();
  }

  /** End the session of the hyperparameters as failed. */
  override onException(): void {
    this.#endSession("failure");
  }

  /** Close the files. */
  override async close(): Promise<void> {
    this.#isResumed = false;
    this.#profiler?.stop();
    const writers = [...this.#writers.values()];
    this.#writers.clear();
    const closed = await Promise.allSettled(writers.map((writer) => writer.close()));
    for (const result of closed) if (result.status === "rejected") throw result.reason;
  }

  /** The path it writes to. */
  override get stateKey(): string {
    return comparablePath(this.logDir);
  }

  /**
   * The sizes of the event files, and the number of batches. Before the first epoch nothing is in a
   * file: a run that is killed then writes it again.
   */
  async getState(): Promise<CallbackState> {
    const isDrawn = this.#isDrawn || this.#hasBegun;
    if (isDrawn) {
      for (const writer of this.#writers.values()) await writer.flush();
    }
    const events = await this.#ownEvents().getState();
    const batch = this.onTrainBatchBegin === undefined ? undefined : this.#batch;
    return { events, batch, evaluated: this.#evaluated, isDrawn };
  }

  /** Wait until the events of the state are on the disk. */
  async syncState(): Promise<void> {
    if (!this.#isDrawn && !this.#hasBegun) return;
    await Promise.all([...this.#writers.values()].map((writer) => writer.sync()));
  }

  /** Continue the count. */
  setState(state: CallbackState): void {
    this.#isResumed = true;
    if (state.batch !== undefined) this.#batch = state.batch as number;
    this.#evaluated = state.evaluated as number ?? 0;
    this.#isDrawn = state.isDrawn as boolean ?? true;
    if (state.events !== undefined) this.#ownEvents().setState(state.events as EventFilesState);
  }

  #writer(run: string): SummaryWriter {
    let writer = this.#writers.get(run);
    if (writer === undefined) {
      const directory = run === "" ? this.logDir : joinPath(this.logDir, run);
      const { suffix } = this.#ownEvents();
      writer = new SummaryWriter(directory, {
        fs: this.#files(),
        flushMillis: this.#flushMillis,
        suffix,
      });
      this.#writers.set(run, writer);
    }
    return writer;
  }

  #endSession(status: "success" | "failure"): void {
    if (this.#hasSession) this.#writer("").hparamsEnd(status);
    this.#hasSession = false;
  }

  #iterations(): number | undefined {
    const { iterations } = (this.model.optimizer ?? {}) as { iterations?: unknown };
    return typeof iterations === "number" ? iterations : undefined;
  }

  /** Whether the execution that ends with this batch contains one to write. */
  #writesBatch(batch: number): boolean {
    if (this.updateFreq === "epoch") return false;
    const batches = batchesOfExecution(batch, this.params);
    return (this.#batch + batches) % this.updateFreq < batches;
  }

  #beginBatch(batch: number): void {
    this.#batchBegin = performance.now();
    const { stepsPerExecution = 1 } = this.params ?? {};
    const first = this.#batch + 1 + batch % stepsPerExecution;
    this.#profiler?.beginBatch(first, this.#batch + stepsPerExecution);
  }

  #endBatch(batch: number, logs: Logs): void | Promise<void> {
    const profiled = this.#profiler?.endBatch();
    const isDue = this.#writesBatch(batch);
    const batches = batchesOfExecution(batch, this.params);
    this.#batch += batches;
    if (isDue) {
      const writer = this.writer("train");
      for (const [name, value] of numbersOf(logs)) {
        writer.scalar(`batch_${name}`, value, this.#batch);
      }
      if (this.writeStepsPerSecond) {
        const seconds = (performance.now() - this.#batchBegin) / 1000;
        writer.scalar("batch_steps_per_second", batches / seconds, this.#batch);
      }
    }
    return profiled;
  }

  #writeEpoch(epoch: number, logs: Logs): void {
    const entries = numbersOf(logs);
    if (entries.length === 0) return;
    const train = new Map<string, number>();
    for (const [name, value] of entries) {
      if (name.startsWith("val_")) {
        this.writer("validation").scalar(`epoch_${name.slice(4)}`, value, epoch);
      } else {
        train.set(name, value);
      }
    }
    const { learningRate } = (this.model.optimizer ?? {}) as { learningRate?: unknown };
    if (typeof learningRate === "number") train.set("learning_rate", learningRate);
    if (this.writeStepsPerSecond) {
      const { time, iterations } = this.#epochBegin;
      const steps = (this.#iterations() ?? 0) - iterations;
      train.set("steps_per_second", steps / ((performance.now() - time) / 1000));
    }
    for (const [name, value] of train) this.writer("train").scalar(`epoch_${name}`, value, epoch);
  }

  async #writeWeights(model: LayeredModel, epoch: number): Promise<void> {
    // Keras's paths begin with the name of a Sequential, but not of a functional model.
    const scope = model.getClassName() === "Sequential" ? `${model.name}/` : "";
    const weights = layersOf(model).flatMap((layer) => layer.weights);
    const values = await readTensors(weights.map(({ tensor }) => tensor));
    const writer = this.writer("train");
    weights.forEach(({ path }, i) => {
      writer.histogram(`${scope}${path}/histogram`, values[i].values, epoch);
      if (!this.writeImages) return;
      const images = weightImages(values[i]);
      if (images.length > 0) writer.image(`${scope}${path}/image`, images, epoch);
    });
  }

  #ownEvents(): EventFiles {
    return this.#events ??= new EventFiles(this.#files(), this.logDir);
  }

  #files(): FileSystem {
    return this.#fs ??= getRuntime().fs;
  }
}

const everySoManyEpochs: OptionRule = {
  types: ["number"],
  expected: "a whole number of epochs >= 0",
  isValid: (value: number) => Number.isSafeInteger(value) && value >= 0,
};

function numbersOf(logs: Logs): [name: string, value: number][] {
  return Object.entries(logs).filter(([, value]) => typeof value === "number");
}
