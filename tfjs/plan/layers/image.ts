import type { Builder } from "../builder.ts";
import { sizeOf, type Value } from "../graph.ts";
import { inSequence } from "./compose.ts";
import type { PlannedLayer } from "./types.ts";
import { planUnary } from "./unary.ts";

type Margins = [[top: number, bottom: number], [left: number, right: number]];

/** `tf.layers.zeroPadding2d`. */
export function planZeroPadding(
  layer: { padding: Margins },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  return planMargins(layer.padding, input, builder, "pad");
}

/** `tf.layers.cropping2D`. */
export function planCropping(
  layer: { cropping: Margins },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  return planMargins(layer.cropping, input, builder, "crop");
}

/** Add or remove the margins of images. Each is the gradient of the other. */
function planMargins(
  [[top, bottom], [left, right]]: Margins,
  input: Value,
  builder: Builder,
  direction: "pad" | "crop",
): PlannedLayer {
  const { pad, crop } = builder.kernels;
  const [height, width, channels] = input.shape;
  const sign = direction === "pad" ? 1 : -1;
  const shape = [height + sign * (top + bottom), width + sign * (left + right), channels];
  const [small, large] = direction === "pad" ? [input.shape, shape] : [shape, input.shape];
  const margins = [small[0], small[1], channels, top, left, large[0], large[1]] as const;
  const [forward, backward] = direction === "pad" ? [pad, crop] : [crop, pad];
  return planUnary(input, shape, builder, {
    forward: (rows, x, y) => forward(rows, ...margins, x, y),
    backward: (rows, dy, dx) => backward(rows, ...margins, dy, dx),
  });
}

interface UpSampling {
  size: [number, number];
  interpolation: string;
}

/** `tf.layers.upSampling2d`. */
export function planUpSampling(
  { interpolation, size: [blockHeight, blockWidth] }: UpSampling,
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  const { kernels } = builder;
  const [height, width, channels] = input.shape;
  if (interpolation === "bilinear") {
    const rows = planBlend(input, 0, blockHeight, builder);
    return inSequence(rows, planBlend(rows.outputs[0], 1, blockWidth, builder));
  }
  const sizes = [height, width, channels, blockHeight, blockWidth] as const;
  return planUnary(input, [height * blockHeight, width * blockWidth, channels], builder, {
    forward: (rows, x, y) => kernels.upSample(rows, ...sizes, x, y),
    backward: (rows, dy, dx) => kernels.upSampleGradient(rows, ...sizes, dy, dx),
  });
}

/** Interpolate images linearly along an axis, to `times` as many pixels. */
function planBlend(input: Value, axis: number, times: number, builder: Builder): PlannedLayer {
  const { kernels } = builder;
  const count = input.shape[axis];
  const parts = sizeOf(input.shape.slice(0, axis));
  const run = sizeOf(input.shape.slice(axis + 1));
  const table = builder.constants(blendTable(count, count * times));
  const n = count * times;
  return planUnary(input, input.shape.with(axis, n), builder, {
    forward: (rows, x, y) => kernels.blend(rows * parts, n, run, count, table.address, x, y),
    backward: (rows, dy, dx) =>
      kernels.blendGradient(rows * parts, n, run, count, table.address, dy, dx),
  });
}

/** For each of `n` pixels, its two neighbors of `count` pixels and the weight of the second one. */
function blendTable(count: number, n: number): Int32Array {
  const table = new Int32Array(3 * n);
  const shares = new Float32Array(table.buffer);
  for (let i = 0; i < n; i++) {
    const position = i * (count / n);
    const first = Math.floor(position);
    table[3 * i] = first;
    table[3 * i + 1] = Math.min(Math.ceil(position), count - 1);
    shares[3 * i + 2] = position - first;
  }
  return table;
}
