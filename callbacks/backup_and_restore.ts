import { Callback, type HookOrder, type ResumableTraining } from "../core/callback.ts";
import { getRuntime } from "../runtime/mod.ts";
import { showPath } from "../runtime/paths.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import {
  type Backup,
  type BackupPosition,
  hasStopped,
  isInterruption,
  isMidEpoch,
  takeBackup,
} from "./backup.ts";
import { type BackupAndRestoreOptions, backupAndRestoreRules } from "./backup_options.ts";
import { BackupFiles } from "./backup_files.ts";
import {
  isWorthless,
  remarksOnSettings,
  restoreAfterEpochBegin,
  restoreBackup,
} from "./restore_backup.ts";
import { type RunSettings, settingsOf } from "./run_settings.ts";
import { SaveSchedule } from "./save_schedule.ts";
import { checkOptions, checkValue, filePath } from "./options.ts";

export type { BackupAndRestoreOptions };

/**
 * Back up a run during training, so that the same script continues after it was killed and
 * restarted. A backup contains the weights, the optimizer with its learning rate and averages, and
 * the states of all callbacks, including the `History`. The position in the list does not matter:
 * it saves after the end hooks of an epoch, and removes the backup after the train end hooks of all
 * callbacks. A run that was killed after its last epoch only completes the remaining hooks.
 *
 * Everything is restored by name: weights and slots by layer, states of callbacks by class,
 * monitored value and path. A state without an owner is ignored with a warning.
 *
 * A resumed run equals an uninterrupted one, bit for bit, wherever it was killed: `fit` continues
 * after the last saved batch, with the means of the epoch so far, and calls `onTrainBegin` and
 * `onEpochBegin` again. The backup contains its seed, which is used unless the script passes
 * another `seed` to `fit`. Dropout and noise are derived from it. A run is saved before its first
 * batch, according to `saveFreq`, and when its `signal` ends it.
 *
 * `backupDir` belongs to one run. `latest.safetensors` in it is replaced atomically, and has a
 * checksum; if it is damaged, it is kept under another name and `previous.safetensors` is used.
 * Without one, the run fails instead of starting over. A second process that uses the folder is
 * rejected. Other files in the folder are not changed. Keras 3.15 deletes the whole directory, and
 * treats `false` as every batch.
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
  /** Name in messages and saved states. */
  static override readonly className: string = "BackupAndRestore";

  /** The directory of the backup. */
  readonly backupDir: Path;
  /** Frequency of backups. */
  readonly saveFreq: "epoch" | number | false;
  /** Whether training continues while a backup is written; undefined for the loop's default. */
  readonly saveOnBackground: boolean | undefined;
  /** Whether the previous backup is kept. */
  readonly doubleCheckpoint: boolean;
  /** Whether the backup is removed when training has ended. */
  readonly deleteCheckpoint: boolean;
  readonly #fs: FileSystem | undefined;
  #files: BackupFiles | undefined;
  #training: ResumableTraining | undefined;
  #position: BackupPosition = start;
  readonly #schedule: SaveSchedule;
  #settings: RunSettings = {};
  /** The backup from which this run continues, until its first epoch has begun. */
  #resumed: Backup | undefined;

  /**
   * Back up to `backupDir`; nothing is read or written before the run begins.
   *
   * @param backupDir the directory of this run's backup; created if missing
   * @param options frequency, files and background saving
   * @throws TypeError for an option of the wrong type
   * @throws RangeError for an empty `backupDir`, a `saveFreq` that is neither `"epoch"`, a whole
   *   number above 0 nor false, and for both `saveFreq` and `saveEvery`
   */
  constructor(backupDir: Path, options: BackupAndRestoreOptions = {}) {
    super(options);
    checkValue("BackupAndRestore", "backupDir", backupDir, filePath);
    checkOptions(this, BackupAndRestore, options, backupAndRestoreRules);
    this.backupDir = backupDir;
    this.#schedule = new SaveSchedule("BackupAndRestore", options);
    this.saveFreq = this.#schedule.saveFreq;
    this.saveOnBackground = options.saveOnBackground;
    this.doubleCheckpoint = options.doubleCheckpoint ?? true;
    this.deleteCheckpoint = options.deleteCheckpoint ?? true;
    this.#fs = options.fs;
    // Only if needed, because a batch hook is called for every batch.
    if (this.#schedule.isByBatch) this.onTrainBatchEnd = this.#countBatch;
  }

  /** False: it reads no logs. */
  override readsBatchLogs(): boolean {
    return false;
  }

  /** Last in every hook, so that states are never saved between two callbacks of one hook. */
  override hookOrder(): HookOrder {
    return { order: "post" };
  }

  /** Restore the backup of an interrupted run, if there is one. */
  override async beforeTrainBegin(training: ResumableTraining): Promise<void> {
    this.#training = training;
    this.#files = new BackupFiles(this.#fs ?? getRuntime().fs, this.backupDir);
    this.#position = { ...start, epoch: this.params?.initialEpoch ?? 0 };
    this.#schedule.setState({ lastBatch: -1, batchesSinceSave: 0 });
    this.#resumed = undefined;
    // Fail before the first epoch if the directory cannot be created.
    await this.#files.prepare();
    const backup = await this.#files.find() as Backup | undefined;
    this.#settings = settingsOf(this.model, this.params, training.loop?.givenSeed);
    if (backup === undefined || await isWorthless(backup, this.model)) return;
    const folder = showPath(this.backupDir);
    const changed = remarksOnSettings(backup, this.#settings, folder);
    const remarks = await restoreBackup(backup, this.model, training, folder);
    for (const remark of [...remarks, ...changed]) {
      console.warn(`keepfit: the backup in ${folder}: ${remark}`);
    }
    const { epoch, batch } = backup;
    this.#position = { epoch, batch };
    this.#schedule.setState({ lastBatch: batch ?? -1, batchesSinceSave: 0 });
    this.#resumed = backup;
    training.initialEpoch = epoch;
    if (epoch >= (this.params?.epochs ?? Infinity) || hasStopped(backup)) {
      console.warn(
        `keepfit: the backup in ${folder} belongs to a run that ended after ${epoch} ` +
          `epochs: nothing is left to train; remove it to train from scratch`,
      );
    }
  }

  /** Save the run before its first batch, so that there is always a backup to continue from. */
  override async onTrainBegin(): Promise<void> {
    this.#schedule.begin();
    if (this.#resumed !== undefined || this.saveFreq === false) return;
    await this.#save();
    await this.#files?.settle();
  }

  /** Store the epoch for the next backup. */
  override onEpochBegin(epoch: number): void | Promise<void> {
    const resumed = this.#resumed;
    this.#resumed = undefined;
    if (resumed?.epoch === epoch && isMidEpoch(resumed)) {
      return restoreAfterEpochBegin(resumed, this.model);
    }
    this.#position = { epoch, batch: null };
  }

  /** Save after the end hooks of the epoch, for `saveFreq: "epoch"`. */
  override async afterEpochEnd(epoch: number): Promise<void> {
    this.#position = { epoch: epoch + 1, batch: null };
    if (this.saveFreq === "epoch" && !this.#schedule.isByTime) await this.#save();
  }

  /** Save an interrupted run at its current position. */
  override async onException(error: unknown): Promise<void> {
    const { isInterrupted } = this.#training?.loop ?? {};
    if (isInterrupted ?? (this.saveFreq === false && isInterruption(error))) await this.#save();
    await this.#files?.settle();
  }

  /** Remove the backup after the train end hooks of all callbacks, for `deleteCheckpoint`. */
  override async afterTrainEnd(): Promise<void> {
    await this.#files?.settle();
    if (this.deleteCheckpoint) await this.#files?.remove();
  }

  /** Release the training state, and the folder. */
  override async close(): Promise<void> {
    this.#training = undefined;
    this.#resumed = undefined;
    try {
      await this.#files?.settle();
    } finally {
      await this.#files?.release();
    }
  }

  #countBatch(batch: number): void | Promise<void> {
    this.#position = { ...this.#position, batch };
    if (this.#schedule.isByTime) this.#schedule.readClock();
    // While one backup is written, the next one waits, so that there is at most one copy of the
    // weights.
    if (this.#schedule.endBatch(batch, !this.#files?.isWriting)) return this.#save();
  }

  async #save(): Promise<void> {
    const [training, files] = [this.#training, this.#files];
    if (training === undefined || files === undefined) return;
    await files.settle();
    const position = { ...this.#position, settings: this.#settings };
    const backup = await takeBackup(this.model, training, position);
    files.begin(backup as never, this.doubleCheckpoint, training.syncStates());
    this.#schedule.saved();
    if (!(this.saveOnBackground ?? training.loop?.yieldsOften)) await files.settle();
  }
}

const start: BackupPosition = { epoch: 0, batch: null };
