import { Callback, type CallbackOptions } from "../core/callback.ts";
import type { Logs } from "../core/logs.ts";
import { getLearningRate, setLearningRate } from "../core/model.ts";
import { callable, callbackOptions, checkOptions, checkValue, verbosity } from "./options.ts";
import { pythonFloat } from "./python_format.ts";

/**
 * What the rate of an epoch shall be.
 *
 * @param epoch 0-based
 * @param learningRate the present rate, per step
 * @returns the rate for this epoch, a finite number >= 0
 */
export type Schedule = (epoch: number, learningRate: number) => number;

/** Options of {@linkcode LearningRateScheduler}. */
export interface LearningRateSchedulerOptions extends CallbackOptions {
  /** Above 0 or true: print the rate of each epoch. Default: 0. */
  verbose?: number | boolean;
}

/**
 * Set the learning rate of each epoch by a function.
 *
 * Writes the rate into the epoch logs as `learning_rate`, where callbacks behind it, the history
 * and the progress bar see it. What the function throws ends the run as any error does (Keras
 * takes a TypeError for a wrong number of arguments and calls again).
 *
 * Source: `keras/src/callbacks/learning_rate_scheduler.py`.
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { CallbackList, getLearningRate, LearningRateScheduler } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const model = { optimizer: tf.train.adam(0.5) };
 * const list = new CallbackList([new LearningRateScheduler((_epoch, rate) => rate / 2)], { model });
 * await list.onTrainBegin();
 * await list.onEpochBegin(0);
 * assert.equal(getLearningRate(model.optimizer), 0.25);
 * ```
 */
export class LearningRateScheduler extends Callback {
  /** What the rate of an epoch shall be. */
  readonly schedule: Schedule;
  #verbose: boolean;

  /**
   * @param schedule called with the epoch and the present rate when an epoch begins
   * @param options what else
   * @throws TypeError when `schedule` is no function
   */
  constructor(schedule: Schedule, options: LearningRateSchedulerOptions = {}) {
    super(options);
    checkValue("LearningRateScheduler", "schedule", schedule, callable);
    checkOptions(this, "LearningRateScheduler", options, {
      ...callbackOptions,
      verbose: verbosity,
    });
    this.schedule = schedule;
    this.#verbose = Number(options.verbose ?? 0) > 0;
  }

  override onTrainBegin(): void {
    // Fails now, not at the first epoch, when there is no rate to set.
    getLearningRate(this.model);
  }

  override onEpochBegin(epoch: number): void {
    const learningRate: unknown = this.schedule(epoch, getLearningRate(this.model));
    if (typeof learningRate !== "number") {
      throw new TypeError(
        `Cannot set the learning rate of epoch ${epoch} to ${String(learningRate)}: ` +
          `the schedule must return a number`,
      );
    }
    setLearningRate(this.model.optimizer, learningRate);
    if (this.#verbose) {
      console.log(
        `\nEpoch ${epoch + 1}: LearningRateScheduler setting learning rate to ${
          pythonFloat(learningRate)
        }.`,
      );
    }
  }

  override onEpochEnd(_epoch: number, logs: Logs): void {
    logs.learning_rate = getLearningRate(this.model);
  }
}
