import {
  Callback,
  type CallbackOptions,
  type CallbackState,
  type ResumableTraining,
} from "../core/callback.ts";
import { findEngine } from "../tfjs/engine.ts";
import { messageOf } from "../core/errors.ts";
import {
  assignWeights,
  type DeviceWeight,
  disposeWeights,
  type HostWeight,
  readWeights,
  type TrainableModel,
  weightsFromHost,
  weightsOf,
} from "../core/model.ts";
import { getRuntime } from "../runtime/mod.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import { movingAverageOf } from "../tfjs/moving_average.ts";
import {
  getOptimizerState,
  type OptimizerState,
  setOptimizerState,
} from "../tfjs/optimizer_state.ts";
import { getRandomState, type RandomState, setRandomState } from "../tfjs/random_seed.ts";
import { BackupFiles } from "./backup_files.ts";
import {
  callbackOptions,
  checkOptions,
  checkValue,
  fileSystem,
  flag,
  type OptionRule,
  place,
} from "./options.ts";

/** Options of {@linkcode BackupAndRestore}. */
export interface BackupAndRestoreOptions extends CallbackOptions {
  /**
   * `"epoch"`, a number of batches after which to save, or false: only when the run is interrupted.
   * Default: `"epoch"`.
   */
  saveFreq?: "epoch" | number | false;
  /** Keep the backup before the last one too, for when the last cannot be read. Default: false. */
  doubleCheckpoint?: boolean;
  /** Remove the backup when training has ended. Default: true. */
  deleteCheckpoint?: boolean;
  /** File system of the backup. Default: the runtime's. */
  fs?: FileSystem;
}

/** What one file holds. */
interface Backup {
  /** The epoch to go on with, 0-based. */
  epoch: number;
  /** The last batch of that epoch that the weights have seen; null where none. */
  batch: number | null;
  weights: HostWeight[];
  /** Null for a model without one. */
  optimizer: OptimizerState | null;
  /** What the loop of `fit` saves, the seed of the row order included. */
  loop?: CallbackState;
  /** The sequence of `setRandomSeed` in other loops and older backups; null where no seed was set. */
  random?: RandomState | null;
  /** What the callbacks of the list remember, by name. */
  callbacks: Record<string, CallbackState>;
}

/**
 * Save a run as it goes on, and let the same script go on from there when it is started again after
 * it was killed: weights, optimizer with its learning rate and averages, and what every callback of
 * the list remembers, the `History` too. Where in the list it stands does not matter.
 *
 * A run that continues at the beginning of an epoch equals one that was never interrupted, bit for
 * bit: the seed of its row order is in the backup, and is used unless the script passes another
 * `seed` to `fit`. Where dropout or noise is drawn, it takes the same `setRandomSeed` too. A backup
 * from the middle of an epoch restarts that epoch with the weights as they were, as in Keras.
 *
 * `backupDir` is of one run. `latest.safetensors` in it is replaced at once; nothing else is touched,
 * except `previous.safetensors` with `doubleCheckpoint`. A file that cannot be read is warned about:
 * then the previous one is taken, or training starts anew. Keras 3.15 deletes the whole directory,
 * and takes `false` for every batch.
 *
 * Source: `keras/src/callbacks/backup_and_restore.py`.
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { BackupAndRestore, fit } from "keepfit";
 * import { memoryFileSystem } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const fs = memoryFileSystem();
 * const train = (callback: object) => {
 *   const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
 *   model.compile({ optimizer: "adam", loss: "meanSquaredError" });
 *   return fit(model, tf.ones([4, 1]), tf.ones([4, 1]), {
 *     epochs: 5,
 *     seed: 1,
 *     callbacks: [new BackupAndRestore("backup", { fs }), callback],
 *     verbose: 0,
 *   });
 * };
 * const powerCut = {
 *   onEpochBegin(epoch: number) {
 *     if (epoch === 3) throw new Error("power cut");
 *   },
 * };
 * await assert.rejects(train(powerCut), /power cut/);
 *
 * const begun: number[] = [];
 * const history = await train({ onEpochBegin: (epoch: number) => begun.push(epoch) });
 * assert.deepEqual(begun, [3, 4]);
 * assert.equal(history.history.loss.length, 5);
 * ```
 */
export class BackupAndRestore extends Callback {
  /** Its name in messages and saved states. */
  static override readonly className: string = "BackupAndRestore";

  /** The directory of the backup. */
  readonly backupDir: Path;
  /** When it saves. */
  readonly saveFreq: "epoch" | number | false;
  /** Whether the backup before the last one is kept. */
  readonly doubleCheckpoint: boolean;
  /** Whether the backup is removed when training has ended. */
  readonly deleteCheckpoint: boolean;
  readonly #fs: FileSystem | undefined;
  #files: BackupFiles | undefined;
  #training: ResumableTraining | undefined;
  #epoch = 0;
  #lastBatch = -1;
  #batchesSinceSave = 0;
  // The epoch has ended, but not for all callbacks yet.
  #isEpochUnsaved = false;

  /**
   * Back up to `backupDir`; nothing is read or written before the run begins.
   *
   * @param backupDir the directory of this run's backup; made when it is missing
   * @param options when to save
   * @throws TypeError for an option of the wrong type
   * @throws RangeError for an empty `backupDir`, and a `saveFreq` that is neither `"epoch"`, a whole
   *   number above 0 nor false
   */
  constructor(backupDir: Path, options: BackupAndRestoreOptions = {}) {
    super(options);
    checkValue("BackupAndRestore", "backupDir", backupDir, place);
    checkOptions(this, BackupAndRestore, options, {
      ...callbackOptions,
      saveFreq: frequency,
      doubleCheckpoint: flag,
      deleteCheckpoint: flag,
      fs: fileSystem,
    });
    this.backupDir = backupDir;
    this.saveFreq = options.saveFreq ?? "epoch";
    this.doubleCheckpoint = options.doubleCheckpoint ?? false;
    this.deleteCheckpoint = options.deleteCheckpoint ?? true;
    this.#fs = options.fs;
    // Only then, because a batch hook that is there is called for every batch.
    if (typeof this.saveFreq === "number") this.onTrainBatchEnd = this.#countBatch;
  }

  /** It reads none. */
  override readsBatchLogs(): boolean {
    return false;
  }

  /** Restore the backup of an interrupted run, if there is one. */
  override async beforeTrainBegin(training: ResumableTraining): Promise<void> {
    this.#training = training;
    this.#files = new BackupFiles(this.#fs ?? getRuntime().fs, this.backupDir);
    this.#epoch = 0;
    this.#lastBatch = -1;
    this.#batchesSinceSave = 0;
    this.#isEpochUnsaved = false;
    // A directory that cannot be made fails now, not after an epoch.
    await this.#files.prepare();
    const backup = await this.#files.find() as Backup | undefined;
    if (backup === undefined) return;
    await this.#restore(backup, training);
    this.#epoch = backup.epoch;
    training.initialEpoch = backup.epoch;
  }

  /** Note the epoch for the next backup. */
  override onEpochBegin(epoch: number): void {
    this.#epoch = epoch;
    this.#lastBatch = -1;
  }

  /** Note that the epoch has ended. */
  override onEpochEnd(epoch: number): void {
    this.#epoch = epoch + 1;
    this.#lastBatch = -1;
    this.#isEpochUnsaved = this.saveFreq === "epoch";
  }

  /** Save after every callback has seen the end of the epoch, for `saveFreq: "epoch"`. */
  override async afterEpochEnd(): Promise<void> {
    if (this.#isEpochUnsaved) await this.#save();
  }

  /** Save an epoch whose end a callback behind did not survive, or as `saveFreq: false` says. */
  override async onException(error: unknown): Promise<void> {
    const isInterrupted = error instanceof Error &&
      ["AbortError", "InterruptedError"].includes(error.name);
    if (this.#isEpochUnsaved || (this.saveFreq === false && isInterrupted)) await this.#save();
  }

  /** Remove the backup of a finished run, for `deleteCheckpoint`. */
  override async onTrainEnd(): Promise<void> {
    if (this.deleteCheckpoint) await this.#files?.remove();
  }

  /** Release the training state. */
  override close(): void {
    this.#training = undefined;
  }

  async #countBatch(batch: number): Promise<void> {
    this.#batchesSinceSave += batch - this.#lastBatch;
    this.#lastBatch = batch;
    if (this.#batchesSinceSave >= Number(this.saveFreq)) await this.#save();
  }

  async #save(): Promise<void> {
    const training = this.#training;
    if (training === undefined) return;
    this.#batchesSinceSave = 0;
    this.#isEpochUnsaved = false;
    // What is trained is the weights, whoever has swapped their averages in for a while.
    const average = movingAverageOf(this.model);
    const isSwapped = average?.isInModel ?? false;
    if (isSwapped) average?.swapOut(this.model);
    const backup: Backup = await this.#take(training).finally(() => {
      if (isSwapped) average?.swapIn(this.model);
    });
    await this.#files?.write(backup as never, this.doubleCheckpoint);
  }

  async #take(training: ResumableTraining): Promise<Backup> {
    const { model } = this;
    return {
      epoch: this.#epoch,
      batch: this.#lastBatch < 0 ? null : this.#lastBatch,
      weights: await readWeights(weightsOf(model)),
      optimizer: hasOptimizer(model) ? await getOptimizerState(model as never) : null,
      ...(training.loop === undefined
        ? { random: getRandomState(findEngine()) ?? null }
        : { loop: await training.loop.getState() }),
      callbacks: await training.getState(),
    };
  }

  async #restore(backup: Backup, training: ResumableTraining): Promise<void> {
    const { model } = this;
    const { callbacks, missing } = await matchCallbacks(backup, training);
    let weights: DeviceWeight[] = [];
    try {
      weights = await weightsFromHost(model, backup.weights);
      // First, because it may be of another class.
      if (backup.optimizer !== null && hasOptimizer(model)) {
        await setOptimizerState(model as never, backup.optimizer);
      }
      assignWeights(model, weights);
    } catch (cause) {
      throw new RangeError(
        `Cannot go on from the backup in ${this.backupDir}, remove it to start anew: ` +
          messageOf(cause),
        { cause },
      );
    } finally {
      disposeWeights(weights);
    }
    await training.setState(callbacks);
    if (backup.loop !== undefined) await training.loop?.setState(backup.loop);
    if (backup.random) setRandomState(findEngine(), backup.random);
    if (missing.length > 0) {
      const names = missing.join(", ");
      console.warn(
        `keepfit: the backup in ${this.backupDir} has the state of ${names}, which this run ` +
          `does not use; it is left out`,
      );
    }
  }
}

/** The states that the list's callbacks take, and the names of the others. */
async function matchCallbacks(
  backup: Backup,
  training: ResumableTraining,
): Promise<{ callbacks: Backup["callbacks"]; missing: string[] }> {
  const known = new Set(Object.keys(await training.getState()));
  const saved = Object.entries(backup.callbacks);
  return {
    callbacks: Object.fromEntries(saved.filter(([name]) => known.has(name))),
    missing: saved.map(([name]) => name).filter((name) => !known.has(name)),
  };
}

function hasOptimizer({ optimizer }: TrainableModel): boolean {
  return typeof (optimizer as { getClassName?: unknown } | undefined)?.getClassName === "function";
}

const frequency: OptionRule = {
  types: ["string", "number", "boolean"],
  wanted: `"epoch", a whole number of batches above 0, or false`,
  holds: (value: unknown) =>
    value === "epoch" || value === false || (Number.isSafeInteger(value) && Number(value) > 0),
};
