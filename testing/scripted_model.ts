import type { TrainableModel, WeightTensor } from "../core/model.ts";

/** Options of {@linkcode scriptedModel}. */
export interface ScriptedModelOptions {
  /** Learning rate per step. Default: 0.01. */
  learningRate?: number;
  /** Values of each weight, of shape `[length]`. Default: `[[1, 2], [3]]`. */
  weights?: number[][];
}

/** A model without TensorFlow.js, made by {@linkcode scriptedModel}. */
export interface ScriptedModel extends TrainableModel {
  /** Whether a callback has ended training. Default: false. */
  stopTraining: boolean;
  /** Optimizer with a learning rate. */
  optimizer: { learningRate: number };
  /** Every learning rate that was set, in order. */
  readonly learningRates: readonly number[];
  /** Number of weight handles that were created and not disposed. */
  readonly handles: number;
  /** Return handles on the weights, which the caller must dispose. */
  getWeights(): WeightTensor[];
  /**
   * Replace the values of the weights.
   *
   * @throws RangeError if the number of weights or their shapes do not match
   */
  setWeights(weights: WeightTensor[]): void;
}

/**
 * Create a model with the members that callbacks use (weights, a learning rate, `stopTraining`),
 * which records their use. It does not need TensorFlow.js and does not learn.
 *
 * @param options initial values
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
      set learningRate(value) {
        rate = value;
        learningRates.push(value);
      },
    },
    learningRates,
    get handles() {
      return count.handles;
    },
    getWeights: () => [...weights],
    setWeights(values) {
      if (String(values.map(shapeOf)) !== String(weights.map(shapeOf))) {
        throw new RangeError(
          `Cannot set weights: found shapes ${values.map(shapeOf)}; expected ${
            weights.map(shapeOf)
          }`,
        );
      }
      values.forEach((one, i) => weights[i].values.set((one as ScriptedWeight).values));
    },
  };
}

interface Count {
  handles: number;
}

class ScriptedWeight implements WeightTensor {
  readonly dtype = "float32";
  readonly values: Float32Array;
  /** Counter of handles; undefined for the model's own weights, which are not counted. */
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
