import { checkIsRecord } from "../core/given_options.ts";
import type { MonitorFunction, MonitorOptions } from "../core/monitor_callback.ts";
import {
  checkValue,
  countFromZero,
  deltaMode,
  finite,
  flag,
  monitorOptions,
  oneOf,
  type OptionRule,
  verbosity,
} from "./options.ts";

/** One of several values that {@linkcode EarlyStopping} monitors. */
export type WatchOptions =
  & Required<Pick<MonitorOptions, "monitor">>
  & Pick<MonitorOptions, "mode" | "minDelta" | "minDeltaMode" | "nanIsFirstBest">
  & Pick<EarlyStoppingOptions, "patience" | "baseline">;

/** Options of {@linkcode EarlyStopping}. */
export interface EarlyStoppingOptions extends Omit<MonitorOptions, "monitor"> {
  /**
   * Key of the epoch logs, a function of them, or a list of keys, functions and objects with
   * options. Options that an object omits default to those of the callback. Default: `"val_loss"`.
   */
  monitor?: string | MonitorFunction | readonly (string | MonitorFunction | WatchOptions)[];
  /** Whether any or all of several monitors must run out of patience. Default: `"any"`. */
  stopWhen?: "any" | "all";
  /** Epochs without improvement before training stops; 0 and 1 are the same. Default: 0. */
  patience?: number;
  /**
   * Whether to print when training stops and weights are restored: a number above 0 or true.
   * Default: 0.
   */
  verbose?: number | boolean;
  /** Value that an improvement must also beat to reset the count. Default: none. */
  baseline?: number;
  /**
   * Whether to restore the weights of the best epoch when training ends for any reason. Default:
   * false.
   */
  restoreBestWeights?: boolean;
  /** First monitored epoch, 0-based. Default: 0. */
  startFromEpoch?: number;
}

/** Rules of the options. */
export const earlyStoppingRules: Record<string, OptionRule> = {
  ...monitorOptions,
  minDelta: finite,
  minDeltaMode: deltaMode,
  patience: countFromZero,
  stopWhen: oneOf("any", "all"),
  verbose: verbosity,
  baseline: finite,
  restoreBestWeights: flag,
  startFromEpoch: countFromZero,
};

/** Options of one monitor. */
export type Watched = Omit<EarlyStoppingOptions, "monitor"> & MonitorOptions;

/**
 * The options of each monitor, including those that it inherits from the callback.
 *
 * @throws TypeError for options that are not an object
 * @throws RangeError for an empty list of monitors
 */
export function watchesOf(options: EarlyStoppingOptions): [Watched, ...Watched[]] {
  checkIsRecord("EarlyStopping", options);
  const { monitor, ...shared } = options;
  if (!Array.isArray(monitor)) return [options as Watched];
  if (monitor.length === 0) {
    throw new RangeError(
      "Cannot create EarlyStopping without a monitor: the list must have at least one",
    );
  }
  const [first, ...others] = monitor.map((watch) =>
    typeof watch === "object" && watch !== null ? watch as WatchOptions : { monitor: watch }
  );
  for (const watch of [first, ...others]) {
    checkValue("EarlyStopping", "monitor", watch.monitor, monitorOptions.monitor);
  }
  return [{ ...shared, ...first }, ...others.map((other) => ({ ...inherited(shared), ...other }))];
}

/** Options that a monitor inherits from the callback. */
function inherited(shared: Watched): Watched {
  const { mode, minDelta, minDeltaMode, nanIsFirstBest } = shared;
  const { patience, baseline, startFromEpoch } = shared;
  return { mode, minDelta, minDeltaMode, nanIsFirstBest, patience, baseline, startFromEpoch };
}
