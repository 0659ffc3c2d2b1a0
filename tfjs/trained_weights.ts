import type * as tf from "@tensorflow/tfjs";
import type { NetworkInternals } from "./network.ts";

/** A trained weight. */
export interface TrainableWeight {
  /** Name without the number that distinguishes equal names. */
  readonly originalName: string;
  /** The variable, which {@linkcode read} returns; that one throws once it is disposed. */
  readonly val: tf.Variable;
  /** Constraint applied after each update. */
  readonly constraint?: { apply(values: tf.Tensor): tf.Tensor } | null;
  /** The variable. */
  read(): tf.Variable;
}

/** The weights that were trainable at `compile`: a new array after each `compile`. */
export function collectedWeights(network: tf.LayersModel): TrainableWeight[] | undefined {
  return (network as unknown as NetworkInternals).collectedTrainableWeights;
}

/** The trained weights: those that were trainable at `compile`. */
export function trainableWeights(network: tf.LayersModel): TrainableWeight[] {
  return collectedWeights(network) ??
    network.trainableWeights as unknown as TrainableWeight[];
}

/** Whether a weight became trainable after `compile`: training leaves it unchanged. */
export function hasUnfrozen(network: tf.LayersModel): boolean {
  const collected = new Set<unknown>(collectedWeights(network));
  return collected.size > 0 && network.trainableWeights.some((weight) => !collected.has(weight));
}

/** The variables that no gradient changes, such as moving averages. */
export function untrainedWeights(network: tf.LayersModel): tf.Variable[] {
  const weights = network.nonTrainableWeights as unknown as TrainableWeight[];
  return weights.map((weight) => weight.read());
}

/** The variables of {@linkcode trainableWeights}. */
export function trainableVariables(network: tf.LayersModel): tf.Variable[] {
  return trainableWeights(network).map((weight) => weight.read());
}
