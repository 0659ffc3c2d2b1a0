import { Callback, type CallbackOptions, type CallbackState } from "../core/callback.ts";
import type { Logs } from "../core/logs.ts";
import { getLearningRate, setLearningRate } from "../core/model.ts";
import {
  callable,
  callbackOptions,
  checkOptions,
  checkValue,
  epochOrStep,
  type OptionRule,
  verbosity,
} from "./options.ts";
import { rateText } from "./python_format.ts";

// Exported with this callback.
export * from "./cosine_schedules.ts";
export * from "./schedules.ts";
export * from "./warmup_schedules.ts";

/**
 * Function that computes the rate of an epoch or a step, such as those of `cosineDecay` and
 * `oneCycle`.
 *
 * @param index number of the epoch or the step, 0-based
 * @param learningRate the current rate, per step
 * @returns the rate for this epoch or step, a finite number >= 0
 */
export type Schedule = (index: number, learningRate: number) => number;

/** Options of {@linkcode LearningRateScheduler}. */
export interface LearningRateSchedulerOptions extends CallbackOptions {
  /**
   * Unit of the schedule: epochs, or steps, which are updates of the weights. Default: `"epoch"`,
   * as in Keras.
   */
  every?: "epoch" | "step";
  /** Whether to print the rate of each epoch, or of its first step: above 0 or true. Default: 0. */
  verbose?: number | boolean;
}

/**
 * Set the learning rate of each epoch or step with a function.
 *
 * Steps are the optimizer's updates, so the count continues across epochs, across runs, and after
 * `setOptimizerState`. If there are none yet, a run with an `initialEpoch` counts from the first
 * step of that epoch.
 *
 * Adds the rate to the epoch logs as `learning_rate` for later callbacks, the history and the
 * progress bar. An error of the function ends the run like any other. (Keras treats a TypeError as
 * a wrong number of arguments and calls the function again.)
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
 *
 * @example Per step, with a ready schedule
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { fit, LearningRateScheduler, withWarmup } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
 * model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
 * const scheduler = new LearningRateScheduler(withWarmup(0.1, { warmupSteps: 4 }), {
 *   every: "step",
 * });
 *
 * const { history } = await fit(model, tf.ones([6, 1]), tf.ones([6, 1]), {
 *   batchSize: 2,
 *   epochs: 2,
 *   verbose: 0,
 *   callbacks: [scheduler],
 * });
 *
 * assert.deepEqual(history.learning_rate, [0.05, 0.1]);
 * ```
 */
export class LearningRateScheduler extends Callback {
  /** Name in messages and saved states. */
  static override readonly className: string = "LearningRateScheduler";

  /** Computes the rate of an epoch or a step. */
  readonly schedule: Schedule;
  /** Unit of the count. */
  readonly every: "epoch" | "step";
  #verbose: boolean;
  #epoch = 0;
  // Step number of the optimizer's first update.
  #firstStep = 0;
  #isResumed = false;

  /**
   * Set the learning rate by `schedule`.
   *
   * @param schedule called at the begin of each epoch or step with its index and the current rate
   * @param options unit, verbosity and name
   * @throws TypeError if `schedule` is not a function
   */
  constructor(schedule: Schedule, options: LearningRateSchedulerOptions = {}) {
    super(options);
    checkValue("LearningRateScheduler", "schedule", schedule, scheduleRule);
    checkOptions(this, LearningRateScheduler, options, {
      ...callbackOptions,
      every: epochOrStep,
      verbose: verbosity,
    });
    this.schedule = schedule;
    this.every = options.every ?? "epoch";
    this.#verbose = Number(options.verbose ?? 0) > 0;
    // Only if needed, because a batch hook is called for every batch.
    if (this.every === "step") this.onTrainBatchBegin = this.#beginStep;
  }

  /**
   * Check that the learning rate can be read, and determine the first step.
   *
   * @throws TypeError if there is none
   */
  override onTrainBegin(): void {
    // Fail before the first epoch if there is no rate to set.
    getLearningRate(this.model);
    const isResumed = this.#isResumed;
    this.#isResumed = false;
    if (this.every === "epoch" || isResumed) return;
    const { initialEpoch = 0, steps } = this.params ?? {};
    this.#firstStep = this.#updates() > 0 ? 0 : initialEpoch * (steps ?? 0);
  }

  /** Set the learning rate of the epoch, for `every: "epoch"`. */
  override onEpochBegin(epoch: number): void {
    this.#epoch = epoch;
    if (this.every === "epoch") this.#set(epoch, this.#verbose);
  }

  /** Add the learning rate to the logs. */
  override onEpochEnd(_epoch: number, logs: Logs): void {
    logs.learning_rate = getLearningRate(this.model);
  }

  /** Discard a restored state that no run has used. */
  override close(): void {
    this.#isResumed = false;
  }

  /** The first step of the run. */
  getState(): CallbackState {
    return { firstStep: this.#firstStep };
  }

  /** Continue the count; the next `onTrainBegin` does not restart it. */
  setState(state: CallbackState): void {
    this.#firstStep = state.firstStep as number;
    this.#isResumed = true;
  }

  #beginStep(batch: number): void {
    this.#set(this.#firstStep + this.#updates(), this.#verbose && batch === 0);
  }

  /** Number of the optimizer's updates. */
  #updates(): number {
    const { iterations } = this.model.optimizer as { iterations?: unknown };
    if (typeof iterations === "number") return iterations;
    throw new TypeError(
      "Cannot set the learning rate of each step: the optimizer must count its iterations",
    );
  }

  #set(index: number, isTold: boolean): void {
    const learningRate: unknown = this.schedule(index, getLearningRate(this.model));
    if (typeof learningRate !== "number") {
      throw new TypeError(
        `Cannot set the learning rate of ${this.every} ${index} to ${String(learningRate)}: ` +
          `the schedule must return a number`,
      );
    }
    setLearningRate(this.model.optimizer, learningRate);
    if (isTold) {
      console.log(
        `\nEpoch ${this.#epoch + 1}: LearningRateScheduler setting learning rate to ${
          rateText(learningRate)
        }.`,
      );
    }
  }
}

const scheduleRule: OptionRule = {
  ...callable,
  expected: "a function (epoch, rate) => rate, or a schedule such as cosineDecay({ ... })",
};
