import type * as tf from "@tensorflow/tfjs";
import type { HostWeight } from "../core/model.ts";
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
  /** Sums in the order of the trained weights; null for one that has had no gradient. */
  sums: (HostWeight | null)[];
}

/**
 * Let an optimizer add up the gradients of several batches and update once with their mean, as
 * Keras's `gradient_accumulation_steps` does: batches that do not fit into the memory at once.
 *
 * It is the same optimizer that is returned: any of the seven classes, in `fit` and in
 * TensorFlow.js's own `model.fit`. Batches of one epoch that do not fill an update go on in the next
 * one. `optimizer.iterations` counts updates. `getOptimizerState` has the sums, so that a resumed run
 * equals one that was never interrupted.
 *
 * Source: `keras/src/optimizers/base_optimizer.py`.
 *
 * @param optimizer the one to be given to `compile`
 * @param batches how many batches make an update, a whole number >= 2
 * @returns the same optimizer
 * @throws TypeError when it is no optimizer, or accumulates already
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
    throw new TypeError("Cannot accumulate gradients: the optimizer accumulates them already");
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

/** What an optimizer accumulates; undefined when it does not. */
export function accumulationOf(optimizer: unknown): GradientAccumulation | undefined {
  return (optimizer as Partial<AccumulatingOptimizer> | null | undefined)?.accumulation;
}

/** Sums of the gradients since the last update; made by {@linkcode accumulateGradients}. */
export class GradientAccumulation {
  /** Batches since the last update. */
  batches = 0;
  readonly #sums = new Map<string, tf.Tensor>();
  /** Names of all variables, in the order of the updates. */
  #names: string[] = [];
  // Sums of a restored state, until the variables that they belong to are known.
  #restored: (tf.Tensor | null)[] = [];

  /**
   * Add the gradients of a batch; called by the optimizer.
   *
   * @param names names of all variables, in the order of the update
   * @param gradients the gradients that there are
   * @param batches how many batches make an update
   * @returns their means where this batch makes an update, else undefined
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
      // Also those without a gradient: the optimizer knows its variables by their place.
      tensor: this.#sums.get(name)?.div(batches) as Tensor,
    }));
    this.dispose();
    return means;
  }

  /** The sums as host values. */
  async getState(): Promise<AccumulationState> {
    const sums = this.#restored.length > 0
      ? this.#restored
      : this.#names.map((name) => this.#sums.get(name) ?? null);
    const { batches } = this;
    const taken = sums.map((sum) => sum?.clone() ?? null);
    try {
      return {
        batches,
        sums: await Promise.all(taken.map(async (sum) => {
          if (sum === null) return null;
          const values = (await sum.data()).slice() as HostWeight["values"];
          return { shape: sum.shape.slice(), dtype: sum.dtype, values };
        })),
      };
    } finally {
      for (const sum of taken) sum?.dispose();
    }
  }

  /** Go on from these sums; they are matched with the trained weights in their order. */
  setState({ batches, sums }: AccumulationState): void {
    this.dispose();
    this.batches = batches;
    const engine = getEngine();
    this.#restored = sums.map((sum) =>
      sum && engine.makeTensor(
        sum.values.slice() as tf.TypedArray,
        sum.shape,
        sum.dtype as tf.DataType,
      )
    );
  }

  /** Forget the sums. */
  dispose(): void {
    for (const sum of [...this.#sums.values(), ...this.#restored]) sum?.dispose();
    this.#sums.clear();
    this.#restored = [];
    this.batches = 0;
  }

  /** Match restored sums with the variables of the first update. */
  #adopt(): void {
    if (this.#restored.length === 0) return;
    const variables = getEngine().registeredVariables;
    const fits = this.#restored.length === this.#names.length &&
      this.#restored.every((sum, i) =>
        sum === null || String(sum.shape) === String(variables[this.#names[i]].shape)
      );
    if (!fits) {
      throw new RangeError(
        "Cannot go on with the accumulated gradients: they are of other weights than are trained now",
      );
    }
    this.#restored.forEach((sum, i) => sum && this.#sums.set(this.#names[i], sum));
    this.#restored = [];
  }
}
