import { type CheckpointWriterOptions, isSafetensors } from "../checkpoints/checkpoint_writer.ts";
import type { MonitorOptions } from "../core/monitor_callback.ts";
import type { Path } from "../runtime/types.ts";
import { warnOfKerasFile } from "./checkpoint_path.ts";
import {
  atLeastOne,
  checkValue,
  filePath,
  fileSystem,
  finite,
  flag,
  monitorOptions,
  oneOf,
  type OptionRule,
  verbosity,
  wordOrBatches,
} from "./options.ts";
import { duration, type SaveTimes } from "./save_schedule.ts";

/** Options of {@linkcode ModelCheckpoint}. */
export interface ModelCheckpointOptions
  extends CheckpointWriterOptions, SaveTimes, Omit<MonitorOptions, "minDelta" | "minDeltaMode"> {
  /** Whether to print saves and their reasons: a number above 0 or true. Default: 0. */
  verbose?: number | boolean;
  /** Whether to save only if the monitored value is the best so far. Default: false. */
  saveBestOnly?: boolean;
  /** Path at which to save the model when the run fails. Default: none. */
  saveOnException?: Path;
  /** Value that the first best value must beat; used with `saveBestOnly`. Default: none. */
  initialValueThreshold?: number;
  /**
   * Behavior if the logs lack a name in `filepath`, or the monitored key with `saveBestOnly`: save,
   * which fails for a missing name, or skip the save. Default: `"save"`, as in Keras.
   */
  onMissing?: "save" | "skip";
}

/** Rules of the options. */
export const modelCheckpointRules: Record<string, OptionRule> = {
  ...monitorOptions,
  verbose: verbosity,
  saveBestOnly: flag,
  saveWeightsOnly: flag,
  saveFreq: wordOrBatches("epoch"),
  saveEvery: duration,
  saveOnException: filePath,
  maxToKeep: atLeastOne,
  keepBest: atLeastOne,
  saveOnBackground: flag,
  initialValueThreshold: finite,
  onMissing: oneOf("save", "skip"),
  includeOptimizer: flag,
  fs: fileSystem,
};

/**
 * Check the path of a ModelCheckpoint.
 *
 * @throws TypeError for anything but a path
 * @throws RangeError for a whole model in a safetensors file
 */
export function checkPaths(filepath: Path, options: ModelCheckpointOptions): void {
  checkValue("ModelCheckpoint", "filepath", filepath, filePath);
  if (isSafetensors(filepath) && !options.saveWeightsOnly) {
    throw new RangeError(
      `Cannot create ModelCheckpoint with filepath ${filepath}: a safetensors file contains only ` +
        `weights; set saveWeightsOnly, or use the path of a directory`,
    );
  }
  for (const path of [filepath, options.saveOnException]) warnOfKerasFile(path);
}

/** Warn that a restored best value has no checkpoint, so that it does not count. */
export function warnOfMissingBest(path: string, monitor: string): void {
  console.warn(
    `keepfit: ModelCheckpoint: the best checkpoint ${path} is missing: the next one is saved with ` +
      `any ${monitor}`,
  );
}
