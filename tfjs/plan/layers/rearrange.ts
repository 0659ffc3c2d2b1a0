import type { Builder } from "../builder.ts";
import { sizeOf, type Value } from "../graph.ts";
import type { PlannedLayer } from "./types.ts";

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
  const output = builder.value(shape, [input]);
  const inputGradient = builder.gradientOf(input);
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        kernels.gather(
          rows,
          output.size,
          map.address,
          input.data.address,
          input.size,
          output.data.address,
        );
      },
      backward(rows) {
        if (inputGradient === undefined) return;
        kernels.zero(rows * input.size, inputGradient.address);
        kernels.scatterAdd(
          rows,
          output.size,
          map.address,
          output.gradient.address,
          inputGradient.address,
          input.size,
        );
      },
    },
  };
}

/** Offset of each value of a strided array, in row-major order. */
export function indices(shape: readonly number[], steps: readonly number[]): Int32Array {
  let all = [0];
  shape.forEach((size, axis) => {
    all = all.flatMap((at) => Array.from({ length: size }, (_, i) => at + i * steps[axis]));
  });
  return Int32Array.from(all);
}
