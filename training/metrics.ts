import type * as tf from "@tensorflow/tfjs";
import { addOtherNames, type Logs } from "../core/logs.ts";
import type { CompiledMetric } from "./compiled.ts";

/**
 * A metric that is a ratio of sums, counted over all rows of an epoch instead of averaged over
 * batches. Its value does not depend on the batch size.
 */
export interface RatioMetric {
  /** The sums of one batch, a vector. Targets and predictions have the batch as their first axis. */
  sums(yTrue: tf.Tensor, yPred: tf.Tensor): tf.Tensor;
  /** The metric's value from the sums over all batches. */
  result(sums: number[]): number;
}

/**
 * A metric for `compile` that is computed from sums over all rows, so that its value does not
 * depend on the batch size. In tfjs's own `fit` it works too, as a mean of batch values.
 *
 * @param name key in the logs
 * @param ratio what to sum in a batch, and the value from the sums
 * @param direction which way it improves; lets callbacks with `mode: "auto"` watch it
 * @returns a function to put in `compile({ metrics })`
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
): (yTrue: tf.Tensor, yPred: tf.Tensor) => tf.Tensor {
  const measure = (yTrue: tf.Tensor, yPred: tf.Tensor): tf.Tensor => {
    // Only tfjs's own loops call this; ours read the sums.
    const sums = ratio.sums(yTrue, yPred);
    const value = ratio.result(Array.from(sums.dataSync()));
    return sums.sum().mul(0).add(value);
  };
  Object.defineProperty(measure, "name", { value: name });
  return Object.assign(measure, { ratio, direction });
}

/** How tfjs's own ratio metrics count, as they do within one batch. */
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

/** True positives over true positives and the misses that count. */
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

/** How to count a metric over batches; undefined where the mean of batch values is right. */
export function ratioOf(measure: unknown): RatioMetric | undefined {
  const own = measure as { ratio?: RatioMetric; name: string };
  // Only what is in tfjs's own words is taken for tfjs's: a user's metric may have the same name.
  return own.ratio ?? (isFromTfjs(own) ? tfjsRatios[own.name] : undefined);
}

function isFromTfjs(measure: { name: string }): boolean {
  if (!Object.hasOwn(tfjsRatios, measure.name)) return false;
  const source = Function.prototype.toString.call(measure);
  return measure.name === "r2Score"
    ? /\.sub\(\w+\)\.square\(\)\.sum\(\)/.test(source)
    : /truePositives/.test(source);
}

/**
 * The numbers of a training or a validation pass: sums over its batches, kept on the device until
 * somebody reads them, added up as float64.
 */
export class RunningMeans {
  readonly #slots: { name: string; ratio: RatioMetric | undefined; width: number }[];
  readonly #synchronous: boolean;
  #sums: Float64Array;
  #rows = 0;
  #pending: { values: tf.Tensor; rows: number }[] = [];

  /**
   * @param measures names in the order of the values, a ratio where sums are counted
   * @param synchronous true where the backend reads without waiting
   */
  constructor(
    measures: { name: string; ratio?: RatioMetric; width?: number }[],
    synchronous: boolean,
  ) {
    this.#slots = measures.map(({ name, ratio, width }) => ({ name, ratio, width: width ?? 1 }));
    this.#synchronous = synchronous;
    this.#sums = new Float64Array(0);
  }

  /** Forget the batches so far. */
  reset(): void {
    this.dispose();
    this.#sums = new Float64Array(0);
    this.#rows = 0;
  }

  /**
   * Count a batch. Takes over `values`.
   *
   * @param values one scalar per measure, or the vector of its sums
   * @param rows rows of the batch, the weight of its means
   * @returns a promise when it had to wait for the device
   */
  add(values: tf.Tensor[], rows: number): void | Promise<void> {
    this.#slots.forEach((slot, i) => slot.width = values[i].size);
    if (this.#synchronous) {
      try {
        this.#count(values.flatMap((value) => Array.from(value.dataSync())), rows);
      } finally {
        for (const value of values) value.dispose();
      }
      return;
    }
    for (const value of values) this.#pending.push({ values: value, rows });
    // Read together now and then, so that a long epoch does not fill the device with scalars.
    if (this.#pending.length >= 128 * this.#slots.length) return this.#read();
  }

  /** Means and ratios over all batches so far; keys sorted. Empty before the first batch. */
  async logs(): Promise<Logs> {
    await this.#read();
    return this.logsOnHost();
  }

  /** Like {@linkcode logs} for backends that read without waiting. */
  logsOnHost(): Logs {
    const logs: Logs = {};
    if (this.#rows === 0) return logs;
    const values = new Map<string, number>();
    let at = 0;
    for (const { name, ratio, width } of this.#slots) {
      values.set(
        name,
        ratio === undefined
          ? this.#sums[at] / this.#rows
          : ratio.result(Array.from(this.#sums.subarray(at, at + width))),
      );
      at += width;
    }
    for (const name of [...values.keys()].sort((a, b) => (a < b ? -1 : 1))) {
      logs[name] = values.get(name) as number;
    }
    return addOtherNames(logs);
  }

  /** True when values wait on the device. */
  get isPending(): boolean {
    return this.#pending.length > 0;
  }

  /** Drop what waits on the device. */
  dispose(): void {
    for (const { values } of this.#pending) values.dispose();
    this.#pending = [];
  }

  async #read(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    try {
      const read = await Promise.all(pending.map(({ values }) => values.data()));
      const width = this.#slots.length;
      for (let i = 0; i < pending.length; i += width) {
        this.#count(read.slice(i, i + width).flatMap((one) => Array.from(one)), pending[i].rows);
      }
    } finally {
      for (const { values } of pending) values.dispose();
    }
  }

  #count(values: number[], rows: number): void {
    if (this.#sums.length === 0) this.#sums = new Float64Array(values.length);
    let at = 0;
    for (const { ratio, width } of this.#slots) {
      // Sums are sums already; means weigh by their rows.
      const weight = ratio === undefined ? rows : 1;
      for (let i = 0; i < width; i++, at++) this.#sums[at] += values[at] * weight;
    }
    this.#rows += rows;
  }
}

/** Names of the values that a step gives, in its order. */
export function measuresOf(
  outputNames: string[],
  metrics: CompiledMetric[],
): { name: string; ratio?: RatioMetric }[] {
  return [
    { name: "loss" },
    ...(outputNames.length > 1 ? outputNames.map((name) => ({ name: `${name}_loss` })) : []),
    ...metrics.map(({ name, ratio }) => ({ name, ratio })),
  ];
}
