import type { CallbackOptions } from "../core/callback.ts";
import type { FileSystem } from "../runtime/types.ts";
import { callbackOptions, fileSystem, flag, type OptionRule } from "./options.ts";
import { duration, type SaveTimes } from "./save_schedule.ts";

/** Options of {@linkcode BackupAndRestore}. */
export interface BackupAndRestoreOptions extends CallbackOptions {
  /**
   * `"epoch"`, a number of batches after which to save, or false: only when the `signal` of the run
   * ends it. Default: `"epoch"`.
   */
  saveFreq?: "epoch" | number | false;
  /** Save after the first batch that ends this long after the last save; replaces `saveFreq`. */
  saveEvery?: SaveTimes["saveEvery"];
  /**
   * Whether training continues while a backup is written from a copy on the host. The next backup
   * waits, and is taken of a later batch; the end of training waits as well. Default: true in `fit`
   * and `fitDataset`, except with a `yieldEvery` that blocks the event loop for an epoch
   * (`"epoch"`, `"never"`); false in other loops.
   */
  saveOnBackground?: boolean;
  /** Keep the previous backup as well, in case the last one is damaged. Default: true. */
  doubleCheckpoint?: boolean;
  /** Remove the backup when training has ended. Default: true. */
  deleteCheckpoint?: boolean;
  /** File system of the backup. Default: the runtime's. */
  fs?: FileSystem;
}

const frequency: OptionRule = {
  types: ["string", "number", "boolean"],
  wanted: `"epoch", a whole number of batches above 0, or false`,
  holds: (value: unknown) =>
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
