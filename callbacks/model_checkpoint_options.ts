import { type CheckpointWriterOptions, isSafetensors } from "../checkpoints/checkpoint_writer.ts";
import type { MonitorOptions } from "../core/monitor_callback.ts";
import type { Path } from "../runtime/types.ts";
import { warnOfKerasFile } from "./checkpoint_path.ts";
import {
  atLeastOne,
  checkValue,
  fileSystem,
  finite,
  flag,
  monitorOptions,
  oneOf,
  type OptionRule,
  place,
  verbosity,
  wordOrBatches,
} from "./options.ts";
import { duration, type SaveTimes } from "./save_schedule.ts";

/** Options of {@linkcode ModelCheckpoint}. */
export interface ModelCheckpointOptions
  extends CheckpointWriterOptions, SaveTimes, Omit<MonitorOptions, "minDelta" | "minDeltaMode"> {
  /** Above 0 or true: print what is saved and why. Default: 0. */
  verbose?: number | boolean;
  /** Save only if the monitored value is the best so far. Default: false. */
  saveBestOnly?: boolean;
  /** Path at which to save the model when the run fails. Default: none. */
  saveOnException?: Path;
  /** Value that the first best value must beat; used with `saveBestOnly`. Default: none. */
  initialValueThreshold?: number;
  /**
   * What to do if the logs lack a name of `filepath`, or with `saveBestOnly` the monitored key:
   * save, which fails if a name is missing, or skip this save. Default: `"save"`, as in Keras.
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
  saveOnException: place,
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
export function checkPlaces(filepath: Path, options: ModelCheckpointOptions): void {
  checkValue("ModelCheckpoint", "filepath", filepath, place);
  if (isSafetensors(filepath) && !options.saveWeightsOnly) {
    throw new RangeError(
      `Cannot create ModelCheckpoint with filepath ${filepath}: a safetensors file holds only ` +
        `weights; set saveWeightsOnly, or name a directory`,
    );
  }
  for (const path of [filepath, options.saveOnException]) warnOfKerasFile(path);
}
