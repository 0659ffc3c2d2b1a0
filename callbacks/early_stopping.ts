import type { CallbackState } from "../core/callback.ts";
import type { Logs } from "../core/logs.ts";
import { Monitor } from "../core/monitor.ts";
import { MonitorCallback } from "../core/monitor_callback.ts";
import { isPromise } from "../core/promise.ts";
import {
  type EarlyStoppingOptions,
  earlyStoppingRules,
  watchesOf,
  type WatchOptions,
} from "./early_stopping_options.ts";
import { KeptWeights } from "./kept_weights.ts";
import { checkOptions } from "./options.ts";
import { Patience, type PatienceState } from "./patience.ts";

export type { EarlyStoppingOptions, WatchOptions };

/**
 * Stop training when a value of the epoch logs has stopped improving, or when one or all of several
 * values have.
 *
 * Training never stops after an epoch that improves on the best value, nor after epoch 0. Each run
 * resets everything. The best weights are kept on the device until `close`; they are restored in
 * `onTrainEnd`, so not after an error. The optimizer's state is not restored.
 *
 * Each of several monitors has its own best value, patience and baseline. `best`, `wait` and the
 * best weights are those of the first one in the list; `stoppedBy` names those that stopped
 * training.
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
 * // The loss, or how far validation lags behind it: whichever runs out of patience first.
 * const several = new EarlyStopping({
 *   monitor: ["loss", { monitor: (logs) => logs.val_loss - logs.loss, mode: "min", patience: 5 }],
 *   patience: 2,
 *   stopWhen: "any",
 * });
 * assert.equal(several.monitor, "loss");
 * ```
 */
export class EarlyStopping extends MonitorCallback {
  /** Name in messages and saved states. */
  static override readonly className: string = "EarlyStopping";

  /** Epochs without improvement before training stops. */
  readonly patience: number;
  /** Value that an improvement must also beat; undefined for none. */
  readonly baseline: number | undefined;
  /** Number of monitors that must run out of patience: one or all. */
  readonly stopWhen: "any" | "all";
  /** Whether the best weights are kept and restored. */
  readonly restoreBestWeights: boolean;
  /** First monitored epoch, 0-based. */
  readonly startFromEpoch: number;
  /** Epoch, 0-based, after which training stopped; 0 if it did not. */
  stoppedEpoch = 0;
  /** Epoch, 0-based, with the best value. */
  bestEpoch = 0;
  /** Monitors that ran out of patience when training stopped; empty if it did not. */
  stoppedBy: string[] = [];
  /** Counters of the monitors, in the order of the list. */
  readonly #watches: readonly [Patience, ...Patience[]];
  readonly #bestWeights = new KeptWeights();
  #verbose: boolean;
  #isResumed = false;

  /**
   * Monitor one value, or several.
   *
   * @param options monitored values, patience and more
   * @throws TypeError for an option of the wrong type
   * @throws RangeError for a negative `patience` or `startFromEpoch`, or an empty list of monitors
   */
  constructor(options: EarlyStoppingOptions = {}) {
    const [first, ...others] = watchesOf(options);
    super(first);
    for (const watch of [first, ...others]) {
      checkOptions(this, EarlyStopping, watch, earlyStoppingRules);
    }
    this.patience = first.patience ?? 0;
    this.baseline = first.baseline;
    this.#watches = [
      new Patience(this.watched, first),
      ...others.map((other) => new Patience(new Monitor("EarlyStopping", other), other)),
    ];
    this.stopWhen = options.stopWhen ?? "any";
    this.restoreBestWeights = options.restoreBestWeights ?? false;
    this.startFromEpoch = options.startFromEpoch ?? 0;
    this.#verbose = Number(options.verbose ?? 0) > 0;
  }

  /** Epochs since the last improvement. */
  get wait(): number {
    return this.watched.wait;
  }
  set wait(wait: number) {
    this.watched.wait = wait;
  }

  /** The monitored value and its direction of improvement. */
  override get stateKey(): string {
    return this.#watches.map(({ monitor }) => monitor.stateKey(this.params)).join("; ");
  }

  /** Reset the patience and the best values, unless a backup restored them. */
  override onTrainBegin(): void {
    for (const watch of this.#watches) watch.begin(this.params, this.#isResumed);
    if (!this.#isResumed) {
      this.stoppedEpoch = 0;
      this.stoppedBy = [];
      this.bestEpoch = 0;
      this.#bestWeights.clear();
    }
    if (this.restoreBestWeights && typeof this.model.getWeights !== "function") {
      throw new TypeError("Cannot restore the best weights: the model must have getWeights()");
    }
  }

  /** Compare the monitored values, and stop training when patience has run out. */
  override onEpochEnd(epoch: number, logs: Logs): void | Promise<void> {
    this.#isResumed = false;
    const values = this.#watches.map((watch) => watch.valueIn(logs, this.params));
    return values.some(isPromise)
      ? Promise.all(values).then((values) => this.#count(epoch, values))
      : this.#count(epoch, values as (number | undefined)[]);
  }

  #count(epoch: number, values: (number | undefined)[]): void {
    const counted = this.#watches.filter((watch, i) => watch.count(epoch, values[i]));
    if (counted.length === 0) return;
    const [first] = this.#watches;
    // The first monitored epoch is the best one until a better one follows, even if its value is
    // NaN.
    const isFirstBest = this.restoreBestWeights && this.#bestWeights.isEmpty;
    if (counted.includes(first) && (first.isBetter || isFirstBest)) {
      this.bestEpoch = epoch;
      if (this.restoreBestWeights) this.#bestWeights.keep(this.model);
    }
    const isAll = this.stopWhen === "all";
    const out = (isAll ? this.#watches : counted).filter(({ isOut }) => isOut);
    if (out.length >= (isAll ? this.#watches.length : 1) && epoch > 0) {
      this.stoppedEpoch = epoch;
      this.stoppedBy = out.map(({ monitor }) => monitor.name);
      this.model.stopTraining = true;
    }
  }

  /** Report the stop and restore the best weights, if the options say so. */
  override onTrainEnd(): void | Promise<void> {
    if (this.stoppedEpoch > 0 && this.#verbose) {
      const by = this.#watches.length > 1 ? ` by ${this.stoppedBy.join(", ")}` : "";
      console.log(`Epoch ${this.stoppedEpoch + 1}: early stopping${by}`);
    }
    if (this.#bestWeights.isEmpty) return;
    if (this.#verbose) {
      console.log(`Restoring model weights from the end of the best epoch: ${this.bestEpoch + 1}.`);
    }
    return this.#bestWeights.assignTo(this.model);
  }

  /** Release the kept weights. */
  override close(): void {
    this.#isResumed = false;
    this.#bestWeights.clear();
  }

  /** The counters, and the best weights as host values. */
  async getState(): Promise<CallbackState> {
    return {
      stoppedEpoch: this.stoppedEpoch,
      stoppedBy: this.stoppedBy.slice(),
      bestEpoch: this.bestEpoch,
      watches: this.#watches.map((watch) => watch.getState()),
      bestWeights: await this.#bestWeights.getState(),
    };
  }

  /** Continue from a state of {@linkcode getState}; the next `onTrainBegin` does not reset it. */
  setState(state: CallbackState): void {
    const kept = structuredClone(state);
    const watches = kept.watches as PatienceState[];
    this.#watches.forEach((watch, i) => watch.setState(watches[i]));
    this.stoppedEpoch = kept.stoppedEpoch as number;
    this.stoppedBy = kept.stoppedBy as string[];
    this.bestEpoch = kept.bestEpoch as number;
    this.#bestWeights.setState(kept.bestWeights);
    this.#isResumed = true;
  }
}
