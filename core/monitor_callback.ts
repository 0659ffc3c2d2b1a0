import { Callback, type CallbackOptions } from "./callback.ts";
import type { Logs } from "./logs.ts";
import { nearest } from "./unknown_option.ts";

/** Which way a watched value improves. */
export type MonitorMode = "auto" | "min" | "max";

/**
 * Computes what is watched, for example `(logs) => logs.val_loss - logs.loss`. Messages call it by
 * the function's name. Its `mode` must be given: nothing tells which way it improves.
 *
 * @param logs the epoch logs
 * @returns the value; undefined where it is not available
 */
export type MonitorFunction = (logs: Logs) => number | undefined;

/** Options of every callback that watches a value of the epoch logs. */
export interface MonitorOptions extends CallbackOptions {
  /** Key of the epoch logs, or a function of them. Default: `"val_loss"`. */
  monitor?: string | MonitorFunction;
  /** Which way it improves; `"auto"` knows losses and metrics that declare it. Default: `"auto"`. */
  mode?: MonitorMode;
  /** The least change that counts as better, strictly more than this; the sign is ignored. */
  minDelta?: number;
  /**
   * What `minDelta` is counted in: the value's own unit, or with `"relative"` parts of the best
   * value (0.01 for one percent of it). Default: `"absolute"`, as in Keras.
   */
  minDeltaMode?: "absolute" | "relative";
  /**
   * Take a first NaN as the best value, which then nothing beats, as Keras does. Default: false,
   * NaN is never an improvement.
   */
  nanIsFirstBest?: boolean;
}

/**
 * A callback that watches one value and remembers the best. EarlyStopping, ModelCheckpoint and
 * ReduceLROnPlateau extend it. Values are compared as float64; Keras compares as float32.
 *
 * Source: `keras/src/callbacks/monitor_callback.py`.
 */
export class MonitorCallback extends Callback {
  /** The log key it watches, or the name of the function that computes the value. */
  readonly monitor: string;
  /** The least change that counts, not negative. */
  readonly minDelta: number;
  /** What `minDelta` is counted in. */
  readonly minDeltaMode: "absolute" | "relative";
  /** The best value so far; undefined before the first one. */
  best: number | undefined;
  /** `"min"` or `"max"` once known, `"auto"` before. */
  mode: MonitorMode;
  #compute: MonitorFunction | undefined;
  #nanIsFirstBest: boolean;
  #warned = false;

  /**
   * @param options what to watch
   * @param best what must be beaten at first; undefined for nothing
   */
  constructor(options: MonitorOptions = {}, best?: number) {
    super(options);
    const monitor = options.monitor ?? "val_loss";
    this.#compute = typeof monitor === "function" ? monitor : undefined;
    this.monitor = typeof monitor === "function" ? monitor.name || "a function" : monitor;
    this.minDelta = Math.abs(options.minDelta ?? 0);
    this.minDeltaMode = options.minDeltaMode ?? "absolute";
    this.best = best;
    this.mode = options.mode ?? "auto";
    this.#nanIsFirstBest = options.nanIsFirstBest ?? false;
    if (!modes.includes(this.mode)) {
      console.warn(
        `keepfit: ${this.constructor.name} mode '${this.mode}' is unknown, using "auto": ` +
          `mode must be "min", "max" or "auto"` + suggestion(nearest(this.mode, modes)),
      );
      this.mode = "auto";
    }
  }

  /**
   * Find out which way the value improves, if that is not known yet. Call it when a run begins, so
   * that a monitor nobody can place fails before the first batch.
   *
   * @throws TypeError when `mode` is `"auto"` and nothing tells the direction
   */
  resolveMode(): void {
    if (this.mode !== "auto") return;
    const direction = this.#compute === undefined
      ? directionOf(this.monitor, this.params?.directions ?? {})
      : undefined;
    if (direction === undefined) {
      const known = this.params?.metrics ?? [];
      throw new TypeError(
        `Cannot tell whether ${this.constructor.name} should minimize or maximize ` +
          `'${this.monitor}': set mode to "min" or "max"` +
          (known.length > 0 ? `. This run logs ${known.join(", ")}` : "") +
          (known.includes(this.monitor) ? "" : suggestion(nearest(this.monitor, known))),
      );
    }
    this.mode = direction;
  }

  /** The watched value of these logs; warns once a run when it is missing. */
  monitorValue(logs: Logs, consequence: string): number | undefined {
    const value = (this.#compute === undefined ? logs[this.monitor] : this.#compute(logs)) as
      | number
      | undefined;
    if (value === undefined && !this.#warned) {
      this.#warned = true;
      console.warn(
        `keepfit: ${this.constructor.name} watches '${this.monitor}', which is not available; ` +
          `${consequence}${this.#hint(Object.keys(logs))}. ` +
          `Available are: ${Object.keys(logs).join(",")}`,
      );
    }
    return value;
  }

  /** What may be meant by a monitor that is none of these keys. */
  #hint(keys: string[]): string {
    if (this.#compute !== undefined) return "";
    const trained = this.monitor.replace(/^val_/, "");
    if (trained === this.monitor || !keys.includes(trained)) {
      return suggestion(nearest(this.monitor, keys));
    }
    // The name is right, but nothing was validated: perhaps in this epoch only.
    return this.params?.doValidation === false
      ? `; the run has no validation data: give validationData or validationSplit, or watch '${trained}'`
      : "";
  }

  /** Let a missing value be told again: call it when a run begins. */
  resetMonitorWarning(): void {
    this.#warned = false;
  }

  /** True when `value` is better than `reference` by more than `minDelta`. */
  isImprovement(value: number, reference: number | undefined): boolean {
    // First of all: a monitor nobody can place is no better for having nothing to be compared with.
    this.resolveMode();
    if (Number.isNaN(value) && !(this.#nanIsFirstBest && reference === undefined)) return false;
    if (reference === undefined) return true;
    // There are no parts of infinity: whatever is better than it counts.
    const unit = Number.isFinite(reference) ? Math.abs(reference) : 0;
    const delta = this.minDelta * (this.minDeltaMode === "relative" ? unit : 1);
    return this.mode === "max" ? value - delta > reference : value + delta < reference;
  }
}

const modes: readonly string[] = ["auto", "min", "max"] satisfies MonitorMode[];

function suggestion(name: string | undefined): string {
  return name === undefined ? "" : `; did you mean '${name}'?`;
}

/**
 * Which way a log key improves: by what the metric declares, losses and errors down, accuracies
 * and the like up. The prefixes `val_` and an output's name do not matter.
 */
export function directionOf(
  key: string,
  declared: Record<string, "min" | "max">,
): "min" | "max" | undefined {
  const name = key.startsWith("val_") ? key.slice(4) : key;
  if (declared[name] !== undefined) return declared[name];
  // With several outputs the metric is `<output>_<metric>`, the output's name may hold underscores.
  for (let at = 0; at >= 0; at = name.indexOf("_", at + 1)) {
    const bare = simplify(at === 0 ? name : name.slice(at + 1));
    if (bare === "loss" || down.has(bare)) return "min";
    if (up.has(bare)) return "max";
  }
  return undefined;
}

/** A metric given twice has a number behind its name. */
function simplify(name: string): string {
  return name.replace(/_\d+$/, "").replaceAll("_", "").toLowerCase();
}

// Keras's declarations, with TensorFlow.js's names and short names for the same metrics.
const up = new Set([
  "acc",
  "accuracy",
  "binaryaccuracy",
  "categoricalaccuracy",
  "sparsecategoricalaccuracy",
  "topkcategoricalaccuracy",
  "sparsetopkcategoricalaccuracy",
  "precision",
  "recall",
  "auc",
  "f1",
  "f1score",
  "fbetascore",
  "iou",
  "binaryiou",
  "meaniou",
  "onehotiou",
  "onehotmeaniou",
  "cosinesimilarity",
  "r2",
  "r2score",
  "pearsoncorrelation",
  "concordancecorrelation",
  "sensitivityatspecificity",
  "specificityatsensitivity",
  "precisionatrecall",
  "recallatprecision",
]);
const down = new Set([
  "mse",
  "meansquarederror",
  "mae",
  "meanabsoluteerror",
  "mape",
  "meanabsolutepercentageerror",
  "msle",
  "meansquaredlogarithmicerror",
  "rmse",
  "rootmeansquarederror",
  "logcosh",
  "logcosherror",
  "hinge",
  "squaredhinge",
  "categoricalhinge",
  "ce",
  "crossentropy",
  "binarycrossentropy",
  "categoricalcrossentropy",
  "sparsecategoricalcrossentropy",
  "kldivergence",
  "kullbackleiblerdivergence",
  "poisson",
  "cosine",
  "cosineproximity",
]);
