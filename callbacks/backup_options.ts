import type { CallbackOptions } from "../core/callback.ts";
import type { FileSystem } from "../runtime/types.ts";
import { callbackOptions, fileSystem, flag, type OptionRule } from "./options.ts";
import { duration, type SaveTimes } from "./save_schedule.ts";

/** Options of {@linkcode BackupAndRestore}. */
export interface BackupAndRestoreOptions extends CallbackOptions {
  /**
   * Frequency of backups: `"epoch"`, a number of batches, or false to save only when the `signal`
   * of the run ends it. Default: `"epoch"`.
   */
  saveFreq?: "epoch" | number | false;
  /**
   * Time between backups, which are saved after the next batch; replaces `saveFreq`. Default: none.
   */
  saveEvery?: SaveTimes["saveEvery"];
  /**
   * Whether training continues while a backup is written from a copy on the host. A backup that is
   * due meanwhile is saved after a later batch, and the end of training waits. Default: true in
   * `fit` and `fitDataset`, except with a `yieldEvery` that blocks the event loop for an epoch
   * (`"epoch"`, `"never"`); false in other loops.
   */
  saveOnBackground?: boolean;
  /** Whether to keep the previous backup, in case the last one is damaged. Default: true. */
  doubleCheckpoint?: boolean;
  /** Whether to remove the backup when training has ended. Default: true. */
  deleteCheckpoint?: boolean;
  /** File system of the backup. Default: the runtime's. */
  fs?: FileSystem;
}

const frequency: OptionRule = {
  types: ["string", "number", "boolean"],
  expected: `"epoch", a whole number of batches above 0, or false`,
  isValid: (value: unknown) =>
    value === "epoch" || value === false || (Number.isSafeInteger(value) && Number(value) > 0),
};

/** Rules of the options. */
export const backupAndRestoreRules: Record<string, OptionRule> = {
  ...callbackOptions,
  saveFreq: frequency,
  saveEvery: duration,
  saveOnBackground: flag,
  doubleCheckpoint: flag,
  deleteCheckpoint: flag,
  fs: fileSystem,
};
