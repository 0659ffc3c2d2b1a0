import type * as tf from "@tensorflow/tfjs";
import { getEngine } from "./engine.ts";
import type { Optimizer } from "./types.ts";
import { namedGradients, namesOfGradients, wrapUpdate } from "./update.ts";

/** Options of {@linkcode clipGradients}: one of the three. */
export interface ClipOptions {
  /** Maximum L2 norm of each gradient, which is scaled down to it. Above 0. */
  clipNorm?: number;
  /** Maximum absolute value of each number in a gradient. Above 0. */
  clipValue?: number;
  /** Maximum L2 norm of all gradients together, which are scaled down to it. Above 0. */
  globalClipNorm?: number;
}

/** Limits the gradients of one update. */
type Clip = (gradients: tf.Tensor[]) => tf.Tensor[];

const clips: Record<keyof ClipOptions, (limit: number) => Clip> = {
  clipNorm: (limit) => (gradients) =>
    gradients.map((gradient) => {
      const norm = gradient.square().sum().sqrt();
      return gradient.mul(limit).div(norm.maximum(limit));
    }),
  clipValue: (limit) => (gradients) =>
    gradients.map((gradient) => gradient.clipByValue(-limit, limit)),
  globalClipNorm: (limit) => (gradients) => {
    let squares = gradients[0].square().sum();
    for (const gradient of gradients.slice(1)) squares = squares.add(gradient.square().sum());
    const norm = squares.sqrt();
    // NaN for a norm that is not finite, as in Keras.
    const scale = norm.reciprocal().minimum(1 / limit).mul(limit).add(norm.sub(norm));
    return gradients.map((gradient) => gradient.mul(scale));
  },
};

/**
 * Make an optimizer clip its gradients before each update, like Keras's `clipnorm`, `clipvalue` and
 * `global_clipnorm`.
 *
 * Works with every optimizer class of TensorFlow.js, in `fit` and in `model.fit`. With {@linkcode
 * accumulateGradients} and {@linkcode exponentialMovingAverage} the innermost call comes last: in
 * `accumulateGradients(clipGradients(optimizer, …), 4)`, as in Keras, the mean of the accumulated
 * gradients is clipped.
 *
 * Source: `keras/src/optimizers/base_optimizer.py`.
 *
 * @param optimizer optimizer to pass to `compile`
 * @param options one limit
 * @returns the same optimizer
 * @throws TypeError if it is not an optimizer, or not exactly one limit is given
 * @throws RangeError for a limit that is not above 0
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { clipGradients, fit } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const layer = tf.layers.dense({
 *   units: 1,
 *   inputShape: [1],
 *   useBias: false,
 *   kernelInitializer: "zeros",
 * });
 * const model = tf.sequential({ layers: [layer] });
 * const optimizer = clipGradients(tf.train.sgd(0.5), { clipValue: 1 });
 * model.compile({ optimizer, loss: "meanSquaredError" });
 * await fit(model, tf.ones([1, 1]), tf.tensor2d([[100]]), { verbose: 0 });
 * // The gradient is -200; a step of 0.5 times 1 is left of it.
 * assert.equal(layer.getWeights()[0].dataSync()[0], 0.5);
 * ```
 */
export function clipGradients<O extends Optimizer>(optimizer: O, options: ClipOptions): O {
  if (typeof optimizer?.applyGradients !== "function") {
    throw new TypeError("Cannot clip gradients: expected a tfjs optimizer");
  }
  const names = Object.keys(clips) as (keyof ClipOptions)[];
  const given = names.filter((name) => options?.[name] !== undefined && options[name] !== null);
  const unknown = Object.keys(options ?? {}).find((name) => !names.includes(name as never));
  if (given.length !== 1 || unknown !== undefined) {
    throw new TypeError(
      `Cannot clip gradients: expected one of ${names.join(", ")}, got ` +
        (unknown ?? (given.join(" and ") || "none")),
    );
  }
  const [name] = given;
  const limit = options[name] as number;
  if (typeof limit !== "number" || !(limit > 0)) {
    throw new RangeError(`Cannot clip gradients with ${name} ${limit}: expected a number above 0`);
  }
  const clip = clips[name](limit);
  wrapUpdate(optimizer, (update) => (gradients) => {
    getEngine().tidy(() => {
      const named = namedGradients(gradients);
      if (named.length === 0) return update(gradients);
      const clipped = clip(named.map(({ tensor }) => tensor));
      const found = new Map(named.map(({ name }, i) => [name, clipped[i]]));
      // Including those without a gradient: the optimizer identifies its variables by index.
      update(
        namesOfGradients(gradients).map((name) => ({ name, tensor: found.get(name) as tf.Tensor })),
      );
    });
  });
  return optimizer;
}
