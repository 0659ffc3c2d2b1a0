import type { CallbackOptions } from "../core/callback.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import {
  callbackOptions,
  fileSystem,
  numberThat,
  oneOf,
  type OptionRule,
  place,
  verbosity,
} from "./options.ts";

/** Options of {@linkcode LearningRateFinder}. */
export interface LearningRateFinderOptions extends CallbackOptions {
  /** Rate of the first step, above 0. Default: 1e-7. */
  minLearningRate?: number;
  /** Rate of the last step. Default: 10. */
  maxLearningRate?: number;
  /** Steps of the whole sweep, 3 or more. Default: 100. */
  steps?: number;
  /** Share of the past in the smoothed loss, from 0 to below 1. Default: 0.9. */
  smoothing?: number;
  /** The sweep ends when the smoothed loss is this many times its lowest value. Default: 4. */
  divergence?: number;
  /**
   * What follows the sweep: the end of the run, or training at the suggested rate. The sweep's losses
   * stay in the means of the epoch in which it ends. Default: `"stop"`.
   */
  afterwards?: "stop" | "train";
  /** An SVG file to draw the sweep to. Default: none. */
  plot?: Path;
  /** Above 0 or true: print what was found. Default: 1. */
  verbose?: number | boolean;
  /** File system of the plot. Default: the runtime's. */
  fs?: FileSystem;
}

const aboveZero = numberThat("a finite number > 0", (rate) => Number.isFinite(rate) && rate > 0);
/** What each option must be. */
export const learningRateFinderRules: Record<string, OptionRule> = {
  ...callbackOptions,
  minLearningRate: aboveZero,
  maxLearningRate: aboveZero,
  steps: numberThat("a whole number >= 3", (steps) => Number.isSafeInteger(steps) && steps >= 3),
  smoothing: numberThat(">= 0 and < 1", (smoothing) => smoothing >= 0 && smoothing < 1),
  divergence: numberThat("> 1", (divergence) => divergence > 1),
  afterwards: oneOf("stop", "train"),
  plot: place,
  verbose: verbosity,
  fs: fileSystem,
};
