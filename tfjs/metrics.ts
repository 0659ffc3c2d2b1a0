import type * as tf from "@tensorflow/tfjs";
import type { Tensor } from "./types.ts";

/**
 * A metric that is a ratio of sums over all rows of an epoch rather than a mean over batches. Its
 * value does not depend on the batch size.
 */
export interface RatioMetric {
  /** Sums of a batch, as a vector. The first axis of targets and predictions is the batch. */
  sums(yTrue: Tensor, yPred: Tensor): Tensor;
  /** Value of the metric from the sums over all batches. */
  result(sums: number[]): number;
}

/**
 * Create a metric for `compile` that is computed from sums over all rows, so that its value does
 * not depend on the batch size. In tfjs's own `fit` it works as a mean of batch values.
 *
 * @param name key in the logs
 * @param ratio sums of a batch, and the value from the sums
 * @param direction direction in which it improves, for callbacks with `mode: "auto"`
 * @returns a function for `compile({ metrics })`
 * @throws RangeError when `direction` is neither `"min"` nor `"max"`
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { evaluate, ratioMetric } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * // Weighted absolute percentage error: all errors over all targets.
 * const wape = ratioMetric("wape", {
 *   sums: (yTrue, yPred) => tf.stack([yTrue.sub(yPred).abs().sum(), yTrue.abs().sum()]),
 *   result: ([error, total]) => error / total,
 * }, "min");
 * const model = tf.sequential({
 *   layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "ones" })],
 * });
 * model.compile({ optimizer: "sgd", loss: "meanSquaredError", metrics: [wape] });
 * const logs = await evaluate(model, tf.tensor2d([[1], [2], [3]]), tf.tensor2d([[2], [2], [4]]), {
 *   batchSize: 2,
 *   verbose: 0,
 * });
 * assert.equal(logs.wape, 2 / 8);
 * ```
 */
export function ratioMetric(
  name: string,
  ratio: RatioMetric,
  direction?: "min" | "max",
): (yTrue: Tensor, yPred: Tensor) => Tensor {
  if (direction !== undefined && direction !== "min" && direction !== "max") {
    throw new RangeError(
      `Cannot create ratioMetric ${name}: expected direction "min" or "max", got "${direction}"`,
    );
  }
  const measure = (yTrue: tf.Tensor, yPred: tf.Tensor): tf.Tensor => {
    // Only called by tfjs's own loops; keepfit's read the sums.
    const sums = ratio.sums(yTrue, yPred);
    const value = ratio.result(Array.from(sums.dataSync()));
    return sums.sum().mul(0).add(value);
  };
  Object.defineProperty(measure, "name", { value: name });
  return Object.assign(measure, { ratio, direction });
}

/** tfjs's own ratio metrics as sums, with its results within a batch. */
const tfjsRatios: Record<string, RatioMetric> = {
  precision: hitsOver((yTrue, yPred) => yTrue.equal(0).logicalAnd(yPred.equal(1))),
  recall: hitsOver((yTrue, yPred) => yTrue.equal(1).logicalAnd(yPred.equal(0))),
  r2Score: {
    sums: (yTrue, yPred) => {
      const sum = yTrue.sum();
      const count = sum.mul(0).add(yTrue.size);
      return vector([yTrue.sub(yPred).square().sum(), yTrue.square().sum(), sum, count]);
    },
    result: ([residual, squares, sum, count]) => 1 - residual / (squares - sum * sum / count),
  },
};

/** True positives over the sum of true positives and the counted misses. */
function hitsOver(misses: (yTrue: tf.Tensor, yPred: tf.Tensor) => tf.Tensor): RatioMetric {
  return {
    sums: (yTrue, yPred) =>
      vector([
        yTrue.equal(1).logicalAnd(yPred.equal(1)).sum().cast("float32"),
        misses(yTrue, yPred).sum().cast("float32"),
      ]),
    result: ([hits, missed]) => hits + missed > 0 ? hits / (hits + missed) : 0,
  };
}

function vector(scalars: tf.Tensor[]): tf.Tensor {
  const [first, ...rest] = scalars.map((scalar) => scalar.reshape([1]));
  return first.concat(rest as unknown as tf.Tensor, 0);
}

/**
 * The ratio behind a metric; undefined if the mean of batch values is correct.
 *
 * @param given entry of `compile({ metrics })`
 * @param measure function that tfjs created from it
 */
export function ratioOf(
  given: unknown,
  measure: { name: string; ratio?: RatioMetric },
): RatioMetric | undefined {
  if (measure.ratio !== undefined) return measure.ratio;
  if (typeof given !== "string") warnOfMinified(measure);
  const name = typeof given === "string" ? given : plainName(measure);
  if (!Object.hasOwn(tfjsRatios, name)) return undefined;
  return typeof given === "string" || isFromTfjs(measure) ? tfjsRatios[name] : undefined;
}

const warnedOf = new WeakSet<object>();

/**
 * Warn of a metric such as `tf.metrics.recall` whose name was minified: it is logged by that name.
 */
function warnOfMinified(measure: { name: string }): void {
  const text = Function.prototype.toString.call(measure);
  const isBare =
    /^function [\w$]{1,3}\(([\w$]{1,2}),\s*([\w$]{1,2})\)\s*\{\s*return [\w$]{1,3}\(\1,\s*\2\);?\s*\}$/
      .test(
        text,
      );
  if (!isBare || warnedOf.has(measure)) return;
  warnedOf.add(measure);
  console.warn(
    `keepfit: a metric is logged as '${measure.name}', the name that a minifier gave its function; ` +
      'pass a metric of TensorFlow.js by name: "recall"',
  );
}

/** A function's name in its source: bundlers append a number. */
export function plainName({ name }: { name: string }): string {
  return name.replace(/(\$\d+|__op)$/, "");
}

/** Whether it is `tf.metrics.recall` or the like; a custom function may have the same name. */
export function isFromTfjs(measure: { name: string }): boolean {
  // No copy of tfjs is imported, so its functions are recognized by their source text.
  return /^function (\w+)\(yTrue, yPred\) \{\s*return (metrics\.\1|\1\$\d+)\(yTrue, yPred\);\s*\}$/
    .test(Function.prototype.toString.call(measure));
}
