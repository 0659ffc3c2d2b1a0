/**
 * The little that a callback may ask of a model, whatever library it comes from. A TensorFlow.js
 * `LayersModel` or `Sequential` has it all as it is.
 */
export interface TrainableModel {
  /** Set to true to end training after this batch, or this epoch when set at its end. */
  stopTraining?: boolean;
  /** Set to true to end the running evaluation after this batch. */
  stopEvaluating?: boolean;
  /** Set to true to end the running prediction after this batch. */
  stopPredicting?: boolean;
  /** What updates the weights; absent before `compile`. */
  optimizer?: unknown;
  /** The live weight variables, in a fixed order. Their values change with training. */
  getWeights?(trainableOnly?: boolean): WeightTensor[];
  /** Copy the values of `weights` into the model; the given tensors stay the caller's. */
  setWeights?(weights: never[]): void;
}

/** What a callback may do with one weight in its hands. A `tf.Tensor` is one. */
export interface WeightTensor {
  /** Sizes of the dimensions. */
  readonly shape: number[];
  /** Data type: `"float32"`, `"int32"`, … */
  readonly dtype: string;
  /** A second handle on the present values, which later updates do not change. */
  clone(): WeightTensor;
  /** Release its memory. */
  dispose(): void;
  /** The values on the host. On the cpu backend this is the live storage: never write to it. */
  data(): Promise<ArrayLike<number>>;
  /** A writable staging buffer of the same shape and dtype. */
  buffer(): Promise<{ values: unknown; toTensor(): WeightTensor }>;
}

/** The values of one weight away from any device, fit to be kept in a callback's state. */
export interface HostWeight {
  /** Sizes of the dimensions. */
  shape: number[];
  /** Data type: `"float32"`, `"int32"` or `"bool"`. */
  dtype: string;
  /** Values in row-major order. */
  values: Float32Array | Int32Array | Uint8Array;
}

/**
 * Keep the present weights of a model on the device. Nothing is copied until training changes
 * them. The caller disposes what is returned.
 *
 * @throws TypeError when the model has no weights to read
 */
export function cloneWeights(model: TrainableModel): WeightTensor[] {
  if (typeof model.getWeights !== "function") {
    throw new TypeError("Cannot keep weights: the model has no getWeights()");
  }
  return model.getWeights().map((weight) => weight.clone());
}

/** Put kept weights back into the model. The tensors given stay the caller's. */
export function assignWeights(model: TrainableModel, weights: WeightTensor[]): void {
  if (typeof model.setWeights !== "function") {
    throw new TypeError("Cannot restore weights: the model has no setWeights()");
  }
  model.setWeights(weights as never[]);
}

/** Read weights to the host, as they are now: training may go on meanwhile. */
export async function readWeights(weights: WeightTensor[]): Promise<HostWeight[]> {
  // A clone costs nothing and keeps its values when an update replaces those of the variable.
  const taken = weights.map((weight) => weight.clone());
  try {
    return await Promise.all(taken.map(async (weight) => {
      const values = await weight.data() as HostWeight["values"];
      return { shape: weight.shape.slice(), dtype: weight.dtype, values: values.slice() };
    }));
  } finally {
    for (const weight of taken) weight.dispose();
  }
}

/**
 * Make tensors of host values, with nothing but the model's own weights in hand.
 *
 * @throws RangeError when number or shapes do not fit the model
 */
export async function weightsFromHost(
  model: TrainableModel,
  kept: HostWeight[],
): Promise<WeightTensor[]> {
  const weights = model.getWeights?.() ?? [];
  if (weights.length !== kept.length) {
    throw new RangeError(
      `Cannot restore weights: ${kept.length} were kept, the model has ${weights.length}`,
    );
  }
  kept.forEach((one, i) => {
    if (String(weights[i].shape) === String(one.shape)) return;
    throw new RangeError(
      `Cannot restore weight ${i}: kept with shape [${one.shape}], the model has ` +
        `[${weights[i].shape}]`,
    );
  });
  const buffers = await Promise.all(weights.map((weight) => weight.buffer()));
  return buffers.map((buffer, i) => {
    buffer.values = kept[i].values.slice();
    return buffer.toTensor();
  });
}

interface RatedOptimizer {
  learningRate?: number;
  setLearningRate?(learningRate: number): void;
}

/**
 * The learning rate that the next update will use.
 *
 * All seven optimizers of TensorFlow.js carry it as `learningRate`; six of them hide it from
 * TypeScript.
 *
 * @param optimizer an optimizer, or a compiled model
 * @returns the rate, per step
 * @throws TypeError when there is none to read
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { getLearningRate, setLearningRate } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const optimizer = tf.train.adam(0.01);
 * setLearningRate(optimizer, 0.001);
 * assert.equal(getLearningRate(optimizer), 0.001);
 * ```
 */
export function getLearningRate(optimizer: unknown): number {
  const rated = ratedOptimizer(optimizer, "read");
  return rated.learningRate as number;
}

/**
 * Set the learning rate from the next update on.
 *
 * SGD and Momentum use a cached scalar that only their `setLearningRate` refreshes (writing the
 * field changes the config and nothing else); the other five read the field at each step.
 *
 * @param optimizer an optimizer, or a compiled model
 * @param learningRate the new rate, per step; finite and not negative
 * @throws RangeError for a rate that is no finite number >= 0
 * @throws TypeError when the optimizer has no rate to set
 */
export function setLearningRate(optimizer: unknown, learningRate: number): void {
  if (!Number.isFinite(learningRate) || learningRate < 0) {
    throw new RangeError(
      `Cannot set the learning rate to ${learningRate}: it must be a finite number >= 0`,
    );
  }
  const rated = ratedOptimizer(optimizer, "set");
  if (typeof rated.setLearningRate === "function") rated.setLearningRate(learningRate);
  else rated.learningRate = learningRate;
}

function ratedOptimizer(optimizerOrModel: unknown, verb: string): RatedOptimizer {
  const given = optimizerOrModel as (RatedOptimizer & TrainableModel) | null | undefined;
  for (const candidate of [given, given?.optimizer as RatedOptimizer | null | undefined]) {
    if (typeof candidate?.learningRate === "number") return candidate;
  }
  throw new TypeError(
    `Cannot ${verb} the learning rate: ` +
      (given !== null && given !== undefined && "getWeights" in given && !given.optimizer
        ? "the model has no optimizer; call model.compile() first"
        : "the optimizer has no learningRate"),
  );
}
