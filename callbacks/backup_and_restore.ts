import { Callback, type CallbackOptions, type CallbackState } from "../core/callback.ts";
import type { CallbackList } from "../core/callback_list.ts";
import { findEngine } from "../tfjs/engine.ts";
import { messageOf } from "../core/errors.ts";
import {
  assignWeights,
  type HostWeight,
  readWeights,
  type TrainableModel,
  weightsFromHost,
  type WeightTensor,
} from "../core/model.ts";
import { ensureDir, FileSystemError, getRuntime, joinPath } from "../runtime/mod.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import { movingAverageOf } from "../tfjs/moving_average.ts";
import {
  getOptimizerState,
  type OptimizerState,
  setOptimizerState,
} from "../tfjs/optimizer_state.ts";
import { getRandomState, type RandomState, setRandomState } from "../tfjs/random_seed.ts";
import {
  callbackOptions,
  checkOptions,
  checkValue,
  flag,
  given,
  type OptionRule,
  place,
} from "./options.ts";
import { readPlainData, writePlainData } from "../checkpoints/plain_data_file.ts";

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
  /** Where the backup is. Default: the runtime's own file system. */
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
  /** The sequence of `setRandomSeed`; null where no seed was set. Absent in older backups. */
  random?: RandomState | null;
  /** What the callbacks of the list remember, by name. */
  callbacks: Record<string, CallbackState>;
}

/**
 * Save a run as it goes on, and let the same script go on from there when it is started again after
 * it was killed: weights, optimizer with its learning rate and averages, and what every callback of
 * the list remembers, the `History` too. Where in the list it stands does not matter.
 *
 * With the same `seed`, a run that goes on at an epoch's beginning equals one that was never
 * interrupted, bit for bit; with the same `setRandomSeed` also where dropout or noise is drawn. A backup from the middle of an epoch has that epoch start anew with the
 * weights as they were, as in Keras.
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
  /** The directory of the backup. */
  readonly backupDir: Path;
  /** When it saves. */
  readonly saveFreq: "epoch" | number | false;
  /** Whether the backup before the last one is kept. */
  readonly doubleCheckpoint: boolean;
  /** Whether the backup is removed when training has ended. */
  readonly deleteCheckpoint: boolean;
  #fs: FileSystem | undefined;
  #list: CallbackList | undefined;
  #epoch = 0;
  #lastBatch = -1;
  #batchesSinceSave = 0;
  // The epoch has ended, but not for all callbacks yet.
  #isEpochUnsaved = false;

  /**
   * @param backupDir the directory of this run's backup; made when it is missing
   * @param options when to save
   * @throws TypeError for an option of the wrong type
   * @throws RangeError for an empty `backupDir`, and a `saveFreq` that is neither `"epoch"`, a whole
   *   number above 0 nor false
   */
  constructor(backupDir: Path, options: BackupAndRestoreOptions = {}) {
    super(options);
    checkValue("BackupAndRestore", "backupDir", backupDir, place);
    checkOptions(this, "BackupAndRestore", options, {
      ...callbackOptions,
      saveFreq: frequency,
      doubleCheckpoint: flag,
      deleteCheckpoint: flag,
      fs: given,
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

  override async beforeTrainBegin(list: CallbackList): Promise<void> {
    this.#list = list;
    this.#fs ??= getRuntime().fs;
    this.#epoch = 0;
    this.#lastBatch = -1;
    this.#batchesSinceSave = 0;
    this.#isEpochUnsaved = false;
    // A directory that cannot be made fails now, not after an epoch.
    await ensureDir(this.backupDir, { fs: this.#fs });
    const backup = await this.#find();
    if (backup === undefined) return;
    await this.#restore(backup, list);
    this.#epoch = backup.epoch;
    list.initialEpoch = backup.epoch;
  }

  override onEpochBegin(epoch: number): void {
    this.#epoch = epoch;
    this.#lastBatch = -1;
  }

  override onEpochEnd(epoch: number): void {
    this.#epoch = epoch + 1;
    this.#lastBatch = -1;
    this.#isEpochUnsaved = this.saveFreq === "epoch";
  }

  override async afterEpochEnd(): Promise<void> {
    if (this.#isEpochUnsaved) await this.#save();
  }

  /** Save an epoch whose end a callback behind did not survive, or as `saveFreq: false` says. */
  override async onException(error: unknown): Promise<void> {
    const isInterrupted = error instanceof Error &&
      ["AbortError", "InterruptedError"].includes(error.name);
    if (this.#isEpochUnsaved || (this.saveFreq === false && isInterrupted)) await this.#save();
  }

  override async onTrainEnd(): Promise<void> {
    if (!this.deleteCheckpoint) return;
    for (const name of ["previous", "latest"] as const) await this.#files.remove(this.#file(name));
    try {
      await this.#files.remove(this.backupDir);
    } catch (error) {
      // Somebody else's files.
      if (!(error instanceof FileSystemError && error.code === "NotEmpty")) throw error;
    }
  }

  override close(): void {
    this.#list = undefined;
  }

  async #countBatch(batch: number): Promise<void> {
    this.#batchesSinceSave += batch - this.#lastBatch;
    this.#lastBatch = batch;
    if (this.#batchesSinceSave >= Number(this.saveFreq)) await this.#save();
  }

  async #save(): Promise<void> {
    const list = this.#list;
    if (list === undefined) return;
    this.#batchesSinceSave = 0;
    this.#isEpochUnsaved = false;
    // What is trained is the weights, whoever has swapped their averages in for a while.
    const average = movingAverageOf(this.model);
    const isSwapped = average?.isInModel ?? false;
    if (isSwapped) average?.swapOut(this.model);
    const backup: Backup = await this.#take(list).finally(() => {
      if (isSwapped) average?.swapIn(this.model);
    });
    await ensureDir(this.backupDir, { fs: this.#files });
    if (this.doubleCheckpoint) await this.#keepPrevious();
    await writePlainData(this.#files, this.#file("latest"), backup as never);
  }

  async #take(list: CallbackList): Promise<Backup> {
    const { model } = this;
    return {
      epoch: this.#epoch,
      batch: this.#lastBatch < 0 ? null : this.#lastBatch,
      weights: await readWeights(weightsOf(model)),
      optimizer: hasOptimizer(model) ? await getOptimizerState(model as never) : null,
      random: getRandomState(findEngine()) ?? null,
      callbacks: await list.getState(),
    };
  }

  async #keepPrevious(): Promise<void> {
    try {
      await this.#files.rename(this.#file("latest"), this.#file("previous"));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** The last backup, or the one before it when that cannot be read; undefined without one. */
  async #find(): Promise<Backup | undefined> {
    const failures: string[] = [];
    let found: Backup | undefined;
    for (const name of ["latest", "previous"] as const) {
      try {
        found = await this.#read(name);
      } catch (error) {
        // What was not read may be whole: no reason to start anew and write over it.
        if (error instanceof FileSystemError && !isNotFound(error)) throw error;
        if (!isNotFound(error)) failures.push(messageOf(error));
      }
      if (found !== undefined) break;
    }
    if (failures.length > 0) {
      const consequence = found === undefined
        ? "training starts anew"
        : "the one before it is used";
      console.warn(`keepfit: the backup is damaged: ${failures.join("; ")}; ${consequence}`);
    }
    return found;
  }

  async #read(name: "latest" | "previous"): Promise<Backup> {
    const file = this.#file(name);
    const backup = await readPlainData(this.#files, file) as unknown as Partial<Backup> | null;
    if (Number.isSafeInteger(backup?.epoch) && Array.isArray(backup?.weights)) {
      return backup as Backup;
    }
    throw new SyntaxError(`Cannot load ${file}: it has no epoch and weights`);
  }

  async #restore(backup: Backup, list: CallbackList): Promise<void> {
    const { model } = this;
    const { callbacks, missing } = await matchCallbacks(backup, list);
    let weights: WeightTensor[] = [];
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
      for (const weight of weights) weight.dispose();
    }
    await list.setState(callbacks);
    if (backup.random) setRandomState(findEngine(), backup.random);
    if (missing.length > 0) {
      const names = missing.join(", ");
      console.warn(
        `keepfit: the backup in ${this.backupDir} has the state of ${names}, which this run ` +
          `does not use; it is left out`,
      );
    }
  }

  get #files(): FileSystem {
    return this.#fs as FileSystem;
  }

  #file(name: "latest" | "previous"): Path {
    return joinPath(this.backupDir, `${name}.safetensors`);
  }
}

/** The states that the list's callbacks take, and the names of the others. */
async function matchCallbacks(
  backup: Backup,
  list: CallbackList,
): Promise<{ callbacks: Backup["callbacks"]; missing: string[] }> {
  const known = new Set(Object.keys(await list.getState()));
  const saved = Object.entries(backup.callbacks);
  return {
    callbacks: Object.fromEntries(saved.filter(([name]) => known.has(name))),
    missing: saved.map(([name]) => name).filter((name) => !known.has(name)),
  };
}

function weightsOf(model: TrainableModel) {
  if (typeof model.getWeights === "function") return model.getWeights();
  throw new TypeError("Cannot back up: the model must have getWeights()");
}

function hasOptimizer({ optimizer }: TrainableModel): boolean {
  return typeof (optimizer as { getClassName?: unknown } | undefined)?.getClassName === "function";
}

function isNotFound(error: unknown): boolean {
  return error instanceof FileSystemError && error.code === "NotFound";
}

const frequency: OptionRule = {
  types: ["string", "number", "boolean"],
  wanted: `"epoch", a whole number of batches above 0, or false`,
  holds: (value: unknown) =>
    value === "epoch" || value === false || (Number.isSafeInteger(value) && Number(value) > 0),
};
