import type * as tf from "@tensorflow/tfjs";
import { type HostWeight, readWeights } from "../core/model.ts";
import { getEngine } from "./engine.ts";
import type { Optimizer, Tensor } from "./types.ts";
import { namedGradients, namesOfGradients, wrapUpdate } from "./update.ts";

/** An optimizer that updates after several batches. */
export type AccumulatingOptimizer<O extends Optimizer = Optimizer> = O & {
  /** Gradients since the last update. */
  readonly accumulation: GradientAccumulation;
};

/** Sums of gradients, as plain data. */
export interface AccumulationState {
  /** Batches since the last update. */
  batches: number;
  /** Sums under the names of their weights; a weight without a gradient yet has none. */
  sums: HostWeight[];
}

/**
 * Make an optimizer accumulate the gradients of several batches and update once with their mean,
 * like Keras's `gradient_accumulation_steps`. Use it for batches that do not fit into memory at
 * once.
 *
 * Works with every optimizer class of TensorFlow.js, in `fit` and in `model.fit`. Batches that do
 * not complete an update at the end of an epoch carry over to the next one. `optimizer.iterations`
 * counts updates. `getOptimizerState` and backups include the sums, so that a resumed run equals an
 * uninterrupted one; `saveCheckpoint` omits them.
 *
 * Source: `keras/src/optimizers/base_optimizer.py`.
 *
 * @param optimizer optimizer to pass to `compile`
 * @param batches batches per update, a whole number >= 2
 * @returns the same optimizer
 * @throws TypeError if it is not an optimizer, or already accumulates
 * @throws RangeError for another number of batches
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { accumulateGradients, fit } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
 * const optimizer = accumulateGradients(tf.train.adam(), 4);
 * model.compile({ optimizer, loss: "meanSquaredError" });
 * await fit(model, tf.ones([10, 1]), tf.ones([10, 1]), { batchSize: 1, verbose: 0 });
 * assert.equal(optimizer.iterations, 2);
 * assert.equal(optimizer.accumulation.batches, 2);
 * ```
 */
export function accumulateGradients<O extends Optimizer>(
  optimizer: O,
  batches: number,
): AccumulatingOptimizer<O> {
  if (typeof optimizer?.applyGradients !== "function") {
    throw new TypeError("Cannot accumulate gradients: expected a tfjs optimizer");
  }
  if (accumulationOf(optimizer) !== undefined) {
    throw new TypeError("Cannot accumulate gradients: the optimizer already accumulates them");
  }
  if (!Number.isSafeInteger(batches) || batches < 2) {
    throw new RangeError(
      `Cannot accumulate gradients of ${batches} batches: it must be a whole number >= 2`,
    );
  }
  const accumulation = new GradientAccumulation();
  wrapUpdate(optimizer, (update) => (gradients) => {
    getEngine().tidy(() => {
      const mean = accumulation.add(
        namesOfGradients(gradients),
        namedGradients(gradients),
        batches,
      );
      if (mean !== undefined) update(mean);
    });
  });
  const dispose = optimizer.dispose.bind(optimizer);
  return Object.assign(optimizer, {
    accumulation,
    dispose(): void {
      accumulation.dispose();
      dispose();
    },
  });
}

/** The accumulated gradients of an optimizer; undefined if it does not accumulate. */
export function accumulationOf(optimizer: unknown): GradientAccumulation | undefined {
  return (optimizer as Partial<AccumulatingOptimizer> | null | undefined)?.accumulation;
}

/** Sums of the gradients since the last update; created by {@linkcode accumulateGradients}. */
export class GradientAccumulation {
  /** Batches since the last update. */
  batches = 0;
  readonly #sums = new Map<string, tf.Tensor>();
  /** Names of all variables, in the order of the updates. */
  #names: string[] = [];
  // Sums of a restored state, until their variables are known.
  #restored: NamedSum[] = [];

  /**
   * Add the gradients of a batch; called by the optimizer.
   *
   * @param names names of all variables, in the order of the update
   * @param gradients existing gradients
   * @param batches batches per update
   * @returns their means if this batch completes an update, else undefined
   */
  add(
    names: string[],
    gradients: { name: string; tensor: Tensor }[],
    batches: number,
  ): { name: string; tensor: Tensor }[] | undefined {
    this.#names = names;
    this.#adopt();
    const engine = getEngine();
    for (const { name, tensor } of gradients) {
      const sum = this.#sums.get(name);
      this.#sums.set(name, engine.keep(sum === undefined ? tensor.clone() : sum.add(tensor)));
      sum?.dispose();
    }
    if (++this.batches < batches) return undefined;
    const means = this.#names.map((name) => ({
      name,
      // Including those without a gradient: the optimizer identifies its variables by index.
      tensor: this.#sums.get(name)?.div(batches) as Tensor,
    }));
    this.dispose();
    return means;
  }

  /** The sums as host values. */
  async getState(): Promise<AccumulationState> {
    const current = [...this.#sums].map(([name, tensor]) => ({ name, tensor }));
    const sums = this.#restored.length > 0 ? this.#restored : current;
    return { batches: this.batches, sums: await readWeights(sums) };
  }

  /**
   * Continue from these sums. They are matched with trained variables by name, or by order if none
   * has one of these names.
   */
  setState({ batches, sums }: AccumulationState): void {
    this.dispose();
    this.batches = batches;
    const engine = getEngine();
    this.#restored = sums.map(({ name, values, shape, dtype }) => ({
      name,
      tensor: engine.makeTensor(values.slice() as tf.TypedArray, shape, dtype as tf.DataType),
    }));
  }

  /** Discard the sums. */
  dispose(): void {
    for (const sum of this.#sums.values()) sum.dispose();
    for (const { tensor } of this.#restored) tensor.dispose();
    this.#sums.clear();
    this.#restored = [];
    this.batches = 0;
  }

  /** Match restored sums with the variables of the first update; sums of others are dropped. */
  #adopt(): void {
    if (this.#restored.length === 0) return;
    const variables = getEngine().registeredVariables;
    const isNamed = this.#restored.some(({ name = "" }) => this.#names.includes(name));
    const owners = this.#restored.map(({ name = "" }, i) => isNamed ? name : this.#names[i]);
    const isOf = (name: string) => this.#names.includes(name);
    const isWhole = isNamed || this.#restored.length === this.#names.length;
    const fits = isWhole &&
      this.#restored.every(({ tensor }, i) =>
        !isOf(owners[i]) || String(tensor.shape) === String(variables[owners[i]].shape)
      );
    if (!fits) {
      throw new RangeError(
        "Cannot continue with the accumulated gradients: they belong to other weights than " +
          "those trained now",
      );
    }
    this.#restored.forEach(({ tensor }, i) => {
      if (isOf(owners[i])) this.#sums.set(owners[i], tensor);
      else tensor.dispose();
    });
    this.#restored = [];
  }
}

/** A sum under the name of its variable; undefined if that is unknown. */
interface NamedSum {
  name: string | undefined;
  tensor: Tensor;
}
