import type * as tf from "@tensorflow/tfjs";
import { applyFused } from "./fused/update.ts";
import { optimizerClassOf, usesUpdateOfTfjs } from "./optimizers.ts";

/** Updates variables by their gradients, like an optimizer's `applyGradients`. */
export type Update = (gradients: Parameters<tf.Optimizer["applyGradients"]>[0]) => void;

/**
 * The update of an optimizer, including everything added by {@linkcode wrapUpdate}. Gradients are
 * by variable name; the caller keeps them.
 */
export function updateOf(optimizer: tf.Optimizer): Update {
  // Looked up for each update: a callback may wrap it during a run.
  return (gradients) =>
    isWrapped(optimizer) ? optimizer.applyGradients(gradients) : applyFused(optimizer, gradients);
}

/**
 * Add something around each update of an optimizer, in keepfit's loops and in TensorFlow.js's own:
 * before it, such as clipping, or after it, such as an average.
 *
 * @param wrap creates the new update from the current one
 */
export function wrapUpdate(optimizer: tf.Optimizer, wrap: (update: Update) => Update): void {
  optimizer.applyGradients = wrap(
    isWrapped(optimizer)
      ? optimizer.applyGradients.bind(optimizer)
      : (gradients) => applyFused(optimizer, gradients),
  );
}

/** Whether an update only reads the gradients, and keeps none of them. */
export function keepsNoGradients(optimizer: tf.Optimizer): boolean {
  return !isWrapped(optimizer) && optimizerClassOf(optimizer) !== undefined &&
    usesUpdateOfTfjs(optimizer);
}

/** Whether the optimizer's own update replaces that of its class. */
function isWrapped(optimizer: tf.Optimizer): boolean {
  return Object.hasOwn(optimizer, "applyGradients");
}

/** Names of all variables of an update, in its order, with and without a gradient. */
export function namesOfGradients(gradients: Parameters<Update>[0]): string[] {
  return Array.isArray(gradients) ? gradients.map(({ name }) => name) : Object.keys(gradients);
}

/** The gradients of an update in one form, without missing ones. */
export function namedGradients(
  gradients: Parameters<Update>[0],
): { name: string; tensor: tf.Tensor }[] {
  const all = Array.isArray(gradients)
    ? gradients
    : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
  return all.filter(({ tensor }) => tensor !== undefined && tensor !== null);
}

/**
 * Whether an optimizer has its own `minimize`, which decides what is computed and applied. That of
 * TensorFlow.js computes the gradients, applies and disposes them.
 */
export function minimizesItself(optimizer: tf.Optimizer): boolean {
  let owners = 0;
  for (let at: object | null = optimizer; at !== null; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, "minimize")) owners++;
  }
  return owners > 1;
}
