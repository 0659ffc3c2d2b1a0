import type * as tf from "@tensorflow/tfjs";
import { messageOf } from "../core/errors.ts";
import { type HostWeight, setLearningRate } from "../core/model.ts";
import { networkOf, trainableWeights } from "./compiled.ts";
import { type Engine, getEngine } from "./engine.ts";
import { movingAverageOf } from "./moving_average.ts";
import {
  type InternalOptimizer,
  optimizerClassOf,
  optimizerOf,
  type ScalarField,
  slotFieldsOf,
} from "./optimizers.ts";
import type { LayersModel, Optimizer } from "./types.ts";

/** State of an optimizer as plain data: fit for a callback's state or a file. */
export interface OptimizerState {
  /** Class name, for example `Adam`. */
  className: string;
  /** Updates made so far. */
  iterations: number;
  /** Rate of the next update; null for an optimizer that has none. */
  learningRate: number | null;
  /** For each kind of slot (first moment, second moment, ...) one value for each variable. */
  slots: { [field: string]: NamedValue[] };
  /** Single numbers that change with each update (powers of beta, ...). */
  scalars: { [field: string]: number };
  /** Averages of the weights, where it keeps some; see {@linkcode exponentialMovingAverage}. */
  average?: HostWeight[];
  /** What `getWeights()` of an optimizer of your own gave. */
  weights?: NamedValue[];
  /** Names of the variables that the model trains, for names in `weights` that begin with them. */
  variables?: string[];
}

/** A value of an optimizer under its name. */
export interface NamedValue {
  /** Name, as the optimizer gives it. */
  name: string;
  /** Value on the host. */
  value: HostWeight;
}

/** A tensor of an optimizer under its name. */
export interface NamedTensor {
  name: string;
  tensor: tf.Tensor;
}

/** State of an optimizer at one instant, still on the device; training may go on. */
export interface TakenState {
  className: string;
  iterations: number;
  learningRate: number | null;
  slots: { [field: string]: NamedTensor[] };
  scalars: { [field: string]: tf.Tensor };
  average?: tf.Tensor[];
  weights?: NamedTensor[];
  variables?: string[];
  /** Dispose all tensors. */
  dispose(): void;
}

/**
 * Read what an optimizer has accumulated. Training may continue meanwhile: the values are those at
 * the call. No tensor is left behind.
 *
 * Works for SGD, Momentum, Adagrad, Adadelta, Adam, Adamax and RMSProp, and for an optimizer of your
 * own that has `getWeights()` and `setWeights()`; a resumed run continues bit for bit. One without
 * them is warned about once: the state then holds the iterations and the learning rate only.
 *
 * @param optimizer a tfjs optimizer, or a model compiled with one
 * @returns plain data for {@linkcode setOptimizerState}
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
  const taking = takeOptimizerState(optimizer);
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
    if (taken.average) state.average = await Promise.all(taken.average.map(readTensor));
    if (taken.weights) state.weights = await readNamed(taken.weights);
    if (taken.variables) state.variables = taken.variables;
    return state;
  } finally {
    taken.dispose();
  }
}

/**
 * Take the state of an optimizer as it is now: clones, which cost nothing and keep their values
 * when training continues. The caller disposes it.
 *
 * @returns the state; a promise for an optimizer of the user's own, whose `getWeights()` is one
 * @throws TypeError when there is no optimizer
 */
export function takeOptimizerState(
  optimizerOrModel: Optimizer | LayersModel,
): TakenState | Promise<TakenState> {
  const optimizer = optimizerOf(optimizerOrModel, "read the optimizer's state");
  const known = optimizerClassOf(optimizer);
  if (known === undefined) return takeOwnState(optimizer, optimizerOrModel);
  const state = emptyState(optimizer);
  for (const field of slotFieldsOf(optimizer, known)) {
    const slots = optimizer[field] ?? [];
    if (slots.length === 0) continue;
    state.slots[field] = slots.map(({ originalName, variable }) => ({
      name: originalName,
      tensor: variable.clone(),
    }));
  }
  for (const field of Object.keys(known.scalars) as ScalarField[]) {
    const variable = optimizer[field];
    if (variable !== undefined) state.scalars[field] = variable.clone();
  }
  return state;
}

/**
 * Give an optimizer the accumulated state of another one of its class. What it held is disposed.
 *
 * @param optimizer a tfjs optimizer, or a model compiled with one
 * @param state what {@linkcode getOptimizerState} gave
 * @returns nothing for an optimizer of TensorFlow.js, whose state is then set; for one of your own a
 *   promise, as its `setWeights()` gives one
 * @throws TypeError when there is no optimizer, or the state is of another class
 */
export function setOptimizerState(
  optimizer: Optimizer | LayersModel,
  state: OptimizerState,
): void | Promise<void> {
  const internals = optimizerOf(optimizer, "set the optimizer's state");
  if (internals.getClassName() !== state.className) {
    throw new TypeError(
      `Cannot set the state of ${internals.getClassName()}: the state is of ${state.className}`,
    );
  }
  if (state.weights !== undefined) {
    return setOwnWeights(internals, renamed(state, optimizer)).then(() =>
      setRest(internals, state)
    );
  }
  const known = optimizerClassOf(internals);
  const engine = getEngine();
  for (const field of known?.slots ?? []) {
    const old = internals[field] ?? [];
    internals[field] = (state.slots[field] ?? []).map(({ name, value }) => ({
      originalName: name,
      variable: makeVariable(engine, value),
    }));
    for (const { variable } of old) variable.dispose();
  }
  for (const [field, rule] of Object.entries(known?.scalars ?? {})) {
    const value = state.scalars[field] ?? rule(internals, state.iterations);
    const tensor = engine.makeTensor(Float32Array.of(value), [], "float32");
    internals[field as ScalarField]?.assign(tensor);
    tensor.dispose();
  }
  setRest(internals, state);
}

function setRest(optimizer: InternalOptimizer, state: OptimizerState): void {
  movingAverageOf(optimizer)?.setState(state.average ?? []);
  optimizer.iterations_ = state.iterations;
  if (state.learningRate !== null) setLearningRate(optimizer, state.learningRate);
}

/** A state without slots; moving averages are taken. */
function emptyState(optimizer: InternalOptimizer): TakenState {
  const state: TakenState = {
    className: optimizer.getClassName(),
    iterations: optimizer.iterations_ ?? 0,
    learningRate: optimizer.learningRate ?? null,
    slots: {},
    scalars: {},
    average: movingAverageOf(optimizer)?.takeState(),
    dispose() {
      const { slots, scalars, average = [], weights = [] } = state;
      const named = [...Object.values(slots).flat(), ...weights].map(({ tensor }) => tensor);
      for (const tensor of [...named, ...Object.values(scalars), ...average]) tensor.dispose();
    },
  };
  return state;
}

async function takeOwnState(
  optimizer: InternalOptimizer,
  optimizerOrModel: Optimizer | LayersModel,
): Promise<TakenState> {
  for (;;) {
    const iterations = optimizer.iterations;
    let weights: NamedTensor[];
    try {
      weights = await optimizer.getWeights();
    } catch (error) {
      warnOfNoState(optimizer, messageOf(error));
      return emptyState(optimizer);
    }
    const isSteady = optimizer.iterations === iterations;
    const taken = isSteady
      ? weights.map(({ name, tensor }) => ({ name, tensor: tensor.clone() }))
      : [];
    // TensorFlow.js's saveIterations() makes a tensor at each call; the others are the optimizer's.
    for (const { name, tensor } of weights) if (name === "iter") tensor.dispose();
    // It may await between the counter and the slots, where a step can come in.
    if (!isSteady) continue;
    return Object.assign(emptyState(optimizer), {
      weights: taken,
      variables: variablesOf(optimizerOrModel),
    });
  }
}

/** Weights under the names that this model gives to the variables which they are of. */
function renamed(
  { weights = [], variables = [] }: OptimizerState,
  optimizerOrModel: Optimizer | LayersModel,
): NamedValue[] {
  const present = variablesOf(optimizerOrModel);
  if (present?.length !== variables.length) return weights;
  return weights.map(({ name, value }) => {
    const at = variables.findIndex((variable) =>
      name === variable || name.startsWith(`${variable}/`)
    );
    return { name: at < 0 ? name : present[at] + name.slice(variables[at].length), value };
  });
}

/** Names of the variables that a model trains; undefined for an optimizer alone. */
function variablesOf(optimizerOrModel: Optimizer | LayersModel): string[] | undefined {
  if (!("getWeights" in optimizerOrModel && "layers" in optimizerOrModel)) return undefined;
  const network = networkOf(optimizerOrModel, "read the optimizer's state");
  return trainableWeights(network).map((weight) => weight.read().name);
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

const warned = new WeakSet<object>();

function warnOfNoState(optimizer: Optimizer, reason: string): void {
  if (warned.has(optimizer)) return;
  warned.add(optimizer);
  console.warn(
    `keepfit: the state of ${optimizer.getClassName()} cannot be saved: ` +
      `${reason.replace(/\.$/, "")}; give it getWeights() and setWeights(), or training that is ` +
      `resumed starts it afresh`,
  );
}

function readNamed(named: NamedTensor[]): Promise<NamedValue[]> {
  return Promise.all(
    named.map(async ({ name, tensor }) => ({ name, value: await readTensor(tensor) })),
  );
}

async function readTensor(tensor: tf.Tensor): Promise<HostWeight> {
  const values = await tensor.data() as HostWeight["values"];
  return { shape: tensor.shape.slice(), dtype: tensor.dtype, values: values.slice() };
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
