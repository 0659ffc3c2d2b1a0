import type { Builder } from "../builder.ts";
import type { Value } from "../graph.ts";
import { multiplySmall } from "../matrices.ts";
import { PlanError } from "../plan_error.ts";
import type { PlannedLayer } from "./types.ts";

/** `tf.layers.dot`: a product of matrices or vectors for each row. */
export function planDot(
  { axes, normalize }: { axes: number | number[]; normalize: boolean },
  inputs: Value[],
  builder: Builder,
): PlannedLayer {
  const { kernels } = builder;
  const axisPair = Array.isArray(axes) ? axes : [axes, axes];
  const [x, y] = inputs;
  if (normalize) throw new PlanError("a normalized dot is not compiled");
  const parts = inputs.map(({ shape }, i) => {
    const axis = axisPair[i] < 0 ? axisPair[i] + shape.length + 1 : axisPair[i];
    if (axis < 1 || shape.length > 2) throw new PlanError(`a dot along ${axes} is not compiled`);
    return { sum: shape[axis - 1], outer: shape.length === 1 ? 1 : shape[2 - axis], axis };
  });
  const [{ sum: depth, outer: n }, { outer: m }] = parts;
  // The n x depth matrix x and the depth x m matrix y may be stored transposed.
  const isLeftTransposed = parts[0].axis === 1 && n > 1;
  const isRightTransposed = parts[1].axis === 2 && m > 1;
  const shape = inputs.flatMap(({ shape }, i) => shape.length === 1 ? [] : [parts[i].outer]);
  const output = builder.value(shape.length === 0 ? [1] : shape, inputs);
  const [dx, dy] = inputs.map((input) => builder.gradientOf(input));
  const operand = builder.fixed(Math.max(n, m) * depth);
  const product = builder.fixed(Math.max(n, m) * depth);
  const multiply = multiplySmall(builder, Math.max(n, m, depth));
  const [size, outputSize] = [(value: Value) => value.size * 4, output.size * 4];
  const left = isLeftTransposed ? [1, n] : [depth, 1];
  const transposed = (rows: number, columns: number, address: number): number => {
    kernels.transpose(rows, columns, address, operand.address, rows);
    return operand.address;
  };
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        for (let row = 0; row < rows; row++) {
          const [a, b] = [x.data.address + row * size(x), y.data.address + row * size(y)];
          const right = isRightTransposed ? transposed(m, depth, b) : b;
          multiply([n, m, depth], a, left, right, output.data.address + row * outputSize);
        }
      },
      backward(rows) {
        for (let row = 0; row < rows; row++) {
          const [a, b] = [x.data.address + row * size(x), y.data.address + row * size(y)];
          const d = output.gradient.address + row * outputSize;
          if (dx !== undefined) {
            const to = dx.address + row * size(x);
            const right = isRightTransposed ? b : transposed(depth, m, b);
            multiply([n, depth, m], d, [m, 1], right, isLeftTransposed ? product.address : to);
            if (isLeftTransposed) kernels.transpose(n, depth, product.address, to, n);
          }
          if (dy !== undefined) {
            const to = dy.address + row * size(y);
            const result = isRightTransposed ? product.address : to;
            multiply([depth, m, n], a, left.toReversed(), d, result);
            if (isRightTransposed) kernels.transpose(depth, m, product.address, to, depth);
          }
        }
      },
    },
  };
}
