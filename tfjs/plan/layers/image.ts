import type { Builder } from "../builder.ts";
import type { Value } from "../graph.ts";
import { PlanError } from "../plan_error.ts";
import { checkChannels } from "./convolution.ts";
import type { PlannedLayer } from "./types.ts";

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
  const { kernels } = builder;
  const [height, width, channels] = input.shape;
  const sign = direction === "pad" ? 1 : -1;
  const shape = [height + sign * (top + bottom), width + sign * (left + right), channels];
  const output = builder.value(shape, [input]);
  const [small, large] = direction === "pad" ? [input.shape, shape] : [shape, input.shape];
  const margins = [...small, top, left, large[0], large[1]] as const;
  const inputGradient = builder.gradientOf(input);
  const forward = kernels[direction];
  const backward = kernels[direction === "pad" ? "crop" : "pad"];
  type Numbers = [number, number, number, number, number, number, number];
  return {
    outputs: [output],
    operation: {
      forward: (rows) =>
        forward(rows, ...margins as Numbers, input.data.address, output.data.address),
      backward(rows) {
        if (inputGradient !== undefined) {
          backward(rows, ...margins as Numbers, output.gradient.address, inputGradient.address);
        }
      },
    },
  };
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
  const output = builder.value([height * blockHeight, width * blockWidth, channels], [input]);
  const sizes = [height, width, channels, blockHeight, blockWidth] as const;
  const inputGradient = builder.gradientOf(input);
  return {
    outputs: [output],
    operation: {
      forward: (rows) => kernels.upSample(rows, ...sizes, input.data.address, output.data.address),
      backward(rows) {
        if (inputGradient !== undefined) {
          kernels.upSampleGradient(rows, ...sizes, output.gradient.address, inputGradient.address);
        }
      },
    },
  };
}
