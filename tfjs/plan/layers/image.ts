import type { Builder } from "../builder.ts";
import type { Value } from "../graph.ts";
import { PlanError } from "../plan_error.ts";
import { checkChannels } from "./convolution.ts";
import type { PlannedLayer } from "./types.ts";
import { planUnary } from "./unary.ts";

type Margins = [[top: number, bottom: number], [left: number, right: number]];

/** `tf.layers.zeroPadding2d`. */
export function planZeroPadding(
  layer: { padding: Margins; dataFormat: string },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  checkChannels(layer);
  return planMargins(layer.padding, input, builder, "pad");
}

/** `tf.layers.cropping2D`. */
export function planCropping(
  layer: { cropping: Margins; dataFormat: string },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  checkChannels(layer);
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

/** `tf.layers.upSampling2d`. */
export function planUpSampling(
  layer: { size: [number, number]; interpolation: string; dataFormat: string },
  [input]: Value[],
  builder: Builder,
): PlannedLayer {
  checkChannels(layer);
  const { interpolation, size: [blockHeight, blockWidth] } = layer;
  if (interpolation !== "nearest") {
    throw new PlanError(`UpSampling2D with ${interpolation} is not compiled`);
  }
  const { kernels, memory } = builder;
  if (input.requiresGradient && !memory.holdsTensors) {
    // The verification of the first batch would fail.
    throw new PlanError("TensorFlow.js's gradient of UpSampling2D is wrong on cpu");
  }
  const [height, width, channels] = input.shape;
  const sizes = [height, width, channels, blockHeight, blockWidth] as const;
  return planUnary(input, [height * blockHeight, width * blockWidth, channels], builder, {
    forward: (rows, x, y) => kernels.upSample(rows, ...sizes, x, y),
    backward: (rows, dy, dx) => kernels.upSampleGradient(rows, ...sizes, dy, dx),
  });
}
