import type { Builder } from "../builder.ts";
import { convolveDepthwise } from "../depthwise.ts";
import type { LayerVariable, Value } from "../graph.ts";
import type { LinearMap } from "../linear_map.ts";
import { multiply } from "../matrices.ts";
import type { Axes } from "../windows.ts";
import { inSequence } from "./compose.ts";
import { axesOf, type ConvolutionLayer, outputShape } from "./convolution.ts";
import { type LinearLayer, planLinear } from "./linear.ts";
import type { PlannedLayer } from "./types.ts";

interface DepthwiseLayer extends Omit<ConvolutionLayer, "kernel"> {
  depthwiseKernel: LayerVariable;
}

interface SeparableLayer extends DepthwiseLayer {
  pointwiseKernel: LayerVariable;
}

/** `tf.layers.depthwiseConv2d`. TensorFlow.js ignores its `dilationRate`. */
export function planDepthwise(
  layer: DepthwiseLayer,
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const axes = axesOf({ ...layer, dilationRate: undefined }, input.shape);
  return planDepthwiseMap(layer, layer.depthwiseKernel, axes, input, builder);
}

/** `tf.layers.separableConv2d`: a depthwise, then a pointwise convolution. */
export function planSeparable(
  layer: SeparableLayer,
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const axes = axesOf(layer, input.shape);
  const plain = { bias: null, activation: null };
  const depthwise = planDepthwiseMap(plain, layer.depthwiseKernel, axes, input, builder);
  const [hidden] = depthwise.outputs;
  const kernel = builder.weight(layer.pointwiseKernel);
  const [K, N] = kernel.shape.slice(-2);
  const product = multiply(builder, K, N);
  const shape = outputShape(input, axes, N);
  return inSequence(
    depthwise,
    planLinear(layer, hidden, kernel, shape, builder, product, { positions: hidden.size / K }),
  );
}

function planDepthwiseMap(
  layer: LinearLayer,
  variable: LayerVariable,
  axes: Axes,
  input: Value,
  builder: Builder,
): PlannedLayer {
  const kernel = builder.weight(variable);
  const [C, multiplier] = kernel.shape.slice(-2);
  const map = multiplied(builder, axes, input, multiplier);
  const shape = outputShape(input, axes, C * multiplier);
  return planLinear(layer, input, kernel, shape, builder, map, { fusesRelu: false });
}

/** A depthwise convolution with a depth multiplier: each channel is repeated. */
function multiplied(builder: Builder, axes: Axes, input: Value, multiplier: number): LinearMap {
  const { kernels } = builder;
  const channels = input.shape.at(-1)! * multiplier;
  const convolution = convolveDepthwise(builder, axes, channels, input.requiresGradient);
  if (multiplier === 1) return convolution;
  const copies = builder.perRow(input.size * multiplier);
  const copiesGradient = input.requiresGradient
    ? builder.perRow(input.size * multiplier)
    : undefined;
  return {
    forward(rows, x, w, y, bias, isRelu) {
      kernels.repeat(rows * input.size, multiplier, x.address, copies.address);
      convolution.forward(rows, copies, w, y, bias, isRelu);
    },
    weightGradient: (rows, _x, dy, dw) => convolution.weightGradient(rows, copies, dy, dw),
    inputGradient(rows, dy, w, dx) {
      if (copiesGradient === undefined) return;
      convolution.inputGradient(rows, dy, w, copiesGradient);
      kernels.repeatGradient(rows * input.size, multiplier, copiesGradient.address, dx.address);
    },
  };
}
