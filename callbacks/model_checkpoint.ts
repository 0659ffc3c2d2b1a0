import type { CallbackState, StateValue } from "../core/callback.ts";
import type { Logs } from "../core/logs.ts";
import { MonitorCallback, type MonitorOptions } from "../core/monitor_callback.ts";
import { ensureDir } from "../runtime/mod.ts";
import type { Path } from "../runtime/types.ts";
import { CheckpointPath, warnOfKerasFile } from "./checkpoint_path.ts";
import {
  CheckpointWriter,
  type CheckpointWriterOptions,
  isSafetensors,
  type KeptCheckpoint,
} from "../checkpoints/checkpoint_writer.ts";
import {
  atLeastOne,
  checkOptions,
  checkValue,
  fileSystem,
  finite,
  flag,
  monitorOptions,
  oneOf,
  place,
  verbosity,
  wordOrBatches,
} from "./options.ts";
import { pythonFixed } from "./python_format.ts";
import { duration, SaveSchedule, type SaveTimes } from "./save_schedule.ts";

/** Options of {@linkcode ModelCheckpoint}. */
export interface ModelCheckpointOptions
  extends CheckpointWriterOptions, SaveTimes, Omit<MonitorOptions, "minDelta" | "minDeltaMode"> {
  /** Above 0 or true: print what is saved and why. Default: 0. */
  verbose?: number | boolean;
  /** Save only when the watched value is the best so far. Default: false. */
  saveBestOnly?: boolean;
  /** Where to save the model as it is when the run fails. Default: nowhere. */
  saveOnException?: Path;
  /** What the first best value must beat; used with `saveBestOnly`. Default: nothing. */
  initialValueThreshold?: number;
  /** With `saveBestOnly`, what to do when the watched key is missing. Default: `"save"`, as in Keras. */
  onMissing?: "save" | "skip";
}

/**
 * Save the model, or its weights, as training goes on.
 *
 * `filepath` names a directory, which has TensorFlow.js's `model.json` and weights in it; with
 * `saveWeightsOnly` it may name a file `*.safetensors`. It is a template as in Python: `{epoch:02d}`
 * and, where it saves after batches, `{batch}` count from 1; `{val_loss:.4f}` and every other key of
 * the logs may stand in it. A name that no log will have fails before the first batch. A path of
 * Keras, such as `best.keras` or `best.weights.h5`, names a directory too; a warning says so.
 *
 * An existing checkpoint is replaced atomically. `best` is kept over runs of one instance. A whole model has the epoch and the batch (both 0-based) and the logs in its
 * `userDefinedMetadata`.
 *
 * A filepath of `{epoch}` alone, with `maxToKeep` and `saveOnBackground`, makes the numbered
 * directories of Keras's `OrbaxCheckpoint`.
 *
 * Source: `keras/src/callbacks/model_checkpoint.py`; `orbax_checkpoint.py` for what is kept, and for
 * saving in the background.
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { CallbackList, ModelCheckpoint } from "keepfit";
 * import { exists, memoryFileSystem } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
 * const fs = memoryFileSystem();
 * const checkpoint = new ModelCheckpoint("runs/{epoch:02d}-{loss:.1f}", { fs });
 * const list = new CallbackList([checkpoint], { model });
 * await list.onTrainBegin();
 * await list.onEpochBegin(0);
 * await list.onEpochEnd(0, { loss: 0.5 });
 * assert(await exists("runs/01-0.5/model.json", { fs }));
 * ```
 */
export class ModelCheckpoint extends MonitorCallback {
  /** Its name in messages and saved states. */
  static override readonly className: string = "ModelCheckpoint";

  /** The template of the directory's name. */
  readonly filepath: Path;
  /** Whether only the best is saved. */
  readonly saveBestOnly: boolean;
  /** Whether the weights are saved alone. */
  readonly saveWeightsOnly: boolean;
  /** When it saves. */
  readonly saveFreq: "epoch" | number;
  readonly #schedule: SaveSchedule;
  readonly #saveOnException: Path | undefined;
  readonly #writer: CheckpointWriter;
  /** Whether values are compared at all. */
  readonly #compares: boolean;
  readonly #path: CheckpointPath;
  #verbose: boolean;
  // Of an epoch's end, until the bar has ended its line.
  #messages: string[] | undefined;
  #onMissing: "save" | "skip";
  #epoch = 0;

  /**
   * Save checkpoints to `filepath`.
   *
   * @param filepath template of a directory's path, or `file:` URL
   * @param options what to save, and when
   * @throws SyntaxError for a template that cannot be read
   * @throws TypeError for an option of the wrong type
   * @throws RangeError for a `saveFreq` that is neither `"epoch"` nor a whole number above 0, for
   *   `saveFreq` beside `saveEvery`, for a whole model in a safetensors file
   */
  constructor(filepath: Path, options: ModelCheckpointOptions = {}) {
    super(options, options?.initialValueThreshold);
    checkValue("ModelCheckpoint", "filepath", filepath, place);
    checkOptions(this, ModelCheckpoint, options, {
      ...monitorOptions,
      verbose: verbosity,
      saveBestOnly: flag,
      saveWeightsOnly: flag,
      saveFreq: wordOrBatches("epoch"),
      saveEvery: duration,
      saveOnException: place,
      maxToKeep: atLeastOne,
      keepBest: atLeastOne,
      saveOnBackground: flag,
      initialValueThreshold: finite,
      onMissing: oneOf("save", "skip"),
      includeOptimizer: flag,
      fs: fileSystem,
    });
    this.filepath = filepath;
    this.saveBestOnly = options.saveBestOnly ?? false;
    this.saveWeightsOnly = options.saveWeightsOnly ?? false;
    this.#path = new CheckpointPath(filepath);
    this.#schedule = new SaveSchedule("ModelCheckpoint", options);
    this.saveFreq = this.#schedule.saveFreq;
    if (isSafetensors(filepath) && !this.saveWeightsOnly) {
      throw new RangeError(
        `Cannot create ModelCheckpoint with filepath ${filepath}: a safetensors file holds ` +
          `weights alone; set saveWeightsOnly, or name a directory`,
      );
    }
    this.#saveOnException = options.saveOnException;
    for (const path of [filepath, this.#saveOnException]) warnOfKerasFile(path);
    this.#compares = this.saveBestOnly || options.keepBest !== undefined;
    this.#writer = new CheckpointWriter(
      options,
      (value, reference) => this.isImprovement(value, reference),
    );
    this.#verbose = Number(options.verbose ?? 0) > 0;
    this.#onMissing = options.onMissing ?? "save";
    // Only then, because a batch hook that is there is called for every batch.
    if (this.#schedule.isByTime) this.onTrainBatchBegin = () => this.#schedule.beginBatch();
    if (this.#schedule.isByBatch) this.onTrainBatchEnd = this.#saveIfDue;
  }

  /** Only the batches after which it saves. */
  override readsBatchLogs(batch: number): boolean {
    return this.#schedule.isDueAfter(batch);
  }

  /** Check the names in `filepath` and `monitor` against the keys of the logs. */
  override async onTrainBegin(): Promise<void> {
    this.resetMonitorWarning();
    const { metrics } = this.params ?? {};
    if (metrics !== undefined) {
      if (this.#compares) this.resolveMode();
      this.#checkNames(metrics);
    }
    this.#schedule.begin();
    // A folder that cannot be made fails now; after the first placeholder it is not known yet.
    await ensureDir(this.#path.parent, { fs: this.#writer.fs });
  }

  /** Note the epoch for the names of checkpoints. */
  override onEpochBegin(epoch: number): void {
    this.#epoch = epoch;
  }

  /** Save a checkpoint, if one is due. */
  override async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    this.#epoch = epoch;
    if (this.#schedule.isByBatch) return;
    this.#messages = [];
    await this.#saveIfWanted(logs);
  }

  /** Print below the progress bar, which ends with the epoch. */
  override afterEpochEnd(): void {
    for (const message of this.#messages ?? []) console.log(message);
    this.#messages = undefined;
  }

  /** Wait until the last checkpoint is written. */
  override async onTrainEnd(): Promise<void> {
    await this.#writer.settle();
  }

  /** Save the model of a run that fails, where that is wanted. */
  override async onException(): Promise<void> {
    this.#messages = undefined;
    if (this.#saveOnException === undefined) return;
    await this.#writer.save(
      this.model,
      this.#saveOnException,
      { epoch: this.#epoch },
      () => this.#print(`Epoch ${this.#epoch + 1}: saved the failing model`),
    );
  }

  /** Wait for what is still being written. */
  override async close(): Promise<void> {
    await this.#writer.settle();
  }

  /** The best value, the batches counted, and the checkpoints that are to be removed in time. */
  getState(): CallbackState {
    return {
      best: this.best,
      epoch: this.#epoch,
      ...this.#schedule.getState(),
      kept: this.#writer.kept.map((one) => ({ ...one })),
    };
  }

  /** Continue from there. */
  setState(state: CallbackState): void {
    this.best = state.best as number | undefined;
    this.#epoch = state.epoch as number;
    this.#schedule.setState(state as ReturnType<SaveSchedule["getState"]>);
    this.#writer.kept = structuredClone(state.kept ?? []) as unknown as KeptCheckpoint[];
  }

  async #saveIfDue(batch: number, logs: Logs): Promise<void> {
    if (!this.#schedule.endBatch(batch)) return;
    await this.#saveIfWanted(logs, batch);
    this.#schedule.saved();
  }

  async #saveIfWanted(logs: Logs, batch?: number): Promise<void> {
    // Before the decision, so that a bad template shows at once.
    const directory = this.#path.at(this.#epoch, batch, logs);
    const epoch = `Epoch ${this.#epoch + 1}`;
    let improved = "";
    let best = this.best;
    const value = this.#compares
      ? await this.monitorValue(logs, this.#onMissing === "save" ? "saving" : "not saving")
      : undefined;
    if (this.saveBestOnly) {
      if (value === undefined) {
        if (this.#onMissing === "skip") return;
      } else if (this.isImprovement(value, this.best)) {
        improved = `${this.monitor} improved from ${show(this.best)} to ${show(value)}, `;
        best = value;
      } else {
        this.#print(`${epoch}: ${this.monitor} did not improve from ${show(this.best)}`);
        return;
      }
    }
    this.#print(`${epoch}: ${improved}saving model to ${directory}`);
    const metadata: Record<string, StateValue> = { epoch: this.#epoch, logs: { ...logs } };
    if (batch !== undefined) metadata.batch = batch;
    await this.#writer.save(this.model, directory, metadata, async () => {
      await this.#writer.keep({ path: String(directory), value });
      this.#print(`${epoch}: finished saving model to ${directory}`);
    });
    // A value that could not be saved is not to be beaten.
    this.best = best;
  }

  /** Fail for a name that no log will have, as far as the run's keys tell. */
  #checkNames(metrics: string[]): void {
    const { isByBatch } = this.#schedule;
    const available = [
      "epoch",
      ...(isByBatch ? ["batch"] : []),
      ...metrics.filter((name) => !isByBatch || !name.startsWith("val_")),
    ];
    this.#path.check(available, this.saveBestOnly ? this.monitor : undefined);
  }

  #print(message: string): void {
    if (!this.#verbose) return;
    if (this.#messages !== undefined) this.#messages.push(message);
    else console.log(`\n${message}`);
  }
}

function show(value: number | undefined): string {
  return value === undefined ? "None" : pythonFixed(value, 5);
}
