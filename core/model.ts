import { weightNames } from "./weight_names.ts";

/**
 * The parts of a model that a callback may use, from any library. A TensorFlow.js `LayersModel` or
 * `Sequential` has all of them.
 */
export interface TrainableModel {
  /** Set to true to end training after this batch, or after this epoch if set at its end. */
  stopTraining?: boolean;
  /** Set to true to end the running evaluation after this batch. */
  stopEvaluating?: boolean;
  /** Set to true to end the running prediction after this batch. */
  stopPredicting?: boolean;
  /** The optimizer; undefined before `compile`. */
  optimizer?: unknown;
  /** The live weight variables, in a fixed order. Their values change with training. */
  getWeights?(trainableOnly?: boolean): WeightTensor[];
  /** Copy the values of `weights` into the model, without disposing them. */
  setWeights?(weights: never[]): void;
}

/** The parts of a weight that a callback may use, such as a `tf.Tensor`. */
export interface WeightTensor {
  /** Sizes of the dimensions. */
  readonly shape: number[];
  /** Data type: `"float32"`, `"int32"`, … */
  readonly dtype: string;
  /** A second handle on the current values, which later updates do not change. */
  clone(): WeightTensor;
  /** Release its memory. */
  dispose(): void;
  /** The values on the host. On the cpu backend these are the live values: do not change them. */
  data(): Promise<ArrayLike<number>>;
  /** A writable staging buffer of the same shape and dtype. */
  buffer(): Promise<{ values: unknown; toTensor(): WeightTensor }>;
}

/** The values of one weight on the host, suitable for a callback's state. */
export interface HostWeight {
  /** Path of its layer and its name there, `encoder/dense/kernel`; undefined if it has none. */
  name?: string;
  /** Sizes of the dimensions. */
  shape: number[];
  /** Data type: `"float32"`, `"int32"` or `"bool"`. */
  dtype: string;
  /** Values in row-major order. */
  values: Float32Array | Int32Array | Uint8Array;
}

/** A weight on the device. */
export interface DeviceWeight {
  /** Name as in {@linkcode HostWeight}. */
  name: string | undefined;
  tensor: WeightTensor;
}

/** The live weights of a model with their names; empty if its weights cannot be read. */
export function weightsOf(model: TrainableModel): DeviceWeight[] {
  const names = weightNames(model);
  return (model.getWeights?.() ?? []).map((tensor, i) => ({ name: names?.[i], tensor }));
}

/**
 * Keep the current weights of a model on the device. Nothing is copied until training changes them.
 * The caller disposes the result.
 *
 * @throws TypeError if the weights of the model cannot be read
 */
export function cloneWeights(model: TrainableModel): DeviceWeight[] {
  if (typeof model.getWeights !== "function") {
    throw new TypeError("Cannot keep weights: the model has no getWeights()");
  }
  return weightsOf(model).map(({ name, tensor }) => ({ name, tensor: tensor.clone() }));
}

/**
 * Restore kept weights in the model by name, without disposing them.
 *
 * @throws RangeError if names or shapes do not match the model
 */
export function assignWeights(model: TrainableModel, weights: DeviceWeight[]): void {
  if (typeof model.setWeights !== "function") {
    throw new TypeError("Cannot restore weights: the model has no setWeights()");
  }
  const shapes = weights.map(({ name, tensor: { shape } }) => ({ name, shape }));
  const positions = positionsOf(weightsOf(model), shapes);
  model.setWeights(positions.map((at) => weights[at].tensor) as never[]);
}

/** Release kept weights. */
export function disposeWeights(weights: DeviceWeight[]): void {
  for (const { tensor } of weights) tensor.dispose();
}

/** Read the current values of weights to the host; training may continue meanwhile. */
export async function readWeights(weights: DeviceWeight[]): Promise<HostWeight[]> {
  const values = await readTensors(weights.map(({ tensor }) => tensor));
  return values.map((one, i) => {
    const { name } = weights[i];
    return name === undefined ? one : { name, ...one };
  });
}

/** Read the current values of tensors to the host; training may continue meanwhile. */
export async function readTensors(tensors: WeightTensor[]): Promise<HostWeight[]> {
  // A clone shares the values, and keeps them when an update replaces those of the variable.
  const taken = tensors.map((tensor) => tensor.clone());
  try {
    return await Promise.all(taken.map(async (tensor) => {
      const values = await tensor.data() as HostWeight["values"];
      return { shape: tensor.shape.slice(), dtype: tensor.dtype, values: values.slice() };
    }));
  } finally {
    for (const tensor of taken) tensor.dispose();
  }
}

/**
 * Create tensors from host values, using only the model's own weights.
 *
 * @returns weights for {@linkcode assignWeights}; the caller disposes them
 * @throws RangeError if names or shapes do not match the model
 */
export async function weightsFromHost(
  model: TrainableModel,
  kept: HostWeight[],
): Promise<DeviceWeight[]> {
  const weights = weightsOf(model);
  const positions = positionsOf(weights, kept);
  const buffers = await Promise.all(weights.map(({ tensor }) => tensor.buffer()));
  return buffers.map((buffer, i) => {
    buffer.values = kept[positions[i]].values.slice();
    return { name: weights[i].name, tensor: buffer.toTensor() };
  });
}

/**
 * The index of each weight of a model among the kept ones: by name, or by position if the model or
 * the kept weights have no names.
 */
function positionsOf(
  weights: DeviceWeight[],
  kept: Pick<HostWeight, "name" | "shape">[],
): number[] {
  const isNamed = [...weights, ...kept].every(({ name }) => name !== undefined);
  const names = (named: { name?: string }[]) => named.map(({ name }) => name as string);
  const byName = new Map(kept.map(({ name }, i) => [name, i]));
  const positions = weights.map(({ name }, i) => isNamed ? byName.get(name) ?? -1 : i);
  const missing = isNamed ? weights.filter((_weight, i) => positions[i] < 0) : [];
  if (missing.length > 0 || weights.length !== kept.length) {
    const extra = isNamed ? kept.filter((_weight, i) => !positions.includes(i)) : [];
    throw new RangeError(
      `Cannot restore weights: ${kept.length} were kept, the model has ${weights.length}` +
        (missing.length > 0 ? `; missing are '${names(missing).join("', '")}'` : "") +
        (extra.length > 0 ? `; the model has no '${names(extra).join("', '")}'` : ""),
    );
  }
  weights.forEach(({ name, tensor }, i) => {
    const { shape } = kept[positions[i]];
    if (String(tensor.shape) === String(shape)) return;
    throw new RangeError(
      `Cannot restore ${name === undefined ? `weight ${i}` : `'${name}'`}: kept with shape ` +
        `[${shape}], the model has [${tensor.shape}]`,
    );
  });
  return positions;
}

interface RatedOptimizer {
  learningRate?: number;
  setLearningRate?(learningRate: number): void;
}

/**
 * The learning rate that the next update will use.
 *
 * All seven optimizers of TensorFlow.js have it as `learningRate`; six of them hide it from
 * TypeScript.
 *
 * @param optimizer an optimizer, or a compiled model
 * @returns the rate, per step
 * @throws TypeError if there is none to read
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
 * Set the learning rate for the following updates.
 *
 * SGD and Momentum use a cached scalar that only their `setLearningRate` updates, so writing the
 * field has no effect. The other five read the field at each step.
 *
 * @param optimizer an optimizer, or a compiled model
 * @param learningRate the new rate, per step; finite and not negative
 * @throws RangeError for a rate that is not a finite number >= 0
 * @throws TypeError if the optimizer has no rate to set
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
  const target = optimizerOrModel as (RatedOptimizer & TrainableModel) | null | undefined;
  for (const candidate of [target, target?.optimizer as RatedOptimizer | null | undefined]) {
    if (typeof candidate?.learningRate === "number") return candidate;
  }
  throw new TypeError(
    `Cannot ${verb} the learning rate: ` +
      (target !== null && target !== undefined && "getWeights" in target && !target.optimizer
        ? "the model has no optimizer; call model.compile() first"
        : "the optimizer has no learningRate"),
  );
}
