import type { CallbackState, Params } from "../core/callback.ts";
import type { Logs } from "../core/logs.ts";
import {
  assignWeights,
  cloneWeights,
  type HostWeight,
  readWeights,
  weightsFromHost,
  type WeightTensor,
} from "../core/model.ts";
import {
  MonitorCallback,
  type MonitorFunction,
  type MonitorOptions,
} from "../core/monitor_callback.ts";
import {
  atLeastZero,
  checkOptions,
  checkValue,
  deltaMode,
  finite,
  flag,
  monitorOptions,
  oneOf,
  verbosity,
} from "./options.ts";

/** One of several values that {@linkcode EarlyStopping} watches. */
export type WatchOptions =
  & Required<Pick<MonitorOptions, "monitor">>
  & Pick<MonitorOptions, "mode" | "minDelta" | "minDeltaMode" | "nanIsFirstBest">
  & Pick<EarlyStoppingOptions, "patience" | "baseline">;

/** Options of {@linkcode EarlyStopping}. */
export interface EarlyStoppingOptions extends Omit<MonitorOptions, "monitor"> {
  /**
   * Key of the epoch logs, or a function of them; or a list of such, and of objects with options of
   * their own. What an object leaves out is as for the callback. Default: `"val_loss"`.
   */
  monitor?: string | MonitorFunction | readonly (string | MonitorFunction | WatchOptions)[];
  /** Of several, how many must have run out of patience: one or all. Default: `"any"`. */
  stopWhen?: "any" | "all";
  /** Epochs without improvement before training ends; 0 and 1 are the same. Default: 0. */
  patience?: number;
  /** Above 0 or true: print when training was ended, and what was restored. Default: 0. */
  verbose?: number | boolean;
  /** What must be beaten too, before an improvement starts the count anew. Default: none. */
  baseline?: number;
  /** Put the weights of the best epoch back when training ends, whoever ended it. Default: false. */
  restoreBestWeights?: boolean;
  /** The first epoch (0-based) that is watched. Default: 0. */
  startFromEpoch?: number;
}

/**
 * End training when a value of the epoch logs has stopped getting better; or one of several values,
 * or all of them.
 *
 * An epoch that improves on the best value never ends training. Neither does epoch 0. Everything
 * starts anew with each run. The best weights are kept on the device until `close`; they are put
 * back in `onTrainEnd`, so not after an error. The optimizer's state is not restored.
 *
 * Of several monitors each has its own best value, patience and baseline. `best`, `wait` and the
 * best weights are those of the first one in the list; `stoppedBy` names who ended training.
 *
 * Source: `keras/src/callbacks/early_stopping.py`.
 *
 * @example
 * ```ts
 * import { CallbackList, EarlyStopping } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const model = { stopTraining: false };
 * const stopping = new EarlyStopping({ monitor: "loss", patience: 2 });
 * const list = new CallbackList([stopping], { model });
 * await list.onTrainBegin();
 * for (const [epoch, loss] of [3, 1, 2, 2].entries()) await list.onEpochEnd(epoch, { loss });
 * assert.equal(model.stopTraining, true);
 * assert.equal(stopping.stoppedEpoch, 3);
 * assert.equal(stopping.bestEpoch, 1);
 *
 * // The loss, or how far validation lags behind it: whichever gives out first.
 * const several = new EarlyStopping({
 *   monitor: ["loss", { monitor: (logs) => logs.val_loss - logs.loss, mode: "min", patience: 5 }],
 *   patience: 2,
 *   stopWhen: "any",
 * });
 * assert.equal(several.monitor, "loss");
 * ```
 */
export class EarlyStopping extends MonitorCallback {
  /** Epochs without improvement before training ends. */
  readonly patience: number;
  /** What must be beaten too; undefined for nothing. */
  readonly baseline: number | undefined;
  /** Of several monitors, how many must have run out of patience. */
  readonly stopWhen: "any" | "all";
  /** Whether the best weights are kept and put back. */
  readonly restoreBestWeights: boolean;
  /** The first epoch that is watched, 0-based. */
  readonly startFromEpoch: number;
  /** Epochs since the last improvement. */
  wait = 0;
  /** The epoch, 0-based, after which training was ended; 0 when it was not. */
  stoppedEpoch = 0;
  /** The epoch, 0-based, with the best value. */
  bestEpoch = 0;
  /** What had run out of patience when training was ended; empty when it was not. */
  stoppedBy: string[] = [];
  /** All that is watched: itself for the first monitor, one without duties for each other. */
  readonly #watches: readonly EarlyStopping[];
  #isBetter = false;
  #isOut = false;
  #verbose: boolean;
  #bestWeights: WeightTensor[] | undefined;
  // A restored state's weights stay on the host until they are needed: there may be no model yet.
  #hostWeights: HostWeight[] | undefined;
  #isResumed = false;

  /**
   * @param options what to watch, and how patiently
   * @throws TypeError for an option of the wrong type
   * @throws RangeError for a negative `patience` or `startFromEpoch`, or a list of no monitors
   */
  constructor(options: EarlyStoppingOptions = {}) {
    const [first, ...others] = watchesOf(options);
    super(first);
    checkOptions(this, "EarlyStopping", first, {
      ...monitorOptions,
      minDelta: finite,
      minDeltaMode: deltaMode,
      patience: atLeastZero,
      stopWhen: oneOf("any", "all"),
      verbose: verbosity,
      baseline: finite,
      restoreBestWeights: flag,
      startFromEpoch: atLeastZero,
    });
    this.patience = first.patience ?? 0;
    this.baseline = first.baseline;
    this.#watches = [this, ...others.map((other) => new EarlyStopping(other))];
    this.stopWhen = options.stopWhen ?? "any";
    this.restoreBestWeights = options.restoreBestWeights ?? false;
    this.startFromEpoch = options.startFromEpoch ?? 0;
    this.#verbose = Number(options.verbose ?? 0) > 0;
  }

  override setParams(params: Params): void {
    for (const watch of this.#watches) watch.params = params;
  }

  override onTrainBegin(): void {
    for (const watch of this.#watches) watch.#begin(this.#isResumed);
    if (!this.#isResumed) {
      this.stoppedEpoch = 0;
      this.stoppedBy = [];
      this.bestEpoch = 0;
      this.#forgetWeights();
    }
    if (this.restoreBestWeights && typeof this.model.getWeights !== "function") {
      throw new TypeError("Cannot restore the best weights: the model must have getWeights()");
    }
  }

  override onEpochEnd(epoch: number, logs: Logs): void {
    this.#isResumed = false;
    const judged = this.#watches.filter((watch) => watch.#judge(epoch, logs));
    if (judged.length === 0) return;
    // The first watched epoch counts as best until a better one, though its value be NaN.
    if (
      judged.includes(this) &&
      (this.#isBetter || (this.restoreBestWeights && !this.#hasWeights()))
    ) this.#keepWeights(epoch);
    const isAll = this.stopWhen === "all";
    const out = (isAll ? this.#watches : judged).filter((watch) => watch.#isOut);
    if (out.length >= (isAll ? this.#watches.length : 1) && epoch > 0) {
      this.stoppedEpoch = epoch;
      this.stoppedBy = out.map((watch) => watch.monitor);
      this.model.stopTraining = true;
    }
  }

  override onTrainEnd(): void | Promise<void> {
    if (this.stoppedEpoch > 0 && this.#verbose) {
      const by = this.#watches.length > 1 ? ` by ${this.stoppedBy.join(", ")}` : "";
      console.log(`Epoch ${this.stoppedEpoch + 1}: early stopping${by}`);
    }
    if (!this.#hasWeights()) return;
    if (this.#verbose) {
      console.log(`Restoring model weights from the end of the best epoch: ${this.bestEpoch + 1}.`);
    }
    if (this.#bestWeights !== undefined) assignWeights(this.model, this.#bestWeights);
    else return this.#assignHostWeights();
  }

  /** Give the kept weights free. */
  override close(): void {
    this.#forgetWeights();
  }

  /** The counters, and the best weights as host values. */
  async getState(): Promise<CallbackState> {
    const weights = this.#bestWeights === undefined
      ? this.#hostWeights
      : await readWeights(this.#bestWeights);
    return {
      stoppedEpoch: this.stoppedEpoch,
      stoppedBy: this.stoppedBy.slice(),
      bestEpoch: this.bestEpoch,
      watches: this.#watches.map((watch) => watch.#remembered()),
      bestWeights: weights?.map((weight) => ({ ...weight })),
    };
  }

  /** Go on from there; the next `onTrainBegin` does not reset it. */
  setState(state: CallbackState): void {
    const kept = structuredClone(state);
    const watches = kept.watches as unknown as Remembered[];
    this.#watches.forEach((watch, i) => watch.#recall(watches[i]));
    this.stoppedEpoch = kept.stoppedEpoch as number;
    this.stoppedBy = kept.stoppedBy as string[];
    this.bestEpoch = kept.bestEpoch as number;
    this.#forgetWeights();
    this.#hostWeights = kept.bestWeights as HostWeight[] | undefined;
    this.#isResumed = true;
  }

  #remembered(): Remembered {
    return { best: this.best, wait: this.wait, isOut: this.#isOut };
  }

  #recall({ best, wait, isOut }: Remembered): void {
    this.best = best;
    this.wait = wait;
    this.#isOut = isOut;
  }

  #begin(isResumed: boolean): void {
    this.resetMonitorWarning();
    if (!isResumed) this.#recall({ best: undefined, wait: 0, isOut: false });
    // Without the keys the direction waits for the first epoch's end.
    if (this.params?.metrics !== undefined) this.resolveMode();
  }

  /** Count this epoch for one monitor; false when there is nothing to count. */
  #judge(epoch: number, logs: Logs): boolean {
    this.resolveMode();
    const value = this.monitorValue(logs, "training is not ended by it");
    if (value === undefined || epoch < this.startFromEpoch) return false;
    this.wait++;
    this.#isBetter = this.isImprovement(value, this.best);
    if (this.#isBetter) {
      this.best = value;
      if (this.baseline === undefined || this.isImprovement(value, this.baseline)) this.wait = 0;
    }
    this.#isOut = !this.#isBetter && this.wait >= this.patience;
    return true;
  }

  #hasWeights(): boolean {
    return this.#bestWeights !== undefined || this.#hostWeights !== undefined;
  }

  #keepWeights(epoch: number): void {
    this.bestEpoch = epoch;
    if (!this.restoreBestWeights) return;
    this.#forgetWeights();
    this.#bestWeights = cloneWeights(this.model);
  }

  #forgetWeights(): void {
    for (const weight of this.#bestWeights ?? []) weight.dispose();
    this.#bestWeights = undefined;
    this.#hostWeights = undefined;
  }

  async #assignHostWeights(): Promise<void> {
    const weights = await weightsFromHost(this.model, this.#hostWeights as HostWeight[]);
    assignWeights(this.model, weights);
    for (const weight of weights) weight.dispose();
  }
}

/** What one monitor remembers. */
type Remembered = { best: number | undefined; wait: number; isOut: boolean };

/** The options of each monitor: the first with the callback's own, the others to watch with. */
function watchesOf(
  options: EarlyStoppingOptions,
): [EarlyStoppingOptions & MonitorOptions, ...EarlyStoppingOptions[]] {
  const { monitor, ...shared } = options;
  if (!Array.isArray(monitor)) return [options as EarlyStoppingOptions & MonitorOptions];
  if (monitor.length === 0) {
    throw new RangeError(
      "Cannot create EarlyStopping with no monitor: the list must have at least one",
    );
  }
  const [first, ...others] = monitor.map((watch) =>
    typeof watch === "object" && watch !== null ? watch as WatchOptions : { monitor: watch }
  );
  for (const watch of [first, ...others]) {
    checkValue("EarlyStopping", "monitor", watch.monitor, monitorOptions.monitor);
  }
  const { mode, minDelta, minDeltaMode, nanIsFirstBest, patience, baseline, startFromEpoch } =
    shared;
  const common = {
    mode,
    minDelta,
    minDeltaMode,
    nanIsFirstBest,
    patience,
    baseline,
    startFromEpoch,
  };
  return [{ ...shared, ...first }, ...others.map((other) => ({ ...common, ...other }))];
}
