import type { Builder } from "../builder.ts";
import { convolveDepthwise } from "../depthwise.ts";
import type { Block, LayerVariable, Value } from "../graph.ts";
import { multiply } from "../matrices.ts";
import type { Axes } from "../windows.ts";
import { activated } from "./activation.ts";
import { axesOf, type ConvolutionLayer, outputShape } from "./convolution.ts";
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
  const kernel = builder.weight(layer.depthwiseKernel);
  const bias = layer.bias === null ? undefined : builder.weight(layer.bias);
  const [C, multiplier] = kernel.shape.slice(-2);
  const N = C * multiplier;
  const output = builder.value(outputShape(input, axes, N), [input, kernel, bias]);
  const { sums, activate } = activated(layer.activation, output, builder);
  const depthwise = multipliedDepthwise(builder, axes, input, multiplier);
  const inputGradient = builder.gradientOf(input);
  const kernelGradient = builder.weightGradientOf(kernel);
  const biasGradient = bias && builder.weightGradientOf(bias);
  const positions = output.size / N;
  const { kernels } = builder;
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        depthwise.forward(rows, kernel.data, sums, bias?.data.address ?? 0);
        activate?.forward(rows);
      },
      backward(rows) {
        activate?.backward(rows);
        const { gradient } = output;
        if (kernelGradient) depthwise.weightGradient(rows, gradient, kernelGradient);
        if (biasGradient) {
          kernels.columnSums(rows * positions, N, gradient.address, biasGradient.address);
        }
        if (inputGradient) depthwise.inputGradient(rows, gradient, kernel.data, inputGradient);
      },
    },
  };
}

/** `tf.layers.separableConv2d`: a depthwise, then a pointwise convolution. */
export function planSeparable(
  layer: SeparableLayer,
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const { kernels } = builder;
  const axes = axesOf(layer, input.shape);
  const depths = builder.weight(layer.depthwiseKernel);
  const points = builder.weight(layer.pointwiseKernel);
  const bias = layer.bias === null ? undefined : builder.weight(layer.bias);
  const [C, multiplier] = depths.shape.slice(-2);
  const [K, N] = [C * multiplier, points.shape.at(-1)!];
  const output = builder.value(outputShape(input, axes, N), [input, depths, points, bias]);
  const { sums, isRelu, activate } = activated(layer.activation, output, builder);
  const positions = output.size / N;
  const hidden = builder.perRow(positions * K);
  const depthwise = multipliedDepthwise(builder, axes, input, multiplier);
  const product = multiply(builder, K, N);
  const inputGradient = builder.gradientOf(input);
  const depthsGradient = builder.weightGradientOf(depths);
  const pointsGradient = builder.weightGradientOf(points);
  const biasGradient = bias && builder.weightGradientOf(bias);
  const needsHidden = Boolean(inputGradient || depthsGradient);
  const hiddenGradient = builder.isTraining ? builder.perRow(positions * K) : hidden;
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        depthwise.forward(rows, depths.data, hidden, 0);
        const biasAddress = bias?.data.address ?? 0;
        product.forward(rows * positions, hidden, points.data, sums, biasAddress, isRelu);
        if (!isRelu) activate?.forward(rows);
      },
      backward(rows) {
        activate?.backward(rows);
        const M = rows * positions;
        const { gradient } = output;
        if (pointsGradient) product.weightGradient(M, hidden, gradient, pointsGradient);
        if (biasGradient) kernels.columnSums(M, N, gradient.address, biasGradient.address);
        if (needsHidden) product.inputGradient(M, gradient, points.data, hiddenGradient);
        if (depthsGradient) depthwise.weightGradient(rows, hiddenGradient, depthsGradient);
        if (inputGradient) {
          depthwise.inputGradient(rows, hiddenGradient, depths.data, inputGradient);
        }
      },
    },
  };
}

/** A depthwise convolution with a depth multiplier. */
function multipliedDepthwise(builder: Builder, axes: Axes, input: Value, multiplier: number) {
  const { kernels } = builder;
  const channels = input.shape.at(-1)! * multiplier;
  const convolution = convolveDepthwise(builder, axes, channels, input.requiresGradient);
  const isRepeated = multiplier > 1;
  const copies = isRepeated ? builder.perRow(input.size * multiplier) : input.data;
  const copiesGradient = isRepeated && input.requiresGradient
    ? builder.perRow(input.size * multiplier)
    : undefined;
  return {
    forward(rows: number, w: Block, y: Block, bias: number): void {
      if (isRepeated) {
        kernels.repeat(rows * input.size, multiplier, input.data.address, copies.address);
      }
      convolution.forward(rows, copies, w, y, bias, false);
    },
    weightGradient: (rows: number, dy: Block, dw: Block) =>
      convolution.weightGradient(rows, copies, dy, dw),
    inputGradient(rows: number, dy: Block, w: Block, dx: Block): void {
      convolution.inputGradient(rows, dy, w, copiesGradient ?? dx);
      if (copiesGradient) {
        kernels.repeatGradient(rows * input.size, multiplier, copiesGradient.address, dx.address);
      }
    },
  };
}
