import type { Compiled } from "../compiled.ts";
import type { Kernels } from "./kernels.ts";
import type { AccuracyKernel, LossKernel } from "./kernels/loss.ts";

/** Kernels of losses, which also serve as metrics, by the names that `compile` accepts. */
const lossKernels: Readonly<Record<string, keyof Kernels>> = {
  meanSquaredError: "squaredError",
  mse: "squaredError",
  MSE: "squaredError",
  meanAbsoluteError: "absoluteError",
  mae: "absoluteError",
  MAE: "absoluteError",
  categoricalCrossentropy: "categoricalCrossentropy",
  sparseCategoricalCrossentropy: "sparseCategoricalCrossentropy",
  binaryCrossentropy: "binaryCrossentropy",
};

const accuracyKernels: Readonly<Record<string, keyof Kernels>> = {
  binaryAccuracy: "binaryAccuracy",
  categoricalAccuracy: "categoricalAccuracy",
};

/** The kernel of a loss; undefined if TensorFlow.js has to compute it. */
export function lossKernelOf(kernels: Kernels, name: string | undefined): LossKernel | undefined {
  return kernelIn(kernels, lossKernels, name) as LossKernel | undefined;
}

/**
 * The kernel of a metric; undefined if TensorFlow.js has to compute it. The meaning of `accuracy`
 * depends on output and loss, as in `compile`.
 */
export function metricKernelOf(
  kernels: Kernels,
  { outputSizes, lossNames }: Compiled,
  { identifier, output, ratio }: Compiled["metrics"][number],
): AccuracyKernel | undefined {
  if (ratio !== undefined || identifier === undefined) return undefined;
  const takesClasses = lossNames[output] === "sparseCategoricalCrossentropy";
  if (identifier === "accuracy" || identifier === "acc") {
    const isBinary = outputSizes[output] === 1 || lossNames[output] === "binaryCrossentropy";
    if (isBinary) return kernels.binaryAccuracy;
    return takesClasses ? kernels.sparseCategoricalAccuracy : kernels.categoricalAccuracy;
  }
  // The targets have the shape that the loss needs: class numbers, or a value for each class.
  if (takesClasses !== (identifier === "sparseCategoricalCrossentropy")) return undefined;
  const accuracy = kernelIn(kernels, accuracyKernels, identifier);
  if (accuracy !== undefined) return accuracy as AccuracyKernel;
  const loss = lossKernelOf(kernels, identifier);
  return loss && ((positions, columns, p, y) => loss(positions, columns, p, y, 0, 0, 0));
}

function kernelIn(
  kernels: Kernels,
  names: Readonly<Record<string, keyof Kernels>>,
  name: string | undefined,
): Kernels[keyof Kernels] | undefined {
  if (name === undefined || !Object.hasOwn(names, name)) return undefined;
  return kernels[names[name]];
}
