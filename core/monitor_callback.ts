import { Callback, type CallbackOptions } from "./callback.ts";
import type { Logs } from "./logs.ts";

/** Which way a watched value improves. */
export type MonitorMode = "auto" | "min" | "max";

/** Options of every callback that watches a value of the epoch logs. */
export interface MonitorOptions extends CallbackOptions {
  /** Key of the epoch logs. Default: `"val_loss"`. */
  monitor?: string;
  /** Which way it improves; `"auto"` knows losses and metrics that declare it. Default: `"auto"`. */
  mode?: MonitorMode;
  /** The least change that counts as better, strictly more than this; the sign is ignored. */
  minDelta?: number;
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
  /** The log key it watches. */
  readonly monitor: string;
  /** The least change that counts, not negative. */
  readonly minDelta: number;
  /** The best value so far; undefined before the first one. */
  best: number | undefined;
  /** `"min"` or `"max"` once known, `"auto"` before. */
  mode: MonitorMode;
  #nanIsFirstBest: boolean;
  #warned = false;

  /**
   * @param options what to watch
   * @param best what must be beaten at first; undefined for nothing
   */
  constructor(options: MonitorOptions = {}, best?: number) {
    super(options);
    this.monitor = options.monitor ?? "val_loss";
    this.minDelta = Math.abs(options.minDelta ?? 0);
    this.best = best;
    this.mode = options.mode ?? "auto";
    this.#nanIsFirstBest = options.nanIsFirstBest ?? false;
    if (!["auto", "min", "max"].includes(this.mode)) {
      console.warn(
        `keepfit: ${this.constructor.name} mode '${this.mode}' is unknown, using "auto": ` +
          `mode must be "min", "max" or "auto"`,
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
    const direction = directionOf(this.monitor, this.params?.directions ?? {});
    if (direction === undefined) {
      const known = this.params?.metrics ?? [];
      throw new TypeError(
        `Cannot tell whether ${this.constructor.name} should minimize or maximize ` +
          `'${this.monitor}': set mode to "min" or "max"` +
          (known.length > 0 ? `. This run logs ${known.join(", ")}` : ""),
      );
    }
    this.mode = direction;
  }

  /** The watched value of these logs; warns once a run when it is missing. */
  monitorValue(logs: Logs, consequence: string): number | undefined {
    const value = logs[this.monitor] as number | undefined;
    if (value === undefined && !this.#warned) {
      this.#warned = true;
      console.warn(
        `keepfit: ${this.constructor.name} watches '${this.monitor}', which is not available; ` +
          `${consequence}. Available are: ${Object.keys(logs).join(",")}`,
      );
    }
    return value;
  }

  /** Let a missing value be told again: call it when a run begins. */
  resetMonitorWarning(): void {
    this.#warned = false;
  }

  /** True when `value` is better than `reference` by more than `minDelta`. */
  isImprovement(value: number, reference: number | undefined): boolean {
    if (Number.isNaN(value) && !(this.#nanIsFirstBest && reference === undefined)) return false;
    if (reference === undefined) return true;
    this.resolveMode();
    return this.mode === "max"
      ? value - this.minDelta > reference
      : value + this.minDelta < reference;
  }
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
