import type { TrainableModel, WeightTensor } from "../core/model.ts";

/** Options of {@linkcode scriptedModel}. */
export interface ScriptedModelOptions {
  /** Per step. Default: 0.01. */
  learningRate?: number;
  /** Values of each weight, all of shape `[length]`. Default: `[[1, 2], [3]]`. */
  weights?: number[][];
}

/** A model without TensorFlow.js: what {@linkcode scriptedModel} makes. */
export interface ScriptedModel extends TrainableModel {
  /** Whether a callback has ended training. Default: false. */
  stopTraining: boolean;
  /** What a callback sets rates on. */
  optimizer: { learningRate: number };
  /** Every learning rate that was set, in order. */
  readonly learningRates: readonly number[];
  /** Handles on weights that were taken with `clone()`, or made, and not disposed. */
  readonly handles: number;
  /** Handles on the weights, to be disposed. */
  getWeights(): WeightTensor[];
  /**
   * Replace the values of the weights.
   *
   * @throws RangeError when number or shapes do not fit
   */
  setWeights(weights: WeightTensor[]): void;
}

/**
 * Make a model that a callback can do everything to that it may ask of one, and that remembers it:
 * weights, a learning rate, `stopTraining`. It needs no TensorFlow.js and learns nothing.
 *
 * @param options what it begins with
 * @returns a model for {@linkcode driveEpochs} or a `CallbackList`
 * @example
 * ```ts
 * import { scriptedModel } from "keepfit/testing";
 * import { setLearningRate } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const model = scriptedModel({ learningRate: 0.1 });
 * setLearningRate(model, 0.05);
 * assert.deepEqual(model.learningRates, [0.05]);
 * assert.deepEqual(Array.from(await model.getWeights()[0].data()), [1, 2]);
 * ```
 */
export function scriptedModel(options: ScriptedModelOptions = {}): ScriptedModel {
  const { learningRate = 0.01, weights: values = [[1, 2], [3]] } = options;
  const count: Count = { handles: 0 };
  const weights = values.map((one) => new ScriptedWeight(Float32Array.from(one), undefined));
  for (const weight of weights) weight.count = count;
  const learningRates: number[] = [];
  let rate = learningRate;
  return {
    stopTraining: false,
    optimizer: {
      get learningRate() {
        return rate;
      },
      set learningRate(given) {
        rate = given;
        learningRates.push(given);
      },
    },
    learningRates,
    get handles() {
      return count.handles;
    },
    getWeights: () => [...weights],
    setWeights(given) {
      if (String(given.map(shapeOf)) !== String(weights.map(shapeOf))) {
        throw new RangeError(
          `Cannot set weights: found shapes ${given.map(shapeOf)}; expected ${
            weights.map(shapeOf)
          }`,
        );
      }
      given.forEach((one, i) => weights[i].values.set((one as ScriptedWeight).values));
    },
  };
}

interface Count {
  handles: number;
}

class ScriptedWeight implements WeightTensor {
  readonly dtype = "float32";
  readonly values: Float32Array;
  /** Where handles are counted; the model's own weights are none. */
  count: Count | undefined;
  #isHandle: boolean;

  constructor(values: Float32Array, count: Count | undefined) {
    this.values = values;
    this.count = count;
    this.#isHandle = count !== undefined;
    if (count !== undefined) count.handles++;
  }

  get shape(): number[] {
    return [this.values.length];
  }

  clone(): WeightTensor {
    return new ScriptedWeight(this.values.slice(), this.count);
  }

  dispose(): void {
    if (this.#isHandle && this.count !== undefined) this.count.handles--;
    this.#isHandle = false;
  }

  data(): Promise<Float32Array> {
    return Promise.resolve(this.values);
  }

  buffer(): Promise<{ values: unknown; toTensor(): WeightTensor }> {
    const { count } = this;
    const buffer = {
      values: this.values.slice() as unknown,
      toTensor: () => new ScriptedWeight(buffer.values as Float32Array, count),
    };
    return Promise.resolve(buffer);
  }
}

function shapeOf({ shape }: WeightTensor): string {
  return `[${shape}]`;
}
