import type * as tf from "@tensorflow/tfjs";
import type { Engine } from "../engine.ts";

/**
 * A scalar computed by TensorFlow.js and its gradients.
 *
 * @param allowsNone whether the scalar may be independent of a tensor, whose gradient is then null
 * @throws Error when the scalar depends on none of the tensors, unless that is allowed
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
