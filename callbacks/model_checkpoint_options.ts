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
  /** Save only when the watched value is the best so far. Default: false. */
  saveBestOnly?: boolean;
  /** Where to save the model as it is when the run fails. Default: nowhere. */
  saveOnException?: Path;
  /** What the first best value must beat; used with `saveBestOnly`. Default: nothing. */
  initialValueThreshold?: number;
  /**
   * What to do when the logs lack a name of `filepath`, or with `saveBestOnly` the watched key: save,
   * which fails where a name is missing, or skip this save. Default: `"save"`, as in Keras.
   */
  onMissing?: "save" | "skip";
}

/** What each option must be. */
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
 * Check where a ModelCheckpoint is to save.
 *
 * @throws TypeError for what is not a path
 * @throws RangeError for a whole model in a safetensors file
 */
export function checkPlaces(filepath: Path, options: ModelCheckpointOptions): void {
  checkValue("ModelCheckpoint", "filepath", filepath, place);
  if (isSafetensors(filepath) && !options.saveWeightsOnly) {
    throw new RangeError(
      `Cannot create ModelCheckpoint with filepath ${filepath}: a safetensors file holds ` +
        `weights alone; set saveWeightsOnly, or name a directory`,
    );
  }
  for (const path of [filepath, options.saveOnException]) warnOfKerasFile(path);
}
