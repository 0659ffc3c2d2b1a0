import type { Builder } from "../builder.ts";
import type { Value } from "../graph.ts";
import type { PoolingWindows } from "../kernels/pool.ts";
import type { Axes } from "../windows.ts";
import { axisOf, flatAxis } from "../windows.ts";
import { axesOf, checkChannels, outputShape } from "./convolution.ts";
import type { PlannedLayer } from "./types.ts";
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

/** `tf.layers.globalMaxPooling1d` and `globalMaxPooling2d`. */
export function planGlobalMaxPooling(
  layer: { dataFormat?: string },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  checkChannels(layer);
  return maxPool(input, wholeOf(input), [input.shape.at(-1)!], "all", builder);
}

/** `tf.layers.globalAveragePooling1d` and `globalAveragePooling2d`. */
export function planGlobalAveragePooling(
  layer: { dataFormat?: string },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  checkChannels(layer);
  return averagePool(input, wholeOf(input), [input.shape.at(-1)!], builder);
}

/** Axes with one window over the whole input. */
function wholeOf({ shape }: Value): Axes {
  const axes = shape.slice(0, -1).map((size) => axisOf(size, size, 1, 1, "valid"));
  return (axes.length === 1 ? [flatAxis, axes[0]] : axes) as unknown as Axes;
}

function maxPool(
  input: Value,
  axes: Axes,
  shape: number[],
  ties: Ties,
  builder: Builder,
): PlannedLayer {
  const { kernels } = builder;
  const windows = windowsOf(input, axes);
  const all = ties === "all" ? 1 : 0;
  return planUnary(input, shape, builder, {
    forward: (rows, x, y) => kernels.maxPool(rows, ...windows, x, y),
    backward: (rows, dy, dx, x, y) => kernels.maxPoolGradient(rows, ...windows, x, y, dy, dx, all),
  });
}

function averagePool(input: Value, axes: Axes, shape: number[], builder: Builder): PlannedLayer {
  const { kernels } = builder;
  const windows = windowsOf(input, axes);
  return planUnary(input, shape, builder, {
    forward: (rows, x, y) => kernels.averagePool(rows, ...windows, x, y),
    backward: (rows, dy, dx) => kernels.averagePoolGradient(rows, ...windows, dy, dx),
  });
}

function windowsOf({ shape }: Value, [rows, columns]: Axes): PoolingWindows {
  // deno-fmt-ignore
  return [
    rows.input, columns.input, shape.at(-1)!, rows.output, columns.output,
    rows.size, columns.size, rows.stride, columns.stride, rows.paddingBefore, columns.paddingBefore,
  ];
}
