import type * as tfjs from "@tensorflow/tfjs";
import { gives, runKernel, type TrainingKernel } from "./wasm.ts";

/** A rectifier with slopes, which tfjs's kernel repeats as if they were those of the last axes. */
export const prelu: TrainingKernel = {
  name: "Prelu",
  run(tf, { inputs: { x, alpha }, attrs, backend }, theirs) {
    const kernel = theirs as tfjs.KernelFunc;
    const reps = repetitions(alpha.shape, x.shape);
    if (reps.every((count) => count === 1)) return kernel({ inputs: { x, alpha }, attrs, backend });
    const slopes = runKernel(tf, "Tile", { x: alpha }, { reps }, backend);
    const out = kernel({ inputs: { x, alpha: slopes }, attrs, backend });
    backend.disposeData(slopes.dataId);
    return out;
  },
  suffices: (theirs, backend) =>
    gives(
      [-1, -1, -2, -2],
      theirs,
      { x: { shape: [2, 2], values: [-1, -1, -1, -1] }, alpha: { shape: [2, 1], values: [1, 2] } },
      {},
      backend,
    ),
};

/** How often slopes are repeated along each of their axes, except for leading axes of size 1. */
function repetitions(slopes: number[], shape: number[]): number[] {
  const sizes = shape.slice(shape.length - slopes.length);
  const first = slopes.findIndex((size) => size !== 1);
  return slopes.map((size, axis) => first < 0 || axis < first ? 1 : sizes[axis] / size);
}
