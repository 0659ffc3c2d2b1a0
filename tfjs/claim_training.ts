import type * as tf from "@tensorflow/tfjs";
import { type NetworkInternals, networkOf } from "./network.ts";

const inTraining = new WeakSet<tf.LayersModel>();

/**
 * Mark a model as in use by a fit, for fits of TensorFlow.js too.
 *
 * @returns a function that removes the mark
 * @throws TypeError when it is already in a fit
 */
export function claimTraining(model: tf.LayersModel): () => void {
  const network = networkOf(model, "fit") as unknown as NetworkInternals;
  if (network.isTraining || inTraining.has(model)) {
    throw new TypeError("Cannot fit: the model is already in another fit; await that one first");
  }
  inTraining.add(model);
  network.isTraining = true;
  return () => {
    inTraining.delete(model);
    network.isTraining = false;
  };
}
