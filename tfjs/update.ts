import type * as tf from "@tensorflow/tfjs";

/** Changes variables by their gradients, as an optimizer's `applyGradients` does. */
export type Update = (gradients: Parameters<tf.Optimizer["applyGradients"]>[0]) => void;

/**
 * The update of an optimizer, with all that {@linkcode wrapUpdate} put around it. Gradients come by
 * the names of their variables, and stay the caller's.
 */
export function updateOf(optimizer: tf.Optimizer): Update {
  // Looked up for each update: a callback may wrap it in mid-run.
  return (gradients) => optimizer.applyGradients(gradients);
}

/**
 * Put something around each update of an optimizer, in our loops and in TensorFlow.js's own: before
 * it, such as clipping, or after it, such as an average.
 *
 * @param wrap makes the new update from the present one
 */
export function wrapUpdate(optimizer: tf.Optimizer, wrap: (update: Update) => Update): void {
  optimizer.applyGradients = wrap(optimizer.applyGradients.bind(optimizer));
}

/**
 * True for an optimizer with a `minimize` of its own: it decides what is computed and applied.
 * TensorFlow.js's class computes the gradients, applies and disposes them.
 */
export function minimizesItself(optimizer: tf.Optimizer): boolean {
  let owners = 0;
  for (let at: object | null = optimizer; at !== null; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, "minimize")) owners++;
  }
  return owners > 1;
}
