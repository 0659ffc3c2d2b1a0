import { CheckpointWriter, type WriterState } from "../checkpoints/checkpoint_writer.ts";
import type { CallbackState } from "../core/callback.ts";
import type { Logs } from "../core/logs.ts";
import { MonitorCallback } from "../core/monitor_callback.ts";
import { comparablePath } from "../runtime/paths.ts";
import type { Path } from "../runtime/types.ts";
import { movingAverageOf } from "../tfjs/exponential_moving_average.ts";
import { CheckpointPath } from "./checkpoint_path.ts";
import { claimPath } from "./claim_path.ts";
import { EpochMessages } from "./epoch_messages.ts";
import {
  checkPaths,
  type ModelCheckpointOptions,
  modelCheckpointRules,
  warnOfMissingBest,
} from "./model_checkpoint_options.ts";
import { checkOptions } from "./options.ts";
import { pythonFixed } from "./python_format.ts";
import { SaveSchedule, type ScheduleState } from "./save_schedule.ts";

export type { ModelCheckpointOptions };

/**
 * Save the model, or its weights, during training.
 *
 * `filepath` is the path of a directory for TensorFlow.js's `model.json` and weights, or with
 * `saveWeightsOnly` of a file `*.safetensors`. It is a template as in Python: `{epoch:02d}` and,
 * when saving after batches, `{batch}` count from 1; `{val_loss:.4f}` and other keys of the logs
 * are allowed. A name that no logs have fails before the first batch. A Keras path such as
 * `best.keras` also becomes a directory, with a warning.
 *
 * An existing checkpoint is replaced atomically. `best` is kept across runs of an instance while
 * the checkpoint exists. The `userDefinedMetadata` of a model contains the 0-based epoch and batch
 * and the logs.
 *
 * Source: `keras/src/callbacks/model_checkpoint.py`. The filepath `{epoch}` with `maxToKeep` and
 * `saveOnBackground` creates the directories of `orbax_checkpoint.py`.
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
 * await list.onEpochEnd(0, { loss: 0.5 });
 * assert(await exists("runs/01-0.5/model.json", { fs }));
 * ```
 */
export class ModelCheckpoint extends MonitorCallback {
  /** Name in messages and saved states. */
  static override readonly className: string = "ModelCheckpoint";

  /** Template of the directory's path. */
  readonly filepath: Path;
  /** Whether only the best model is saved. */
  readonly saveBestOnly: boolean;
  /** Whether only the weights are saved. */
  readonly saveWeightsOnly: boolean;
  /** Frequency of saves. */
  readonly saveFreq: "epoch" | number;
  readonly #options: ModelCheckpointOptions;
  readonly #schedule: SaveSchedule;
  readonly #writer: CheckpointWriter;
  readonly #path: CheckpointPath;
  readonly #messages = new EpochMessages();
  /** Whether monitored values are compared. */
  readonly #compares: boolean;
  readonly #skips: boolean;
  #epoch = 0;
  // Whether the last checkpoint has the current weights, like a backup.
  #isCurrent = false;
  #release = (): void => {};

  /**
   * Save checkpoints to `filepath`.
   *
   * @param filepath template of a directory's path, or `file:` URL
   * @param options content, frequency and limits of the saves
   * @throws SyntaxError for an invalid template
   * @throws TypeError for an option of the wrong type
   * @throws RangeError for an invalid `saveFreq`, both `saveFreq` and `saveEvery`, or a whole model
   *   in a safetensors file
   */
  constructor(filepath: Path, options: ModelCheckpointOptions = {}) {
    super(options, options?.initialValueThreshold);
    checkOptions(this, ModelCheckpoint, options, modelCheckpointRules);
    checkPaths(filepath, options);
    this.#options = { ...options };
    this.filepath = filepath;
    this.saveBestOnly = options.saveBestOnly ?? false;
    this.saveWeightsOnly = options.saveWeightsOnly ?? false;
    this.#path = new CheckpointPath(filepath);
    this.#schedule = new SaveSchedule("ModelCheckpoint", options);
    this.saveFreq = options.saveFreq ?? "epoch";
    this.#skips = options.onMissing === "skip";
    this.#compares = this.saveBestOnly || options.keepBest !== undefined;
    const isBetter = (value: number, best: number) => this.isImprovement(value, best);
    this.#writer = new CheckpointWriter(options, isBetter);
    // Only if needed, because a batch hook is called for every batch.
    if (this.#schedule.isByTime) this.onTrainBatchBegin = () => this.#schedule.readClock();
    if (this.#schedule.isByBatch) this.onTrainBatchEnd = this.#saveIfDue;
  }

  /** Whether it saves after the batch. */
  override readsBatchLogs(batch: number): boolean {
    return this.#schedule.isDueAfter(batch);
  }

  /** The path, and the monitored value if values are compared. */
  override get stateKey(): string {
    return comparablePath(this.filepath) + (this.#compares ? `, ${super.stateKey}` : "");
  }

  /** Check the names in `filepath` and `monitor` against the keys of the logs. */
  override async onTrainBegin(): Promise<void> {
    this.resetMonitorWarning();
    const { metrics, initialEpoch = 0, validationFreq } = this.params ?? {};
    if (metrics !== undefined) {
      if (this.#compares) this.resolveMode();
      const { isByBatch } = this.#schedule;
      this.#path.check(metrics, isByBatch, this.saveBestOnly ? this.monitor : undefined);
      if (!this.#skips) this.#path.checkEachEpoch(validationFreq);
    }
    this.#schedule.begin();
    await this.#path.probe(initialEpoch, this.#options.saveOnException, this.#writer.fs);
    this.#release();
    this.#release = claimPath(this.#writer.fs, this.filepath);
    const missing = await this.#writer.resume(() => this.model);
    if (missing === undefined || !this.saveBestOnly) return;
    warnOfMissingBest(missing.path, this.monitor);
    this.best = this.#options.initialValueThreshold;
  }

  /** Store the epoch for the names of checkpoints. */
  override onEpochBegin(epoch: number): void {
    this.#epoch = epoch;
    this.#isCurrent = false;
  }

  /** Save a checkpoint, if one is due. */
  override async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    this.#epoch = epoch;
    if (this.#schedule.isByBatch) return;
    this.#messages.hold();
    await this.#saveOrSkip(logs);
  }

  /** Print below the progress bar, which ends with the epoch. */
  override afterEpochEnd(): void {
    this.#messages.release();
  }

  /** Wait until the last checkpoint is written. */
  override async onTrainEnd(): Promise<void> {
    await this.#writer.settle();
  }

  /** Save the model of a failing run, if `saveOnException` is set. */
  override async onException(): Promise<void> {
    this.#messages.drop();
    const { saveOnException } = this.#options;
    if (saveOnException === undefined) return;
    const checkpoint = { path: String(saveOnException), metadata: { epoch: this.#epoch } };
    const written = () => this.#print(`Epoch ${this.#epoch + 1}: saved the failing model`);
    await this.#writer.save(this.model, checkpoint, { isKept: false, written });
  }

  /** Wait for pending writes. */
  override async close(): Promise<void> {
    this.#release();
    await this.#writer.settle();
  }

  /**
   * The best value, the batch count, and the kept checkpoints. Waits for pending writes, unless a
   * run that continues from this state has the same weights.
   */
  async getState(): Promise<CallbackState> {
    if (!this.#isCurrent) await this.#writer.settle();
    const { best } = this;
    const state = { best, epoch: this.#epoch, ...this.#schedule.getState() };
    return { ...state, ...this.#writer.getState() } as unknown as CallbackState;
  }

  /**
   * Continue from a state of {@linkcode getState}. The best value is reset if its checkpoint is
   * missing.
   */
  setState(state: CallbackState): void {
    this.best = state.best as number | undefined;
    this.#epoch = state.epoch as number;
    this.#schedule.setState(state as unknown as ScheduleState);
    this.#writer.setState(state as WriterState);
  }

  async #saveIfDue(batch: number, logs: Logs): Promise<void> {
    if (!this.#schedule.endBatch(batch)) return;
    await this.#saveOrSkip(logs, batch);
    this.#schedule.saved();
  }

  async #saveOrSkip(logs: Logs, batch?: number): Promise<void> {
    const missing = this.#skips ? this.#path.missingIn(logs) : undefined;
    // Before the decision, so that an invalid template is reported early.
    const directory = missing === undefined ? this.#path.at(this.#epoch, batch, logs) : undefined;
    const epoch = `Epoch ${this.#epoch + 1}`;
    const best5 = this.best === undefined ? "None" : pythonFixed(this.best, 5);
    let [improved, best] = ["", this.best];
    const action = this.#skips ? "not saving" : "saving";
    const value = this.#compares ? await this.monitorValue(logs, action) : undefined;
    if (directory === undefined) {
      return this.#print(`${epoch}: not saving, ${missing} is not available`);
    }
    if (this.saveBestOnly) {
      if (value === undefined) {
        if (this.#skips) return;
      } else if (this.isImprovement(value, this.best)) {
        improved = `${this.monitor} improved from ${best5} to ${pythonFixed(value, 5)}, `;
        best = value;
      } else {
        return this.#print(`${epoch}: ${this.monitor} did not improve from ${best5}`);
      }
    }
    this.#print(`${epoch}: ${improved}saving model to ${directory}`);
    const at = { epoch: this.#epoch, ...(batch !== undefined && { batch }) };
    const checkpoint = { path: String(directory), value, metadata: { ...at, logs: { ...logs } } };
    const written = () => this.#print(`${epoch}: finished saving model to ${directory}`);
    // A value that was not saved is not the best one.
    const before = this.best;
    let hasFailed = false;
    const failed = () => {
      hasFailed = true;
      if (this.best === best) this.best = before;
    };
    await this.#writer.save(this.model, checkpoint, { isKept: true, written, failed });
    if (!hasFailed) this.best = best;
    this.#isCurrent = batch === undefined && !movingAverageOf(this.model)?.isInModel;
  }

  #print(message: string): void {
    if (Number(this.#options.verbose) > 0) this.#messages.print(message);
  }
}
