import type { CallbackState } from "../core/callback.ts";
import type { Logs } from "../core/logs.ts";
import { getLearningRate, setLearningRate } from "../core/model.ts";
import { inTurn } from "../core/promise.ts";
import { MonitorCallback, type MonitorOptions } from "../core/monitor_callback.ts";
import {
  checkOptions,
  countFromZero,
  deltaMode,
  finite,
  flag,
  monitorOptions,
  numberThat,
  verbosity,
} from "./options.ts";
import { rateText } from "./python_format.ts";

/** Options of {@linkcode ReduceLROnPlateau}. */
export interface ReduceLROnPlateauOptions extends MonitorOptions {
  /** Factor by which the rate is multiplied, from 0 to below 1. Default: 0.1. */
  factor?: number;
  /** Epochs without improvement before a reduction; 0 and 1 are the same. Default: 10. */
  patience?: number;
  /** Whether to print each reduction: a number above 0 or true. Default: 0. */
  verbose?: number | boolean;
  /** Minimum change that counts as an improvement. Default: 1e-4. */
  minDelta?: number;
  /**
   * Epochs after a reduction that are not counted. As in Keras, the last of them is monitored
   * again, so 1 has no effect; see `fullCooldown`. Default: 0.
   */
  cooldown?: number;
  /** Whether to wait for all `cooldown` epochs; Keras waits for one less. Default: false. */
  fullCooldown?: boolean;
  /** Lower bound of the rate, per step. Default: 0. */
  minLr?: number;
}

/**
 * Reduce the learning rate when a value of the epoch logs has stopped improving.
 *
 * Adds the rate that the epoch was trained with to its logs as `learning_rate`, before any
 * reduction. Each run resets the counts. Rates are float64, as in TensorFlow.js; Keras uses
 * float32.
 *
 * Source: `keras/src/callbacks/reduce_lr_on_plateau.py`.
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { CallbackList, getLearningRate, ReduceLROnPlateau } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const model = { optimizer: tf.train.sgd(0.5) };
 * const reduce = new ReduceLROnPlateau({ monitor: "loss", factor: 0.5, patience: 2 });
 * const list = new CallbackList([reduce], { model });
 * await list.onTrainBegin();
 * for (const epoch of [0, 1, 2]) await list.onEpochEnd(epoch, { loss: 1 });
 * assert.equal(getLearningRate(model.optimizer), 0.25);
 * ```
 */
export class ReduceLROnPlateau extends MonitorCallback {
  /** Name in messages and saved states. */
  static override readonly className: string = "ReduceLROnPlateau";

  /** Factor by which the rate is multiplied. */
  readonly factor: number;
  /** Epochs without improvement before a reduction. */
  readonly patience: number;
  /** Cooldown epochs after a reduction. */
  readonly cooldown: number;
  /** Lower bound of the rate. */
  readonly minLr: number;
  /** Remaining cooldown epochs. */
  cooldownCounter = 0;
  #fullCooldown: boolean;
  #verbose: boolean;
  #message: string | undefined;
  #isResumed = false;

  /**
   * Monitor one value and reduce the learning rate when it stops improving.
   *
   * @param options monitored value, patience and reduction
   * @throws TypeError for an option of the wrong type
   * @throws RangeError for a `factor` outside 0 to below 1, or a negative number
   */
  constructor(options: ReduceLROnPlateauOptions = {}) {
    super({ ...options, minDelta: options?.minDelta ?? 1e-4 });
    checkOptions(this, ReduceLROnPlateau, options, {
      ...monitorOptions,
      factor: numberThat(">= 0 and < 1", (factor) => factor >= 0 && factor < 1),
      patience: countFromZero,
      verbose: verbosity,
      minDelta: finite,
      minDeltaMode: deltaMode,
      cooldown: countFromZero,
      fullCooldown: flag,
      minLr: numberThat("a finite number >= 0", (rate) => rate >= 0 && rate < Infinity),
    });
    this.factor = options.factor ?? 0.1;
    this.patience = options.patience ?? 10;
    this.cooldown = options.cooldown ?? 0;
    this.minLr = options.minLr ?? 0;
    this.#fullCooldown = options.fullCooldown ?? false;
    this.#verbose = Number(options.verbose ?? 0) > 0;
  }

  /** Epochs since the last improvement. */
  get wait(): number {
    return this.watched.wait;
  }
  set wait(wait: number) {
    this.watched.wait = wait;
  }

  /** Reset the patience and the best value, unless a backup restored them. */
  override onTrainBegin(): void {
    this.resetMonitorWarning();
    if (!this.#isResumed) {
      this.best = undefined;
      this.cooldownCounter = 0;
      this.wait = 0;
    }
    // Without the keys, the direction is determined at the end of the first epoch.
    if (this.params?.metrics !== undefined) this.resolveMode();
    getLearningRate(this.model);
  }

  /** Compare the monitored value, and reduce the learning rate when patience has run out. */
  override onEpochEnd(epoch: number, logs: Logs): void | Promise<void> {
    this.#isResumed = false;
    this.#message = undefined;
    this.resolveMode();
    const learningRate = getLearningRate(this.model);
    logs.learning_rate = learningRate;
    return inTurn(
      this.monitorValue(logs, "the learning rate is not changed"),
      (value) => value === undefined ? undefined : this.#count(epoch, value, learningRate),
    );
  }

  #count(epoch: number, value: number, learningRate: number): void {
    const wasResting = this.cooldownCounter > 0;
    if (wasResting) this.cooldownCounter--;
    if (this.isImprovement(value, this.best)) {
      this.best = value;
      this.wait = 0;
      return;
    }
    if (this.cooldownCounter > 0 || (wasResting && this.#fullCooldown)) return;
    this.wait++;
    // A product is not exact in decimal: 0.1 * 0.1 is above 0.01.
    const isAboveLeast = learningRate > this.minLr * (1 + tolerance);
    if (this.wait >= this.patience && isAboveLeast) this.#reduce(epoch, learningRate);
  }

  /** Print below the progress bar, which ends with the epoch. */
  override afterEpochEnd(): void {
    if (this.#message !== undefined) console.log(this.#message);
  }

  /** Reset in the next run, even if a restored run failed before it began. */
  override onException(): void {
    this.#isResumed = false;
  }

  /** The counters. The rate is part of the optimizer's state. */
  getState(): CallbackState {
    return { best: this.best, wait: this.wait, cooldownCounter: this.cooldownCounter };
  }

  /** Restore the state; the next `onTrainBegin` does not reset it. */
  setState(state: CallbackState): void {
    this.best = state.best as number | undefined;
    this.wait = state.wait as number;
    this.cooldownCounter = state.cooldownCounter as number;
    this.#isResumed = true;
  }

  #reduce(epoch: number, learningRate: number): void {
    const product = learningRate * this.factor;
    const reduced = product > this.minLr * (1 + tolerance) ? product : this.minLr;
    setLearningRate(this.model.optimizer, reduced);
    this.cooldownCounter = this.cooldown;
    this.wait = 0;
    if (this.#verbose) {
      this.#message = `Epoch ${epoch + 1}: ReduceLROnPlateau reducing learning rate to ${
        rateText(reduced)
      }.`;
    }
  }
}

/** Ignored relative difference, about the precision of Keras's float32. */
const tolerance = 1e-6;
