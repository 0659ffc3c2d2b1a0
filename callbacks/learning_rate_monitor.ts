import { Callback, type CallbackOptions } from "../core/callback.ts";
import type { Logs } from "../core/logs.ts";
import { getLearningRate } from "../core/model.ts";
import { callbackOptions, checkOptions, epochOrStep, record } from "./options.ts";

/** Options of {@linkcode LearningRateMonitor}. */
export interface LearningRateMonitorOptions extends CallbackOptions {
  /**
   * Logs to add the rate to: those of each epoch, or also of each step. Default: `"epoch"`.
   */
  every?: "epoch" | "step";
  /**
   * Optimizers by name, for loops with several; each is logged as `learning_rate_<name>`. Default:
   * that of the model, as `learning_rate`.
   */
  optimizers?: Record<string, unknown>;
}

/**
 * Add the learning rate to the logs for later callbacks, the history and the progress bar. At the
 * end of an epoch it is the rate of the next update.
 *
 * LearningRateScheduler and ReduceLROnPlateau already add it; use this callback if something else
 * changes the rate. List it before the callbacks that read the key.
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { CallbackList, History, LearningRateMonitor } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const optimizers = { generator: tf.train.adam(0.5), critic: tf.train.sgd(0.25) };
 * const history = new History();
 * const list = new CallbackList([new LearningRateMonitor({ optimizers }), history]);
 * await list.onTrainBegin();
 * await list.onEpochEnd(0, { loss: 1 });
 * assert.deepEqual(history.history.learning_rate_critic, [0.25]);
 * ```
 */
export class LearningRateMonitor extends Callback {
  /** Name in messages and saved states. */
  static override readonly className: string = "LearningRateMonitor";

  /** Logs to which the rate is added. */
  readonly every: "epoch" | "step";
  #optimizers: Record<string, unknown> | undefined;

  /**
   * Add the learning rate to the logs.
   *
   * @param options the optimizers, and when to log
   * @throws TypeError for an option of the wrong type
   */
  constructor(options: LearningRateMonitorOptions = {}) {
    super(options);
    checkOptions(this, LearningRateMonitor, options, {
      ...callbackOptions,
      every: epochOrStep,
      optimizers: record,
    });
    this.every = options.every ?? "epoch";
    this.#optimizers = options.optimizers;
    // Only if needed, because a batch hook is called for every batch.
    if (this.every === "step") this.onTrainBatchEnd = (_batch, logs) => this.#write(logs);
  }

  /** False: it adds to the logs but does not read them. */
  override readsBatchLogs(): boolean {
    return false;
  }

  /**
   * Check that the learning rate can be read.
   *
   * @throws TypeError if there is none
   */
  override onTrainBegin(): void {
    // Fail before the first epoch if there is no rate to read.
    this.#write({});
  }

  /** Add the learning rate to the logs, for `every: "epoch"`. */
  override onEpochEnd(_epoch: number, logs: Logs): void {
    this.#write(logs);
  }

  #write(logs: Logs): void {
    if (this.#optimizers === undefined) {
      logs.learning_rate = getLearningRate(this.model);
      return;
    }
    for (const [name, optimizer] of Object.entries(this.#optimizers)) {
      logs[`learning_rate_${name}`] = getLearningRate(optimizer);
    }
  }
}
