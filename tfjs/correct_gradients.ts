import type * as tf from "@tensorflow/tfjs";
import { findGlobals, getEngine } from "./engine.ts";

/**
 * Correct gradients of TensorFlow.js, on all backends and for all its copies in the process:
 *
 * - those of comparisons and logic, most of which it lacks, so that a layer that compares, such as
 *   `thresholdedReLU` or `masking`, cannot follow a trained layer. They are zero;
 * - that of `unstack` into one tensor, which fails, so that a recurrent layer over one time step
 *   cannot follow a trained layer.
 */
export function correctGradients(): void {
  const registry = findGlobals()?.get("gradRegistry") as Map<string, tf.GradConfig> | undefined;
  if (registry === undefined) return;
  for (const gradient of truthGradients) {
    if (!registry.has(gradient.kernelName)) registry.set(gradient.kernelName, gradient);
  }
  const theirs = registry.get("Unpack");
  if (theirs === undefined || corrected.has(theirs)) return;
  const ours: tf.GradConfig = {
    ...theirs,
    // The engine passes a single gradient without an array.
    gradFunc: (dy, saved, attrs) => theirs.gradFunc([dy].flat(), saved, attrs),
  };
  corrected.add(ours);
  registry.set("Unpack", ours);
}

const corrected = new WeakSet<tf.GradConfig>();

/** Comparisons and logic, and their inputs. */
const truths: Record<string, string[]> = {
  All: ["x"],
  Any: ["x"],
  Equal: ["a", "b"],
  Greater: ["a", "b"],
  GreaterEqual: ["a", "b"],
  Less: ["a", "b"],
  LessEqual: ["a", "b"],
  LogicalAnd: ["a", "b"],
  LogicalNot: ["x"],
  LogicalOr: ["a", "b"],
  NotEqual: ["a", "b"],
};

const truthGradients = Object.entries(truths).map(([kernelName, inputsToSave]): tf.GradConfig => ({
  kernelName,
  inputsToSave,
  gradFunc: (_dy, saved) =>
    Object.fromEntries(inputsToSave.map((name, i) => [name, () => zerosLike(saved[i])])),
}));

function zerosLike({ shape, size }: tf.Tensor): tf.Tensor {
  return getEngine().makeTensor(new Float32Array(size), shape, "float32");
}
