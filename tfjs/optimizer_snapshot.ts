import type * as tf from "@tensorflow/tfjs";
import { messageOf } from "../core/errors.ts";
import { movingAverageOf } from "./exponential_moving_average.ts";
import { renamed, type TrainedWeight, trainedWeights } from "./optimizer_names.ts";
import {
  type InternalOptimizer,
  optimizerClassOf,
  optimizerOf,
  type ScalarField,
  slotFieldsOf,
} from "./optimizers.ts";
import type { LayersModel, Optimizer } from "./types.ts";

/** A named tensor of an optimizer. */
export interface NamedTensor {
  name: string;
  tensor: tf.Tensor;
}

/** State of an optimizer at one point in time, on the device; training may continue. */
export interface OptimizerSnapshot {
  className: string;
  iterations: number;
  learningRate: number | null;
  slots: { [field: string]: NamedTensor[] };
  scalars: { [field: string]: tf.Tensor };
  average?: { name: string | undefined; tensor: tf.Tensor }[];
  weights?: NamedTensor[];
  variables?: string[];
  /** Dispose all tensors. */
  dispose(): void;
}

/**
 * Copy the current state of an optimizer: clones, which cost nothing and keep their values when
 * training continues. The caller disposes it.
 *
 * @returns the state; a promise for a custom optimizer, whose `getWeights()` returns one
 * @throws TypeError when there is no optimizer
 */
export function snapshotOptimizerState(
  optimizerOrModel: Optimizer | LayersModel,
): OptimizerSnapshot | Promise<OptimizerSnapshot> {
  const optimizer = optimizerOf(optimizerOrModel, "read the optimizer's state");
  const known = optimizerClassOf(optimizer);
  if (known === undefined) return snapshotCustomState(optimizer, optimizerOrModel);
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
  return byPath(state, optimizerOrModel);
}

/** The same state, with slots and averages named after the model's weights. */
function byPath(
  state: OptimizerSnapshot,
  optimizerOrModel: Optimizer | LayersModel,
): OptimizerSnapshot {
  const trained = trainedWeights(optimizerOrModel);
  if (trained === undefined) return state;
  const { slots, average = [], weights = [] } = state;
  nameByPath([...Object.values(slots).flat(), ...average, ...weights], trained);
  if (state.weights !== undefined) state.variables = trained.map(({ path }) => path);
  return state;
}

/** Name what has the name of a variable after the model's weight. */
export function nameByPath(
  named: { name?: string | undefined }[],
  trained: TrainedWeight[] = [],
): void {
  const variables = trained.map(({ variable }) => variable);
  const paths = trained.map(({ path }) => path);
  for (const one of named) {
    if (one.name !== undefined) one.name = renamed(one.name, variables, paths);
  }
}

/** A state without slots, but with moving averages. */
function emptyState(optimizer: InternalOptimizer): OptimizerSnapshot {
  return {
    className: optimizer.getClassName(),
    iterations: optimizer.iterations_ ?? 0,
    learningRate: optimizer.learningRate ?? null,
    slots: {},
    scalars: {},
    average: movingAverageOf(optimizer)?.takeState(),
    dispose() {
      const { slots, scalars, average = [], weights = [] } = this;
      const named = [...Object.values(slots).flat(), ...average, ...weights];
      for (const { tensor } of named) tensor.dispose();
      for (const scalar of Object.values(scalars)) scalar.dispose();
    },
  };
}

async function snapshotCustomState(
  optimizer: InternalOptimizer,
  optimizerOrModel: Optimizer | LayersModel,
): Promise<OptimizerSnapshot> {
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
    // TensorFlow.js's saveIterations() creates a tensor at each call; the others belong to the
    // optimizer.
    for (const { name, tensor } of weights) if (name === "iter") tensor.dispose();
    // It may await between the counter and the slots, where a training step can come in.
    if (!isSteady) continue;
    return byPath({ ...emptyState(optimizer), weights: taken }, optimizerOrModel);
  }
}

const warned = new WeakSet<object>();

function warnOfNoState(optimizer: Optimizer, reason: string): void {
  if (warned.has(optimizer)) return;
  warned.add(optimizer);
  console.warn(
    `keepfit: the state of ${optimizer.getClassName()} cannot be saved: ` +
      `${reason.replace(/\.$/, "")}; give it getWeights() and setWeights(), or a resumed run ` +
      `resets it`,
  );
}
