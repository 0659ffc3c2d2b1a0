import type * as tf from "@tensorflow/tfjs";

/**
 * Loss, metrics and optimizer of a compiled model in TensorFlow.js's form.
 *
 * @throws TypeError for functions, which it cannot write: it saves a loss function as `{}` and a
 *   metric function by a name that cannot be loaded
 */
export function trainingConfigOf(model: tf.LayersModel): tf.io.TrainingConfig {
  if (holdsFunction(model.loss) || holdsFunction(model.metrics)) {
    throw new TypeError(
      "its loss or a metric is a function, which has no name that a load could find",
    );
  }
  return (model as unknown as { getTrainingConfig(): tf.io.TrainingConfig }).getTrainingConfig();
}

function holdsFunction(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return typeof value === "function";
  return Object.values(value).some(holdsFunction);
}
