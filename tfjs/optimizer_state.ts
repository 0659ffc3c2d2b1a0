import type * as tf from "@tensorflow/tfjs";
import { type HostWeight, readTensors, readWeights, setLearningRate } from "../core/model.ts";
import { accumulationOf, type AccumulationState } from "./accumulate_gradients.ts";
import { type Engine, getEngine } from "./engine.ts";
import { movingAverageOf } from "./exponential_moving_average.ts";
import { fitOptimizerState } from "./fit_optimizer_state.ts";
import { trainedWeights } from "./optimizer_names.ts";
import { nameByPath, type NamedTensor, snapshotOptimizerState } from "./optimizer_snapshot.ts";
import {
  type InternalOptimizer,
  optimizerClassOf,
  optimizerOf,
  type ScalarField,
} from "./optimizers.ts";
import type { LayersModel, Optimizer } from "./types.ts";

/** State of an optimizer as plain data, for the state of a callback or a file. */
export interface OptimizerState {
  /** Class name, such as `Adam`. */
  className: string;
  /** Number of updates. */
  iterations: number;
  /** Learning rate of the next update; null for an optimizer without one. */
  learningRate: number | null;
  /** For each kind of slot (first moment, second moment, ...) one value per variable. */
  slots: { [field: string]: NamedValue[] };
  /** Scalars that change with each update (powers of beta, ...). */
  scalars: { [field: string]: number };
  /** Moving averages of the weights, if it has any; see {@linkcode exponentialMovingAverage}. */
  average?: HostWeight[];
  /**
   * Gradients since the last update, if it accumulates them; see {@linkcode accumulateGradients}.
   */
  accumulated?: AccumulationState;
  /** Result of `getWeights()` of a custom optimizer. */
  weights?: NamedValue[];
  /** Names of the trained weights, for names in `weights` that begin with them. */
  variables?: string[];
}

/** A named value of an optimizer. */
export interface NamedValue {
  /** Name of the trained weight and of the slot, `dense/kernel/m`. */
  name: string;
  /** Value on the host. */
  value: HostWeight;
}

/**
 * Read the accumulated state of an optimizer. Training may continue meanwhile: the values are those
 * at the time of the call. No tensors are left behind.
 *
 * Supports SGD, Momentum, Adagrad, Adadelta, Adam, Adamax, RMSProp and custom optimizers with
 * `getWeights()` and `setWeights()`; a resumed run continues bit for bit. For a custom optimizer
 * without them a warning is printed once, and the state has only iterations and learning rate.
 *
 * @param optimizer a tfjs optimizer, or a model compiled with one
 * @returns state for {@linkcode setOptimizerState}
 * @throws TypeError when there is no optimizer
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { fit, getOptimizerState, setOptimizerState } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
 * model.compile({ optimizer: "adam", loss: "meanSquaredError" });
 * await fit(model, tf.ones([4, 1]), tf.ones([4, 1]), { verbose: 0 });
 *
 * const state = await getOptimizerState(model);
 * assert.equal(state.className, "Adam");
 * assert.equal(state.iterations, 1);
 *
 * const fresh = tf.train.adam();
 * setOptimizerState(fresh, state);
 * assert.deepEqual(await getOptimizerState(fresh), state);
 * ```
 */
export async function getOptimizerState(
  optimizer: Optimizer | LayersModel,
): Promise<OptimizerState> {
  const taking = snapshotOptimizerState(optimizer);
  // Snapshot at the same point in time, read later.
  const accumulating = accumulationOf(optimizerOf(optimizer, "read the optimizer's state"))
    ?.getState();
  const taken = taking instanceof Promise ? await taking : taking;
  try {
    const state: OptimizerState = {
      className: taken.className,
      iterations: taken.iterations,
      learningRate: taken.learningRate,
      slots: {},
      scalars: {},
    };
    for (const [field, slots] of Object.entries(taken.slots)) {
      state.slots[field] = await readNamed(slots);
    }
    for (const [field, scalar] of Object.entries(taken.scalars)) {
      [state.scalars[field]] = await scalar.data();
    }
    if (taken.average) state.average = await readWeights(taken.average);
    if (taken.weights) state.weights = await readNamed(taken.weights);
    if (taken.variables) state.variables = taken.variables;
    const accumulated = await accumulating;
    if (accumulated !== undefined && accumulated.batches > 0) {
      nameByPath(accumulated.sums, trainedWeights(optimizer));
      state.accumulated = accumulated;
    }
    return state;
  } finally {
    taken.dispose();
  }
}

/**
 * Restore the accumulated state of an optimizer of the same class; the old state is disposed. For a
 * model, slots are matched with weights by name.
 *
 * @param optimizer a tfjs optimizer, or a model compiled with one
 * @param state state from {@linkcode getOptimizerState}
 * @returns undefined once the state of a TensorFlow.js optimizer is set; a promise for a custom
 *   optimizer, whose `setWeights()` returns one
 * @throws TypeError without an optimizer, or for a state of another class
 * @throws RangeError when the state is of other weights than those that the model trains, or of
 *   weights of another shape; nothing is changed then
 */
export function setOptimizerState(
  optimizer: Optimizer | LayersModel,
  state: OptimizerState,
): void | Promise<void> {
  const internals = optimizerOf(optimizer, "set the optimizer's state");
  const { className } = state;
  if (internals.getClassName() !== className) {
    throw new TypeError(
      `Cannot set the state of ${internals.getClassName()}: the state is of ${className}`,
    );
  }
  const { fitted, missing, extra } = fitOptimizerState(optimizer, state);
  if (missing.length + extra.length > 0) {
    throw new RangeError(
      `Cannot set the state of ${className}: it belongs to other weights than the model trains` +
        (missing.length > 0 ? `; it lacks '${missing.join("', '")}'` : "") +
        (extra.length > 0 ? `; not trained are '${extra.join("', '")}'` : "") +
        `. Freeze the layers that were frozen then, and compile the model`,
    );
  }
  if (fitted.weights !== undefined) {
    return setOwnWeights(internals, fitted.weights).then(() => setRest(internals, fitted));
  }
  const known = optimizerClassOf(internals);
  checkKinds(className, known?.slots ?? [], Object.keys(fitted.slots));
  const engine = getEngine();
  for (const field of known?.slots ?? []) {
    const old = internals[field] ?? [];
    internals[field] = (fitted.slots[field] ?? []).map(({ name, value }) => ({
      originalName: name,
      variable: makeVariable(engine, value),
    }));
    for (const { variable } of old) variable.dispose();
  }
  for (const [field, rule] of Object.entries(known?.scalars ?? {})) {
    const value = fitted.scalars[field] ?? rule(internals, fitted.iterations);
    const tensor = engine.makeTensor(Float32Array.of(value), [], "float32");
    internals[field as ScalarField]?.assign(tensor);
    tensor.dispose();
  }
  setRest(internals, fitted);
}

/**
 * Fail where a state has some kinds of slots and lacks others; one without any is of a fresh
 * optimizer.
 */
function checkKinds(className: string, wanted: string[], given: string[]): void {
  // An optimizer that is not centered has none of these.
  const needed = wanted.filter((field) => field !== "accumulatedMeanGrads");
  const isWhole = needed.every((field) => given.includes(field)) &&
    given.every((field) => wanted.includes(field));
  if (isWhole || given.length === 0) return;
  throw new RangeError(
    `Cannot set the state of ${className}: expected ${needed.join(", ")}, got ${given.join(", ")}`,
  );
}

function setRest(optimizer: InternalOptimizer, state: OptimizerState): void {
  const { accumulated = { batches: 0, sums: [] } } = state;
  accumulationOf(optimizer)?.setState(accumulated);
  movingAverageOf(optimizer)?.setState(state.average ?? []);
  optimizer.iterations_ = state.iterations;
  if (state.learningRate !== null) setLearningRate(optimizer, state.learningRate);
}

async function setOwnWeights(optimizer: InternalOptimizer, weights: NamedValue[]): Promise<void> {
  const engine = getEngine();
  const tensors = weights.map(({ name, value }) => ({ name, tensor: makeTensor(engine, value) }));
  try {
    await optimizer.setWeights(tensors);
  } finally {
    for (const { tensor } of tensors) tensor.dispose();
  }
}

async function readNamed(named: NamedTensor[]): Promise<NamedValue[]> {
  const values = await readTensors(named.map(({ tensor }) => tensor));
  return named.map(({ name }, i) => ({ name, value: values[i] }));
}

function makeTensor(engine: Engine, { shape, dtype, values }: HostWeight): tf.Tensor {
  return engine.makeTensor(values.slice() as tf.TypedArray, shape, dtype as tf.DataType);
}

function makeVariable(engine: Engine, value: HostWeight): tf.Variable {
  const tensor = makeTensor(engine, value);
  const variable = engine.makeVariable(tensor, false);
  tensor.dispose();
  return variable;
}
