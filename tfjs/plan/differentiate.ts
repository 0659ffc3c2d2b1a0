import type * as tf from "@tensorflow/tfjs";
import type { Engine } from "../engine.ts";

/**
 * A value computed by TensorFlow.js and its gradients.
 *
 * @param allowsNone whether it may not depend on a tensor, which then has no gradient
 * @throws Error when it depends on none of them, which is not allowed
 */
export function differentiate(
  engine: Engine,
  run: () => tf.Scalar,
  by: tf.Tensor[],
  allowsNone: boolean,
): { value: tf.Scalar; grads: (tf.Tensor | null | undefined)[] } {
  return (engine as unknown as Differentiating).gradients(run, by, undefined, allowsNone);
}

/** The part of the engine that differentiates. */
interface Differentiating {
  gradients(
    run: () => tf.Scalar,
    by: tf.Tensor[],
    dy: undefined,
    allowsNone: boolean,
  ): { value: tf.Scalar; grads: (tf.Tensor | null | undefined)[] };
}
