import type { CallbackOptions } from "../core/callback.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import {
  callbackOptions,
  filePath,
  fileSystem,
  numberThat,
  oneOf,
  type OptionRule,
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
  /** Weight of earlier losses in the smoothed loss, from 0 to below 1. Default: 0.9. */
  smoothing?: number;
  /** Multiple of the lowest smoothed loss at which the sweep ends. Default: 4. */
  divergence?: number;
  /**
   * Continuation after the sweep: stop the run, or train with the suggested rate. The losses of the
   * sweep remain in the means of the epoch in which it ends. Default: `"stop"`.
   */
  afterwards?: "stop" | "train";
  /** Path of an SVG file with a plot of the sweep. Default: none. */
  plot?: Path;
  /** Whether to print the result: a number above 0 or true. Default: 1. */
  verbose?: number | boolean;
  /** File system of the plot. Default: the runtime's. */
  fs?: FileSystem;
}

const aboveZero = numberThat("a finite number > 0", (rate) => Number.isFinite(rate) && rate > 0);
/** Rules of the options. */
export const learningRateFinderRules: Record<string, OptionRule> = {
  ...callbackOptions,
  minLearningRate: aboveZero,
  maxLearningRate: aboveZero,
  steps: numberThat("a whole number >= 3", (steps) => Number.isSafeInteger(steps) && steps >= 3),
  smoothing: numberThat(">= 0 and < 1", (smoothing) => smoothing >= 0 && smoothing < 1),
  divergence: numberThat("> 1", (divergence) => divergence > 1),
  afterwards: oneOf("stop", "train"),
  plot: filePath,
  verbose: verbosity,
  fs: fileSystem,
};
