import type { Activation } from "../activations.ts";
import type { Builder } from "../builder.ts";
import { convolve } from "../convolution.ts";
import type { LayerVariable, Value } from "../graph.ts";
import { PlanError } from "../plan_error.ts";
import { type Axes, type Axis, axisOf, flatAxis } from "../windows.ts";
import { activated } from "./activation.ts";
import type { PlannedLayer } from "./types.ts";

/** Fields shared by the convolutional layers of TensorFlow.js. */
export interface ConvolutionLayer {
  kernelSize: number[];
  strides: number[];
  padding: string;
  dataFormat: string;
  dilationRate: number[];
  kernel: LayerVariable;
  bias: LayerVariable | null;
  activation: Activation | null;
}

/** `tf.layers.conv1d`, `conv2d` and `conv3d`. */
export function planConvolution(
  layer: ConvolutionLayer,
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const axes = axesOf(layer, input.shape);
  const kernel = builder.weight(layer.kernel);
  const [C, N] = kernel.shape.slice(-2);
  const bias = layer.bias === null ? undefined : builder.weight(layer.bias);
  const output = builder.value(outputShape(input, axes, N), [input, kernel, bias]);
  const { sums, isRelu, activate } = activated(layer.activation, output, builder);
  const inputGradient = builder.gradientOf(input);
  const convolution = convolve(builder, axes, C, N, inputGradient !== undefined);
  const kernelGradient = builder.weightGradientOf(kernel);
  const biasGradient = bias && builder.weightGradientOf(bias);
  const positions = output.size / N;
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        const biasAddress = bias?.data.address ?? 0;
        convolution.forward(rows, input.data, kernel.data, sums, biasAddress, isRelu);
        if (!isRelu) activate?.forward(rows);
      },
      backward(rows) {
        activate?.backward(rows);
        const { gradient } = output;
        if (kernelGradient) convolution.weightGradient(rows, input.data, gradient, kernelGradient);
        if (biasGradient) {
          builder.kernels.columnSums(rows * positions, N, gradient.address, biasGradient.address);
        }
        if (inputGradient) convolution.inputGradient(rows, gradient, kernel.data, inputGradient);
      },
    },
  };
}

/** `tf.layers.conv2dTranspose` and `conv3dTranspose`: the gradient of a convolution with respect to its input. */
export function planTransposedConvolution(
  layer: ConvolutionLayer,
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const kernel = builder.weight(layer.kernel);
  const [N, C] = kernel.shape.slice(-2);
  // Axes of the convolution whose gradient it is.
  const axes = layer.kernelSize.map((size, i) => {
    const stride = layer.strides[i];
    const taken = layer.padding === "same" ? 0 : Math.max(size - stride, 0);
    return axisOf(input.shape[i] * stride + taken, size, stride, 1, layer.padding);
  });
  if (axes.length === 3) checkVolume(axes, layer.padding);
  const bias = layer.bias === null ? undefined : builder.weight(layer.bias);
  const shape = [...axes.map(({ input }) => input), N];
  const output = builder.value(shape, [input, kernel, bias]);
  const { sums, activate } = activated(layer.activation, output, builder);
  const convolution = convolve(builder, axes, N, C, true);
  const inputGradient = builder.gradientOf(input);
  const kernelGradient = builder.weightGradientOf(kernel);
  const biasGradient = bias && builder.weightGradientOf(bias);
  const positions = output.size / N;
  const { kernels } = builder;
  return {
    outputs: [output],
    operation: {
      forward(rows) {
        convolution.inputGradient(rows, input.data, kernel.data, sums);
        if (bias) kernels.addBias(rows * positions, N, bias.data.address, sums.address);
        activate?.forward(rows);
      },
      backward(rows) {
        activate?.backward(rows);
        const { gradient } = output;
        if (kernelGradient) convolution.weightGradient(rows, gradient, input.data, kernelGradient);
        if (biasGradient) {
          kernels.columnSums(rows * positions, N, gradient.address, biasGradient.address);
        }
        if (inputGradient) {
          convolution.forward(rows, gradient, kernel.data, inputGradient, 0, false);
        }
      },
    },
  };
}

/**
 * The axes of a layer's windows on an input.
 *
 * @throws PlanError for `channelsFirst` and for windows larger than the input
 */
export function axesOf(
  layer: Pick<ConvolutionLayer, "kernelSize" | "strides" | "padding" | "dataFormat"> & {
    dilationRate?: number[];
  },
  shape: readonly number[],
): Axes {
  // TensorFlow.js has no Conv1D with channels first: it moves the axes of the input alone.
  if (layer.dataFormat === "channelsFirst") throw new PlanError("channelsFirst is not compiled");
  const { kernelSize, strides, padding, dilationRate } = layer;
  const axes = kernelSize.map((size, i) =>
    axisOf(shape[i], size, strides[i], dilationRate?.[i] ?? 1, padding)
  );
  if (axes.length === 3) checkVolume(axes, padding);
  if (axes.some(({ output }) => output < 1)) throw new PlanError("its windows exceed its input");
  return axes.length === 1 ? [flatAxis, axes[0]] : axes;
}

/**
 * Check that TensorFlow.js pads a volume as it pads an image.
 *
 * @throws PlanError where it does not
 */
function checkVolume(axes: Axes, padding: string): void {
  const isUnlike = ({ input, output, size, stride, dilation }: Axis) =>
    dilation > 1 || (output - 1) * stride + size < input;
  if (padding === "same" && axes.some(isUnlike)) {
    throw new PlanError("a volume with gaps between its windows is not compiled");
  }
}

/** Shape of one row of the output. */
export function outputShape({ shape }: Value, axes: Axes, channels: number): number[] {
  return [...axes.slice(1 - shape.length).map(({ output }) => output), channels];
}
