import type { Builder } from "../builder.ts";
import { type Block, sizeOf, type Value } from "../graph.ts";
import { PlanError } from "../plan_error.ts";
import { inSequence } from "./compose.ts";
import { rearrange } from "./rearrange.ts";
import type { LayerPlanner, PlannedLayer } from "./types.ts";

/** `tf.layers.add`. */
export function planAdd(_: unknown, inputs: Value[], builder: Builder): PlannedLayer {
  return planSum(inputs, builder, 1);
}

/** `tf.layers.average`. */
export function planAverage(_: unknown, inputs: Value[], builder: Builder): PlannedLayer {
  return planSum(inputs, builder, 1 / inputs.length);
}

function planSum(inputs: Value[], builder: Builder, factor: number): PlannedLayer {
  const { kernels } = builder;
  const { output, gradients, count } = prepare(inputs, builder);
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        const { address: y } = output.data;
        kernels.copy(count(rows), inputs[0].data.address, y);
        for (const { data } of inputs.slice(1)) kernels.add(count(rows), data.address, y);
        if (factor !== 1) kernels.scale(count(rows), factor, y, y);
      },
      backward(rows) {
        for (const to of gradients) {
          if (to !== undefined) {
            kernels.scale(count(rows), factor, output.gradient.address, to.address);
          }
        }
      },
    },
  };
}

/** `tf.layers.multiply`. */
export function planMultiply(_: unknown, inputs: Value[], builder: Builder): PlannedLayer {
  const { kernels } = builder;
  const { output, gradients, count } = prepare(inputs, builder);
  // Product of the inputs up to and including each.
  const products = inputs.map(({ data, size }, i): Block => {
    if (i === 0) return data;
    return i === inputs.length - 1 ? output.data : builder.perRow(size);
  });
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        for (let i = 1; i < inputs.length; i++) {
          const { address: x } = inputs[i].data;
          kernels.multiply(count(rows), products[i - 1].address, x, products[i].address);
        }
      },
      backward(rows) {
        // The gradient of a product is overwritten by that of the product before it.
        const { address: d } = output.gradient;
        for (let i = inputs.length - 1; i > 0; i--) {
          const to = gradients[i];
          if (to !== undefined) {
            kernels.multiply(count(rows), d, products[i - 1].address, to.address);
          }
          kernels.multiply(count(rows), d, inputs[i].data.address, d);
        }
        if (gradients[0] !== undefined) kernels.copy(count(rows), d, gradients[0].address);
      },
    },
  };
}

/** `tf.layers.maximum`. */
export function planMaximum(_: unknown, inputs: Value[], builder: Builder): PlannedLayer {
  return planPick(inputs, builder, 1);
}

/** `tf.layers.minimum`. */
export function planMinimum(_: unknown, inputs: Value[], builder: Builder): PlannedLayer {
  return planPick(inputs, builder, 0);
}

function planPick(inputs: Value[], builder: Builder, isLarger: number): PlannedLayer {
  const { kernels } = builder;
  const { output, gradients, count } = prepare(inputs, builder);
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        const { address: y } = output.data;
        kernels.copy(count(rows), inputs[0].data.address, y);
        for (const { data } of inputs.slice(1)) {
          kernels.pick(count(rows), isLarger, y, data.address, y);
        }
      },
      backward(rows) {
        const { data, gradient } = output;
        inputs.forEach((input, i) => {
          const to = gradients[i]?.address ?? 0;
          kernels.pickGradient(count(rows), input.data.address, data.address, gradient.address, to);
        });
      },
    },
  };
}

/** Output and gradients of an elementwise layer. */
function prepare(inputs: Value[], builder: Builder) {
  const [{ shape, size }] = inputs;
  if (inputs.some((one) => `${one.shape}` !== `${shape}`)) {
    throw new PlanError("a maximum or minimum of different shapes is not compiled");
  }
  const output = builder.value(shape, inputs);
  const gradients = inputs.map((input) => builder.gradientOf(input));
  return { output, gradients, count: (rows: number) => rows * size };
}

/** Extend a planner for inputs of one shape to inputs that TensorFlow.js broadcasts. */
export function broadcasting(planner: LayerPlanner): LayerPlanner {
  return (layer, inputs, builder, call) => {
    const rank = Math.max(...inputs.map(({ shape }) => shape.length));
    const shapes = inputs.map(({ shape }) => [...Array(rank - shape.length).fill(1), ...shape]);
    const full = shapes[0].map((_, axis) => Math.max(...shapes.map((shape) => shape[axis])));
    const spread = inputs.map((input, i) =>
      `${input.shape}` === `${full}` ? undefined : planBroadcast(input, shapes[i], full, builder)
    );
    const values = inputs.map((input, i) => spread[i]?.outputs[0] ?? input);
    return inSequence(
      ...spread.filter((one) => one !== undefined),
      planner(layer, values, builder, call),
    );
  };
}

/**
 * Repeat the values of an input along the axes of size 1.
 *
 * @param shape the input's, with as many axes as `full`
 */
function planBroadcast(
  input: Value,
  shape: readonly number[],
  full: number[],
  builder: Builder,
): PlannedLayer {
  const steps = shape.map((size, i) => size === 1 ? 0 : sizeOf(shape.slice(i + 1)));
  return rearrange(input, full, builder, steps);
}

/** `tf.layers.concatenate`. */
export function planConcatenate(
  { axis }: { axis: number },
  inputs: Value[],
  builder: Builder,
): PlannedLayer {
  const { kernels } = builder;
  const [{ shape }] = inputs;
  // Axis 0 is the batch. TensorFlow.js counts negative axes without it, except for -1.
  const along = axis === -1 ? shape.length - 1 : axis - 1;
  if (along < 0) throw new PlanError(`a concatenation along axis ${axis} is not compiled`);
  const runs = sizeOf(shape.slice(0, along));
  const widths = inputs.map(({ size }) => size / runs);
  const starts = widths.map((_, i) => sizeSum(widths.slice(0, i)));
  const all = sizeSum(widths);
  const total = inputs.reduce((sum, one) => sum + one.shape[along], 0);
  const output = builder.value(shape.with(along, total), inputs);
  const gradients = inputs.map((input) => builder.gradientOf(input));
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        inputs.forEach(({ data }, i) => {
          const to = output.data.address + starts[i] * 4;
          kernels.copyColumns(rows * runs, widths[i], data.address, widths[i], to, all);
        });
      },
      backward(rows) {
        gradients.forEach((to, i) => {
          if (to === undefined) return;
          const from = output.gradient.address + starts[i] * 4;
          kernels.copyColumns(rows * runs, widths[i], from, all, to.address, widths[i]);
        });
      },
    },
  };
}

function sizeSum(sizes: number[]): number {
  return sizes.reduce((sum, size) => sum + size, 0);
}
