import type { Builder } from "../builder.ts";
import { convolve } from "../convolution.ts";
import { type LayerVariable, sizeOf, type Value } from "../graph.ts";
import type { LinearMap } from "../linear_map.ts";
import { PlanError } from "../plan_error.ts";
import { type Axes, type Axis, axisOf, flatAxis } from "../windows.ts";
import { type LinearLayer, planLinear } from "./linear.ts";
import type { PlannedLayer } from "./types.ts";

/** Fields shared by the convolutional layers of TensorFlow.js. */
export interface ConvolutionLayer extends LinearLayer {
  kernelSize: number[];
  strides: number[];
  padding: string;
  dataFormat: string;
  dilationRate: number[];
  kernel: LayerVariable;
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
  const shape = outputShape(input, axes, N);
  const convolution = convolve(builder, axes, C, N, input.requiresGradient);
  return planLinear(layer, input, kernel, shape, builder, convolution);
}

/**
 * `tf.layers.conv2dTranspose` and `conv3dTranspose`: the gradient of a convolution with respect to
 * its input.
 */
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
  const shape = [...axes.map(({ input }) => input), N];
  const convolution = convolve(builder, axes, N, C, true);
  const map = transposed(convolution, sizeOf(shape) / N, N, builder);
  return planLinear(layer, input, kernel, shape, builder, map, { fusesRelu: false });
}

/**
 * The transpose of a convolution.
 *
 * @param positions number of pixels of the output
 * @param N channels of the output
 */
function transposed(
  convolution: LinearMap,
  positions: number,
  N: number,
  { kernels }: Builder,
): LinearMap {
  return {
    forward(rows, x, w, y, bias) {
      convolution.inputGradient(rows, x, w, y);
      if (bias !== 0) kernels.addBias(rows * positions, N, bias, y.address);
    },
    weightGradient: (rows, x, dy, dw) => convolution.weightGradient(rows, dy, x, dw),
    inputGradient: (rows, dy, w, dx) => convolution.forward(rows, dy, w, dx, 0, false),
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
  // Conv1D with channels first is broken in TensorFlow.js: it permutes the input, but not the
  // output.
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
 * Check that TensorFlow.js pads a volume like an image.
 *
 * @throws PlanError if it does not
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
