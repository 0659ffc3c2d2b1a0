import type { TrainableModel } from "../core/model.ts";
import { accumulationOf } from "./accumulate_gradients.ts";
import { MovingAverage, type MovingAverageOptions } from "./moving_average.ts";
import type { Optimizer } from "./types.ts";
import { namesOfGradients, wrapUpdate } from "./update.ts";

/** An optimizer with moving averages of the trained weights. */
export type AveragedOptimizer<O extends Optimizer = Optimizer> = O & {
  readonly movingAverage: MovingAverage;
};

/**
 * Let an optimizer keep an exponential moving average of the trained weights, like Keras's
 * `use_ema`. The average starts as the weights after the first update; from then on it is `momentum
 * * average + (1 - momentum) * weight`, in float32.
 *
 * Works with every optimizer class of TensorFlow.js, in `fit` and in `model.fit`. At the end of
 * `fit`, before `onTrainEnd`, the averages replace the weights;
 * `model.fit` does so through `toTfjs`, or call `movingAverage.finalize(model)`.
 * `getOptimizerState` and `saveCheckpoint` include the averages; `tf.loadLayersModel` does not read
 * them. See `SwapEMAWeights` for averages in validation.
 *
 * Source: `keras/src/optimizers/base_optimizer.py`.
 *
 * @param optimizer optimizer to pass to `compile`
 * @param options momentum, and the interval in which averages overwrite the weights
 * @throws TypeError when it is not an optimizer, or already has an average
 * @throws RangeError for a momentum outside 0 to 1, or an `overwriteFrequency` that is not a whole
 *   number >= 1
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { exponentialMovingAverage, fit } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const layer = tf.layers.dense({ units: 1, inputShape: [1], useBias: false });
 * const model = tf.sequential({ layers: [layer] });
 * layer.setWeights([tf.zeros([1, 1])]);
 * const optimizer = exponentialMovingAverage(tf.train.sgd(0.25), { momentum: 0.5 });
 * model.compile({ optimizer, loss: "meanSquaredError" });
 * await fit(model, tf.ones([1, 1]), tf.ones([1, 1]), { epochs: 2, verbose: 0 });
 * // The weight goes 0, 0.5, 0.75; its average 0.5, 0.625.
 * assert.equal(layer.getWeights()[0].dataSync()[0], 0.625);
 * ```
 */
export function exponentialMovingAverage<O extends Optimizer>(
  optimizer: O,
  options: MovingAverageOptions = {},
): AveragedOptimizer<O> {
  if (typeof optimizer?.applyGradients !== "function") {
    throw new TypeError("Cannot average the weights: expected a tfjs optimizer");
  }
  if ("movingAverage" in optimizer) {
    throw new TypeError("Cannot average the weights: the optimizer already has a moving average");
  }
  const movingAverage = new MovingAverage(options);
  wrapUpdate(optimizer, (update) => (gradients) => {
    const { iterations } = optimizer;
    update(gradients);
    // As in Keras, each accumulated batch counts, and an average starts with the first update.
    const starts = iterations === 0 && accumulationOf(optimizer) !== undefined;
    movingAverage.update(namesOfGradients(gradients), iterations + 1, starts);
  });
  const dispose = optimizer.dispose.bind(optimizer);
  return Object.assign(optimizer, {
    movingAverage,
    dispose(): void {
      movingAverage.dispose();
      dispose();
    },
  });
}

/**
 * The moving average of a model's optimizer; undefined if it has none.
 *
 * @param optimizer an optimizer, or a compiled model
 */
export function movingAverageOf(optimizer: unknown): MovingAverage | undefined {
  const given = optimizer as Partial<AveragedOptimizer> & TrainableModel | null | undefined;
  return given?.movingAverage ?? (given?.optimizer as Partial<AveragedOptimizer>)?.movingAverage;
}
