import { Callback, type CallbackOptions } from "../core/callback.ts";
import { movingAverageOf } from "../tfjs/exponential_moving_average.ts";
import type { MovingAverage } from "../tfjs/moving_average.ts";
import { callbackOptions, checkOptions, flag } from "./options.ts";

/** Options of {@linkcode SwapEMAWeights}. */
export interface SwapEMAWeightsOptions extends CallbackOptions {
  /**
   * Whether the averages are also swapped in at the end of each epoch, for later callbacks.
   * Default: false.
   */
  swapOnEpoch?: boolean;
}

/**
 * Swap the moving averages of the weights into the model for validation, `evaluate` and `predict`,
 * and restore the weights afterwards. The averages are kept by the optimizer; see
 * `exponentialMovingAverage`.
 *
 * With `swapOnEpoch`, later callbacks (such as `ModelCheckpoint`) see the averages at the end of an
 * epoch; earlier ones see the weights. After training the model has the averages, even if it was
 * stopped; after an error it has the weights. Keras 3.15 loses the averages when such a run is
 * stopped early, and keeps them in the model after `predict`.
 *
 * Source: `keras/src/callbacks/swap_ema_weights.py`.
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { exponentialMovingAverage, fit, SwapEMAWeights } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const layer = tf.layers.dense({ units: 1, inputShape: [1], useBias: false });
 * const model = tf.sequential({ layers: [layer] });
 * layer.setWeights([tf.zeros([1, 1])]);
 * const optimizer = exponentialMovingAverage(tf.train.sgd(0.25), { momentum: 0.5 });
 * model.compile({ optimizer, loss: "meanSquaredError" });
 * const one = tf.ones([1, 1]);
 * const { history } = await fit(model, one, one, {
 *   epochs: 2,
 *   validationData: [one, one],
 *   callbacks: [new SwapEMAWeights()],
 *   verbose: 0,
 * });
 * // The average goes 0.5, 0.625.
 * assert.deepEqual(history.val_loss, [0.5 ** 2, 0.375 ** 2]);
 * ```
 */
export class SwapEMAWeights extends Callback {
  /** Name in messages and saved states. */
  static override readonly className: string = "SwapEMAWeights";

  /** Whether the averages are in the model at the end of each epoch. */
  readonly swapOnEpoch: boolean;
  #average: MovingAverage | undefined;

  /**
   * Evaluate and save with averaged weights.
   *
   * @param options swapping at the end of epochs
   * @throws TypeError for an option of the wrong type
   */
  constructor(options: SwapEMAWeightsOptions = {}) {
    super(options);
    checkOptions(this, SwapEMAWeights, options, { ...callbackOptions, swapOnEpoch: flag });
    this.swapOnEpoch = options.swapOnEpoch ?? false;
  }

  /**
   * Look up the moving average of the optimizer.
   *
   * @throws TypeError if it has none
   */
  override onTrainBegin(): void {
    this.#findAverage();
  }

  /** Swap the averages out again, for `swapOnEpoch`. */
  override onEpochBegin(): void {
    if (this.swapOnEpoch) this.#average?.swapOut(this.model);
  }

  /** Swap the averages in, for `swapOnEpoch`. */
  override onEpochEnd(): void {
    if (this.swapOnEpoch) this.#average?.swapIn(this.model);
  }

  /** Swap the averages in for evaluation. */
  override onTestBegin(): void {
    this.#findAverage().swapIn(this.model);
  }

  /** Swap the averages out after evaluation. */
  override onTestEnd(): void {
    this.#average?.swapOut(this.model);
  }

  /** Swap the averages in for prediction. */
  override onPredictBegin(): void {
    this.#findAverage().swapIn(this.model);
  }

  /** Swap the averages out after prediction. */
  override onPredictEnd(): void {
    this.#average?.swapOut(this.model);
  }

  /** Restore the weights if a run failed while the averages were in the model. */
  override close(): void {
    this.#average?.swapOut(this.model);
    this.#average = undefined;
  }

  #findAverage(): MovingAverage {
    this.#average = movingAverageOf(this.model);
    if (this.#average === undefined) {
      throw new TypeError(
        "Cannot swap in the moving averages: the optimizer keeps none; compile the model with " +
          "exponentialMovingAverage(optimizer)",
      );
    }
    return this.#average;
  }
}
