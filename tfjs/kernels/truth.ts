import type * as tfjs from "@tensorflow/tfjs";

const inputs: Record<string, string[]> = {
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

/**
 * The gradients of comparisons and logic: zero. tfjs lacks most of them on all backends, so that a
 * layer that compares, such as `thresholdedReLU`, cannot train.
 */
export function truthGradients(tf: typeof tfjs): tfjs.GradConfig[] {
  return Object.entries(inputs).map(([kernelName, inputsToSave]) => ({
    kernelName,
    inputsToSave,
    gradFunc: (_dy, saved) =>
      Object.fromEntries(inputsToSave.map((name, i) => [name, () => tf.zeros(saved[i].shape)])),
  }));
}
