import {
  type Activation,
  activationNamed,
  activationOperation,
  isElementwise,
  planActivation,
  type PlannedActivation,
} from "../activations.ts";
import type { Builder } from "../builder.ts";
import type { Block, LayerVariable, Value } from "../graph.ts";
import { PlanError } from "../plan_error.ts";
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
  return plan(activationNamed("clippedRelu", maxValue), input, builder);
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
export function planELU(_: unknown, [input]: Value[], builder: Builder): PlannedLayer {
  // TensorFlow.js supports no alpha but 1.
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
  // With shared axes, alpha is broadcast to the shape of a row.
  const index = alpha.size === size
    ? undefined
    : builder.constants(Int32Array.from(sharedIndex(shape, alpha.shape)));
  const spread = index && builder.fixed(size);
  const inputGradient = builder.gradientOf(input);
  const alphaGradient = builder.weightGradientOf(alpha);
  const spreadGradient = alphaGradient && (index ? builder.fixed(size) : alphaGradient);
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        if (spread) kernels.spread(size, alpha.data.address, index.address, spread.address);
        const { address: a } = spread ?? alpha.data;
        kernels.prelu(rows, size, input.data.address, a, output.data.address);
      },
      backward(rows) {
        const { address: a } = spread ?? alpha.data;
        const { gradient: { address: dy } } = output;
        const [dx, da] = [inputGradient?.address ?? 0, spreadGradient?.address ?? 0];
        kernels.preluGradient(rows, size, input.data.address, a, dy, dx, da);
        if (index && alphaGradient) {
          kernels.spreadGradient(size, alpha.size, da, index.address, alphaGradient.address);
        }
      },
    },
  };
}

/** Index of each value of `shape` in an array of the shape `shared`, whose axes may have size 1. */
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
 * The activation of a layer.
 *
 * @returns the block for the pre-activations, the operation that follows, `isRelu` if the kernel
 *   that computes the sums can apply it, and `activateMaxima`, the operation on maxima of the output
 *   unless their gradients depend on other values
 */
export function activated(layerActivation: Activation | null, output: Value, builder: Builder) {
  const activation = planActivation(layerActivation);
  const sums = activation?.needsInput ? builder.perRow(output.size) : output.data;
  const operationOn = ({ size, data, gradient }: Value, input: Block) =>
    activation && activationOperation(builder, activation, {
      size,
      columns: output.shape.at(-1) ?? 1,
      input,
      output: data,
      gradient,
    });
  const needsMore = activation !== undefined &&
    (activation.needsInput || !isElementwise(activation));
  return {
    sums,
    isRelu: activation?.name === "relu",
    activate: operationOn(output, sums),
    activateMaxima: needsMore ? undefined : (maxima: Value) => operationOn(maxima, maxima.data),
  };
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
  const inputGradient = builder.gradientOf(input);
  return {
    outputs: [output],
    operation: {
      forward,
      backward(rows) {
        backward(rows);
        if (inputGradient !== undefined) {
          kernels.copy(rows * input.size, output.gradient.address, inputGradient.address);
        }
      },
    },
  };
}
