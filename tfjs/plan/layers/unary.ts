import type { Builder } from "../builder.ts";
import type { Value } from "../graph.ts";
import type { PlannedLayer } from "./types.ts";

/** Kernel calls of a layer with one input and no weights. Arrays are addresses. */
export interface UnaryOperation {
  /** Compute the output. */
  forward(rows: number, x: number, y: number): void;
  /** Compute the gradient of the input, `dx`. Not called if the input requires none. */
  backward(rows: number, dy: number, dx: number, x: number, y: number): void;
}

/**
 * Plan a layer with one input and no weights.
 *
 * @param shape shape of one row of the output
 */
export function planUnary(
  input: Value,
  shape: readonly number[],
  builder: Builder,
  { forward, backward }: UnaryOperation,
): PlannedLayer {
  const output = builder.value(shape, [input]);
  const inputGradient = builder.gradientOf(input);
  return {
    outputs: [output],
    operation: {
      forward: (rows) => forward(rows, input.data.address, output.data.address),
      backward(rows) {
        if (inputGradient === undefined) return;
        const { data, gradient } = output;
        backward(rows, gradient.address, inputGradient.address, input.data.address, data.address);
      },
    },
  };
}
