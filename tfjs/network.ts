import type * as tf from "@tensorflow/tfjs";
import type { LossArgument, MetricsArgument, TensorFunction } from "./compiled_metrics.ts";
import { getEngine } from "./engine.ts";
import type { TrainableWeight } from "./trained_weights.ts";

/**
 * The model that computes: of a `Sequential` its inner model, which has the fields that the loops
 * need.
 *
 * @throws TypeError for anything but a model, and for a Sequential without layers
 */
export function networkOf(model: tf.LayersModel, verb: string): tf.LayersModel {
  if (typeof model?.getWeights !== "function" || !("layers" in model)) {
    throw new TypeError(
      `Cannot ${verb}: expected a tf.LayersModel or tf.Sequential, got ${describe(model)}`,
    );
  }
  if (model.outputs === undefined || model.outputs.length === 0) {
    throw new TypeError(
      `Cannot ${verb}: the model is not built; add a layer with inputShape first`,
    );
  }
  if (isDisposed(model)) {
    throw new TypeError(`Cannot ${verb}: the model is disposed; create it again`);
  }
  const internals = model as unknown as NetworkInternals;
  if (model.getClassName() !== "Sequential") return model;
  // A Sequential creates its inner model on compile or first use.
  if (!internals.model) (model as unknown as { build(): void }).build();
  return internals.model ?? model;
}

/** Whether a weight of a model is disposed; `tf.disposeVariables()` sets no `isDisposed`. */
export function isDisposed({ weights }: tf.LayersModel): boolean {
  const { registeredVariables } = getEngine();
  return (weights as unknown as TrainableWeight[]).some(({ val }) =>
    registeredVariables[val.name] !== val
  );
}

/** Names and shapes for a forward pass, compiled or not. */
export interface NetworkSignature {
  /** The network that computes: the inner model of a `Sequential`, else the model. */
  network: tf.LayersModel;
  inputNames: string[];
  /** Shape of each input, null for any size; the first axis is the batch. */
  inputShapes: (number | null)[][];
  /** Required batch size, if a layer keeps state for each row; null for any. */
  batchRows: number | null;
  outputNames: string[];
  /** Size of the last axis of each output, such as the number of classes; null for any. */
  outputSizes: (number | null)[];
}

/** The signature of a model's network. */
export function signatureOf(network: tf.LayersModel): NetworkSignature {
  const internals = network as unknown as NetworkInternals;
  return {
    network,
    inputNames: internals.inputNames,
    inputShapes: internals.feedInputShapes,
    batchRows: internals.stateful ? internals.feedInputShapes[0]?.[0] ?? null : null,
    outputSizes: internals.internalOutputShapes.map((shape) => shape.at(-1) ?? null),
    outputNames: uniqueNames(internals.outputNames),
  };
}

/** Names of the outputs; outputs of a shared layer get numbers, as in Keras. */
function uniqueNames(names: string[]): string[] {
  const taken = new Set<string>();
  for (const name of names) {
    let unique = name;
    for (let count = 1; taken.has(unique); count++) unique = `${name}_${count}`;
    taken.add(unique);
  }
  return [...taken];
}

/** Penalties of regularizers, which belong to the loss. */
export function penaltiesOf(network: tf.LayersModel): tf.Scalar[] {
  return (network as unknown as { calculateLosses(): tf.Scalar[] }).calculateLosses();
}

/** Fields of a model that are private to TypeScript. */
export interface NetworkInternals {
  model?: tf.LayersModel;
  isTraining?: boolean;
  stateful: boolean;
  optimizer?: tf.Optimizer;
  loss?: LossArgument;
  lossFunctions?: TensorFunction[];
  metricsTensors?: [TensorFunction, number][];
  metrics?: MetricsArgument;
  outputNames: string[];
  inputNames: string[];
  feedInputShapes: (number | null)[][];
  internalOutputShapes: (number | null)[][];
  collectedTrainableWeights?: TrainableWeight[];
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === "object" ? value.constructor?.name ?? "an object" : typeof value;
}
