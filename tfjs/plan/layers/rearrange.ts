import type { Builder } from "../builder.ts";
import { sizeOf, type Value } from "../graph.ts";
import type { PlannedLayer } from "./types.ts";
import { planUnary } from "./unary.ts";

/** `tf.layers.permute`. */
export function planPermute(
  { dims }: { dims: readonly number[] },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const shape = dims.map((dim) => input.shape[dim - 1]);
  const steps = dims.map((dim) => sizeOf(input.shape.slice(dim)));
  return rearrange(input, shape, builder, steps);
}

/** `tf.layers.repeatVector`. */
export function planRepeatVector(
  { n }: { n: number },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  return rearrange(input, [n, ...input.shape], builder, [0, 1]);
}

/**
 * A layer whose output values are values of the input.
 *
 * @param steps stride in the input along each axis of the output, in values
 */
export function rearrange(
  input: Value,
  shape: number[],
  builder: Builder,
  steps: number[],
): PlannedLayer {
  const { kernels } = builder;
  const map = builder.constants(indices(shape, steps));
  const size = sizeOf(shape);
  const repeats = repetitions(shape, steps);
  return planUnary(input, shape, builder, {
    forward: (rows, x, y) => kernels.gather(rows, size, map.address, x, input.size, y),
    backward(rows, dy, dx) {
      if (repeats > 1) {
        // Sums by columns have smaller rounding errors.
        for (let row = 0; row < rows; row++) {
          kernels.columnSums(repeats, input.size, dy + row * size * 4, dx + row * input.size * 4);
        }
        return;
      }
      kernels.zero(rows * input.size, dx);
      kernels.scatterAdd(rows, size, map.address, dy, dx, input.size);
    },
  });
}

/** How often a strided array has all values one after another; 1 if they are in another order. */
function repetitions(shape: readonly number[], steps: readonly number[]): number {
  const first = steps.findIndex((step, axis) => step !== 0 && shape[axis] !== 1);
  if (first < 0) return sizeOf(shape);
  const inOrder = shape.every((size, axis) =>
    axis < first || size === 1 || steps[axis] === sizeOf(shape.slice(axis + 1))
  );
  return inOrder ? sizeOf(shape.slice(0, first)) : 1;
}

/** Offset of each value of a strided array, in row-major order. */
export function indices(shape: readonly number[], steps: readonly number[]): Int32Array {
  let all = [0];
  shape.forEach((size, axis) => {
    all = all.flatMap((at) => Array.from({ length: size }, (_, i) => at + i * steps[axis]));
  });
  return Int32Array.from(all);
}
