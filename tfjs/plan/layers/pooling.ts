import type { Builder } from "../builder.ts";
import type { Value } from "../graph.ts";
import type { PoolingWindows } from "../kernels/pool.ts";
import type { Axes } from "../windows.ts";
import { axisOf, flatAxis } from "../windows.ts";
import { axesOf, outputShape } from "./convolution.ts";
import { PlanError } from "../plan_error.ts";
import type { PlannedLayer } from "./types.ts";
import { inSequence } from "./compose.ts";
import { planUnary } from "./unary.ts";

interface PoolingLayer {
  poolSize: number[];
  strides: number[];
  padding: string;
  dataFormat: string;
}

/** Which of several equal maxima receive the gradient. */
type Ties = "first" | "all";

/** `tf.layers.maxPooling1d` and `maxPooling2d`. */
export function planMaxPooling(
  layer: PoolingLayer,
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const axes = axesOf({ ...layer, kernelSize: layer.poolSize }, input.shape);
  return maxPool(input, axes, outputShape(input, axes, input.shape.at(-1)!), "first", builder);
}

/** `tf.layers.averagePooling1d` and `averagePooling2d`. */
export function planAveragePooling(
  layer: PoolingLayer,
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const axes = axesOf({ ...layer, kernelSize: layer.poolSize }, input.shape);
  return averagePool(input, axes, outputShape(input, axes, input.shape.at(-1)!), builder);
}

/** `tf.layers.maxPooling3d`: over each plane, then over the planes. */
export function planMaxPooling3D(
  layer: PoolingLayer,
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const [, height, width] = layer.poolSize;
  if (input.requiresGradient && height !== width && !builder.memory.holdsTensors) {
    // The verification of the first batch would fail.
    throw new PlanError("TensorFlow.js's gradient of MaxPooling3D is wrong on cpu");
  }
  return planVolume(layer, input, (value, axes, shape, planes) => {
    return maxPool(value, axes, shape, "first", builder, planes);
  });
}

/** `tf.layers.averagePooling3d`: over each plane, then over the planes. */
export function planAveragePooling3D(
  layer: PoolingLayer,
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  return planVolume(layer, input, (value, axes, shape, planes) => {
    return averagePool(value, axes, shape, builder, planes);
  });
}

function planVolume(
  layer: PoolingLayer,
  input: Value,
  pool: (input: Value, axes: Axes, shape: number[], images: number) => PlannedLayer,
): PlannedLayer {
  const [planes, ...axes] = axesOf({ ...layer, kernelSize: layer.poolSize }, input.shape);
  const rest = [...axes.map(({ output }) => output), input.shape.at(-1)!];
  const within = pool(input, axes, [planes.input, ...rest], planes.input);
  const [between] = within.outputs;
  return inSequence(within, pool(between, [planes, flatAxis], [planes.output, ...rest], 1));
}

/** `tf.layers.globalMaxPooling1d` and `globalMaxPooling2d`. */
export function planGlobalMaxPooling(
  _: unknown,
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  return maxPool(input, wholeOf(input), [input.shape.at(-1)!], "all", builder);
}

/** `tf.layers.globalAveragePooling1d` and `globalAveragePooling2d`. */
export function planGlobalAveragePooling(
  _: unknown,
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  return averagePool(input, wholeOf(input), [input.shape.at(-1)!], builder);
}

/** Axes with one window over the whole input. */
function wholeOf({ shape }: Value): Axes {
  const axes = shape.slice(0, -1).map((size) => axisOf(size, size, 1, 1, "valid"));
  return axes.length === 1 ? [flatAxis, axes[0]] : axes;
}

/** @param images images in each row. Default: 1 */
function maxPool(
  input: Value,
  axes: Axes,
  shape: number[],
  ties: Ties,
  builder: Builder,
  images = 1,
): PlannedLayer {
  const { kernels } = builder;
  const windows = windowsOf(input, axes, images);
  const all = ties === "all" ? 1 : 0;
  const offer = images === 1 ? builder.poolingOffer(input) : undefined;
  const accept = input.requiresGradient && ties === "first" ? offer?.maxima(axes) : undefined;
  if (accept !== undefined) {
    const output = builder.value(shape, [input]);
    return { outputs: [output], operation: { forward: accept(output) } };
  }
  // The gradient of the activation is computed from all pixels.
  if (!input.requiresGradient) offer?.restrict(axes);
  return planUnary(input, shape, builder, {
    forward: (rows, x, y) => kernels.maxPool(rows * images, ...windows, x, y),
    backward: (rows, dy, dx, x, y) =>
      kernels.maxPoolGradient(rows * images, ...windows, x, y, dy, dx, all),
  });
}

/** @param images images in each row. Default: 1 */
function averagePool(
  input: Value,
  axes: Axes,
  shape: number[],
  builder: Builder,
  images = 1,
): PlannedLayer {
  const { kernels } = builder;
  const windows = windowsOf(input, axes, images);
  if (images === 1 && !input.requiresGradient) builder.poolingOffer(input)?.restrict(axes);
  return planUnary(input, shape, builder, {
    forward: (rows, x, y) => kernels.averagePool(rows * images, ...windows, x, y),
    backward: (rows, dy, dx) => kernels.averagePoolGradient(rows * images, ...windows, dy, dx),
  });
}

function windowsOf({ size }: Value, [rows, columns]: Axes, images: number): PoolingWindows {
  const channels = size / images / rows.input / columns.input;
  // deno-fmt-ignore
  return [
    rows.input, columns.input, channels, rows.output, columns.output,
    rows.size, columns.size, rows.stride, columns.stride, rows.paddingBefore, columns.paddingBefore,
  ];
}
