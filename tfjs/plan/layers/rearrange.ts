import type { Builder } from "../builder.ts";
import { sizeOf, type Value } from "../graph.ts";
import type { PlannedLayer } from "./types.ts";
import { planUnary } from "./unary.ts";

/** `tf.layers.permute`. */
export function planPermute(
  { dims }: { dims: number[] },
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
function rearrange(
  input: Value,
  shape: number[],
  builder: Builder,
  steps: number[],
): PlannedLayer {
  const { kernels } = builder;
  const map = builder.constants(indices(shape, steps));
  const size = sizeOf(shape);
  return planUnary(input, shape, builder, {
    forward: (rows, x, y) => kernels.gather(rows, size, map.address, x, input.size, y),
    backward(rows, dy, dx) {
      kernels.zero(rows * input.size, dx);
      kernels.scatterAdd(rows, size, map.address, dy, dx, input.size);
    },
  });
}

/** Offset of each value of a strided array, in row-major order. */
export function indices(shape: readonly number[], steps: readonly number[]): Int32Array {
  let all = [0];
  shape.forEach((size, axis) => {
    all = all.flatMap((at) => Array.from({ length: size }, (_, i) => at + i * steps[axis]));
  });
  return Int32Array.from(all);
}
