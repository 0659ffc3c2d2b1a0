import type * as tf from "@tensorflow/tfjs";
import { type HostWeight, setLearningRate } from "../core/model.ts";
import { movingAverageOf } from "./moving_average.ts";
import { type Engine, getEngine } from "./engine.ts";

/** What an optimizer has accumulated, as plain data: fit for a callback's state or a file. */
export interface OptimizerState {
  /** Class name, for example `Adam`. */
  className: string;
  /** Updates made so far. */
  iterations: number;
  /** Rate of the next update; null for an optimizer that has none. */
  learningRate: number | null;
  /** For each kind of slot (first moment, second moment, ...) one value for each variable. */
  slots: { [field: string]: { name: string; value: HostWeight }[] };
  /** Single numbers that change with each update (powers of beta, ...). */
  scalars: { [field: string]: number };
  /** Averages of the weights, where it keeps some; see {@linkcode exponentialMovingAverage}. */
  average?: HostWeight[];
}

// The fields in which tfjs's seven classes keep what they accumulate. Their own getWeights() makes a
// tensor that leaks, leaves out the powers of beta, and Adamax has none; see the table in the docs.
const slotFields = [
  "accumulations",
  "accumulatedFirstMoment",
  "accumulatedSecondMoment",
  "accumulatedWeightedInfNorm",
  "accumulatedGrads",
  "accumulatedUpdates",
  "accumulatedMeanSquares",
  "accumulatedMoments",
  "accumulatedMeanGrads",
] as const;
const scalarFields = ["accBeta1", "accBeta2", "iteration"] as const;

interface Slot {
  originalName: string;
  variable: tf.Variable;
}

type Insides =
  & { iterations_?: number; learningRate?: number; getClassName(): string }
  & { [field in (typeof slotFields)[number]]?: Slot[] }
  & { [field in (typeof scalarFields)[number]]?: tf.Variable };

/**
 * What an optimizer has accumulated. Training may go on while it is read: the values are of the
 * moment of the call. No tensor is left behind.
 *
 * Works for SGD, Momentum, Adagrad, Adadelta, Adam, Adamax and RMSProp; a resumed run continues
 * bit for bit.
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
  optimizer: tf.Optimizer | tf.LayersModel,
): Promise<OptimizerState> {
  const insides = insidesOf(optimizer, "read");
  // Clones cost nothing and do not change when training goes on.
  const taken: { tensor: tf.Tensor; put: (values: HostWeight["values"]) => void }[] = [];
  const state: OptimizerState = {
    className: insides.getClassName(),
    iterations: insides.iterations_ ?? 0,
    learningRate: insides.learningRate ?? null,
    slots: {},
    scalars: {},
  };
  for (const field of slotFields) {
    const slots = insides[field];
    if (slots === undefined || slots.length === 0) continue;
    state.slots[field] = slots.map(({ originalName, variable }) => {
      const value = {
        shape: variable.shape.slice(),
        dtype: variable.dtype,
        values: new Float32Array(0) as HostWeight["values"],
      };
      taken.push({ tensor: variable.clone(), put: (values) => value.values = values });
      return { name: originalName, value };
    });
  }
  for (const field of scalarFields) {
    const variable = insides[field];
    if (variable === undefined) continue;
    taken.push({
      tensor: variable.clone(),
      put: ([value]) => state.scalars[field] = value,
    });
  }
  // Asked for before anything is awaited: it takes the values of this moment too.
  const average = movingAverageOf(insides)?.getState();
  try {
    if (average !== undefined) state.average = await average;
    await Promise.all(taken.map(async ({ tensor, put }) => {
      put((await tensor.data() as HostWeight["values"]).slice());
    }));
  } finally {
    for (const { tensor } of taken) tensor.dispose();
  }
  return state;
}

/**
 * Give an optimizer what another one of its class had accumulated. What it held is disposed.
 *
 * @param optimizer a tfjs optimizer, or a model compiled with one
 * @param state what {@linkcode getOptimizerState} gave
 * @throws TypeError when there is no optimizer, or the state is of another class
 */
export function setOptimizerState(
  optimizer: tf.Optimizer | tf.LayersModel,
  state: OptimizerState,
): void {
  const insides = insidesOf(optimizer, "set");
  if (insides.getClassName() !== state.className) {
    throw new TypeError(
      `Cannot set the state of ${insides.getClassName()}: the state is of ${state.className}`,
    );
  }
  const engine = getEngine();
  for (const field of slotFields) {
    const old = insides[field];
    if (old === undefined) continue;
    insides[field] = (state.slots[field] ?? []).map(({ name, value }) => ({
      originalName: name,
      variable: makeVariable(engine, value),
    }));
    for (const { variable } of old) variable.dispose();
  }
  for (const [field, value] of Object.entries(state.scalars)) {
    const variable = insides[field as (typeof scalarFields)[number]];
    const tensor = engine.makeTensor(Float32Array.of(value), [], "float32");
    variable?.assign(tensor);
    tensor.dispose();
  }
  movingAverageOf(insides)?.setState(state.average ?? []);
  insides.iterations_ = state.iterations;
  if (state.learningRate !== null) setLearningRate(insides, state.learningRate);
}

function makeVariable(engine: Engine, { shape, dtype, values }: HostWeight): tf.Variable {
  const tensor = engine.makeTensor(values.slice() as tf.TypedArray, shape, dtype as tf.DataType);
  const variable = engine.makeVariable(tensor, false);
  tensor.dispose();
  return variable;
}

function insidesOf(optimizerOrModel: tf.Optimizer | tf.LayersModel, verb: string): Insides {
  const given = optimizerOrModel as { optimizer?: unknown; applyGradients?: unknown } | null;
  const optimizer = typeof given?.applyGradients === "function" ? given : given?.optimizer;
  if (typeof (optimizer as Partial<Insides> | undefined)?.getClassName !== "function") {
    throw new TypeError(
      `Cannot ${verb} the optimizer's state: there is no tfjs optimizer; compile the model first`,
    );
  }
  return optimizer as Insides;
}
