import type { CallbackState } from "../core/callback.ts";
import type { Logs } from "../core/logs.ts";
import {
  assignWeights,
  cloneWeights,
  type HostWeight,
  readWeights,
  weightsFromHost,
  type WeightTensor,
} from "../core/model.ts";
import { MonitorCallback, type MonitorOptions } from "../core/monitor_callback.ts";
import { atLeastZero, checkOptions, finite, flag, monitorOptions, verbosity } from "./options.ts";

/** Options of {@linkcode EarlyStopping}. */
export interface EarlyStoppingOptions extends MonitorOptions {
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
 * End training when a value of the epoch logs has stopped getting better.
 *
 * An epoch that improves on the best value never ends training. Neither does epoch 0. Everything
 * starts anew with each run. The best weights are kept on the device until `close`; they are put
 * back in `onTrainEnd`, so not after an error. The optimizer's state is not restored.
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
 * ```
 */
export class EarlyStopping extends MonitorCallback {
  /** Epochs without improvement before training ends. */
  readonly patience: number;
  /** What must be beaten too; undefined for nothing. */
  readonly baseline: number | undefined;
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
  #verbose: boolean;
  #bestWeights: WeightTensor[] | undefined;
  // A restored state's weights stay on the host until they are needed: there may be no model yet.
  #hostWeights: HostWeight[] | undefined;
  #isResumed = false;

  /**
   * @param options what to watch, and how patiently
   * @throws TypeError for an option of the wrong type
   * @throws RangeError for a negative `patience` or `startFromEpoch`
   */
  constructor(options: EarlyStoppingOptions = {}) {
    super(options);
    checkOptions(this, "EarlyStopping", options, {
      ...monitorOptions,
      minDelta: finite,
      patience: atLeastZero,
      verbose: verbosity,
      baseline: finite,
      restoreBestWeights: flag,
      startFromEpoch: atLeastZero,
    });
    this.patience = options.patience ?? 0;
    this.baseline = options.baseline;
    this.restoreBestWeights = options.restoreBestWeights ?? false;
    this.startFromEpoch = options.startFromEpoch ?? 0;
    this.#verbose = Number(options.verbose ?? 0) > 0;
  }

  override onTrainBegin(): void {
    this.resetMonitorWarning();
    if (!this.#isResumed) {
      this.wait = 0;
      this.stoppedEpoch = 0;
      this.best = undefined;
      this.bestEpoch = 0;
      this.#forgetWeights();
    }
    // Without the keys the direction waits for the first epoch's end.
    if (this.params?.metrics !== undefined) this.resolveMode();
    if (this.restoreBestWeights && typeof this.model.getWeights !== "function") {
      throw new TypeError("Cannot restore the best weights: the model must have getWeights()");
    }
  }

  override onEpochEnd(epoch: number, logs: Logs): void {
    this.#isResumed = false;
    this.resolveMode();
    const value = this.monitorValue(logs, "training is not ended by it");
    if (value === undefined || epoch < this.startFromEpoch) return;
    this.wait++;
    const isBetter = this.isImprovement(value, this.best);
    if (isBetter) this.best = value;
    // The first watched epoch counts as best until a better one, though its value be NaN.
    if (isBetter || (this.restoreBestWeights && !this.#hasWeights())) this.#keepWeights(epoch);
    if (isBetter) {
      if (this.baseline === undefined || this.isImprovement(value, this.baseline)) this.wait = 0;
    } else if (this.wait >= this.patience && epoch > 0) {
      this.stoppedEpoch = epoch;
      this.model.stopTraining = true;
    }
  }

  override onTrainEnd(): void | Promise<void> {
    if (this.stoppedEpoch > 0 && this.#verbose) {
      console.log(`Epoch ${this.stoppedEpoch + 1}: early stopping`);
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
      best: this.best,
      wait: this.wait,
      stoppedEpoch: this.stoppedEpoch,
      bestEpoch: this.bestEpoch,
      bestWeights: weights?.map((weight) => ({ ...weight })),
    };
  }

  /** Go on from there; the next `onTrainBegin` does not reset it. */
  setState(state: CallbackState): void {
    const kept = structuredClone(state);
    this.best = kept.best as number | undefined;
    this.wait = kept.wait as number;
    this.stoppedEpoch = kept.stoppedEpoch as number;
    this.bestEpoch = kept.bestEpoch as number;
    this.#forgetWeights();
    this.#hostWeights = kept.bestWeights as HostWeight[] | undefined;
    this.#isResumed = true;
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
