import {
  type Activation,
  activationNamed,
  activationOperation,
  planActivation,
  type PlannedActivation,
} from "../activations.ts";
import { type Builder, type LayerVariable, PlanError, type Value } from "../builder.ts";
import { planIdentity } from "./shape.ts";
import type { PlannedLayer } from "./types.ts";

/** `tf.layers.activation`. */
export function planActivationLayer(
  layer: { activation: Activation },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const activation = planActivation(layer.activation);
  if (activation === undefined) return planIdentity(layer, [input], builder);
  return plan(activation, input, builder);
}

/** `tf.layers.reLU`. */
export function planReLU(
  { maxValue }: { maxValue?: number | null },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  if (maxValue === undefined || maxValue === null) {
    return plan(activationNamed("relu"), input, builder);
  }
  if (maxValue !== 6) throw new PlanError(`ReLU with maxValue ${maxValue} is not compiled`);
  return plan(activationNamed("relu6"), input, builder);
}

/** `tf.layers.leakyReLU`. */
export function planLeakyReLU(
  { alpha }: { alpha: number },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  return plan(activationNamed("leakyRelu", alpha), input, builder);
}

/** `tf.layers.elu`. */
export function planELU(
  { alpha }: { alpha: number },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  // TensorFlow.js computes the function with alpha 1 whatever is given.
  if (alpha !== 1) throw new PlanError(`ELU with alpha ${alpha} is not compiled`);
  return plan(activationNamed("elu"), input, builder);
}

/** `tf.layers.thresholdedReLU`. */
export function planThresholdedReLU(
  { theta }: { theta: number },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  return plan(activationNamed("thresholdedRelu", theta), input, builder);
}

/** `tf.layers.prelu`. */
export function planPReLU(
  layer: { alpha: LayerVariable },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const { kernels } = builder;
  const { size, shape } = input;
  const alpha = builder.weight(layer.alpha);
  const output = builder.value(shape, [input, alpha]);
  // An alpha that axes share is spread over all of a row.
  const index = alpha.size === size
    ? undefined
    : builder.constants(Int32Array.from(sharedIndex(shape, alpha.shape)));
  const spread = index && builder.fixed(size);
  const to = builder.gradientOf(input);
  const alphaGradient = builder.weightGradientOf(alpha);
  const spreadGradient = alphaGradient && (index ? builder.fixed(size) : alphaGradient);
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        if (spread) kernels.spread(size, alpha.data.address, index.address, spread.address);
        const { address } = spread ?? alpha.data;
        kernels.prelu(rows, size, input.data.address, address, output.data.address);
      },
      backward(rows) {
        const { address } = spread ?? alpha.data;
        const [dx, da] = [to?.address ?? 0, spreadGradient?.address ?? 0];
        kernels.preluGradient(
          rows,
          size,
          input.data.address,
          address,
          output.gradient.address,
          dx,
          da,
        );
        if (index && alphaGradient) {
          kernels.spreadGradient(size, alpha.size, da, index.address, alphaGradient.address);
        }
      },
    },
  };
}

/** For each number of a shape the one that it has in another, whose axes may be of size 1. */
function sharedIndex(shape: readonly number[], shared: readonly number[]): number[] {
  return shape.reduce<number[]>(
    (index, size, axis) =>
      index.flatMap((outer) =>
        Array.from({ length: size }, (_, i) => outer * shared[axis] + (shared[axis] > 1 ? i : 0))
      ),
    [0],
  );
}

/** `tf.layers.softmax`. */
export function planSoftmax(
  { axis }: { axis?: number },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  if (axis !== undefined && axis !== -1 && axis !== input.shape.length) {
    throw new PlanError(`Softmax over axis ${axis} is not compiled`);
  }
  return plan(activationNamed("softmax"), input, builder);
}

/**
 * Where a layer with an activation puts its sums, and what follows.
 *
 * @returns `isRelu` if the sums may get it where they are computed
 */
export function activated(given: Activation | null, output: Value, builder: Builder) {
  const activation = planActivation(given);
  const sums = activation?.needsInput ? builder.perRow(output.size) : output.data;
  const activate = activation && activationOperation(builder, activation, {
    size: output.size,
    columns: output.shape.at(-1) ?? 1,
    input: sums,
    output: output.data,
    gradient: output.gradient,
  });
  return { sums, isRelu: activation?.name === "relu", activate };
}

function plan(activation: PlannedActivation, input: Value, builder: Builder): PlannedLayer {
  const { kernels } = builder;
  const output = builder.value(input.shape, [input]);
  const { forward, backward } = activationOperation(builder, activation, {
    size: input.size,
    columns: input.shape.at(-1) ?? 1,
    input: input.data,
    output: output.data,
    gradient: output.gradient,
  });
  const to = builder.gradientOf(input);
  return {
    outputs: [output],
    operation: {
      forward,
      backward(rows) {
        backward(rows);
        if (to !== undefined) kernels.copy(rows * input.size, output.gradient.address, to.address);
      },
    },
  };
}
