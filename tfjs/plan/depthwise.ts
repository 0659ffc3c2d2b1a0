import type { Builder } from "./builder.ts";
import { sizeOf } from "./graph.ts";
import { byteOffsets, bytes, eachChunk, eachGroup, groupOf, imageAt, padding } from "./images.ts";
import type { LinearMap } from "./linear_map.ts";
import { type Axes, backwardWindows, forwardWindows } from "./windows.ts";

/**
 * A convolution of each of C channels on its own, with weights of the shape [taps, C].
 *
 * @param hasInputGradient whether {@linkcode LinearMap.inputGradient} will be called
 */
export function convolveDepthwise(
  builder: Builder,
  axes: Axes,
  C: number,
  hasInputGradient: boolean,
): LinearMap {
  const { kernels } = builder;
  const inputSizes = axes.map(({ input }) => input);
  const outputSizes = axes.map(({ output }) => output);
  const forward = forwardWindows(axes);
  const backward = hasInputGradient ? backwardWindows(axes) : undefined;
  const inputPixels = sizeOf(inputSizes);
  const outputPixels = sizeOf(outputSizes);
  const T = sizeOf(axes.map(({ size }) => size));
  const group = groupOf(outputPixels);
  const table = (pixels: number[], images = 1, distance = 0) =>
    builder.constants(byteOffsets(pixels, images, distance, C));

  const input = padding(forward.padded, inputSizes, C, group);
  const output = padding(backward?.padded, outputSizes, C, group);
  const windows = table(forward.windows.starts, group, input.pixels);
  const taps = table(forward.windows.taps);
  const weights = table(Array.from({ length: T }, (_, t) => t));
  const phases = (backward?.phases ?? []).map((phase) => ({
    count: phase.starts.length,
    T: phase.taps.length,
    windows: table(phase.starts, group, output.pixels),
    taps: table(phase.taps),
    outputOffsets: table(phase.pixels, group, inputPixels),
    weights: table(phase.weights),
  }));
  const isCovered = phases.reduce((sum, { count }) => sum + count, 0) === inputPixels;
  const scratch = builder.scratch(Math.max(input.scratch, output.scratch));

  return {
    forward(rows, x, w, y, bias) {
      eachGroup(rows, group, (image, images) => {
        const from = input.pad(kernels, images, imageAt(x, image, inputPixels, C), scratch.address);
        const to = imageAt(y, image, outputPixels, C);
        const count = images * outputPixels;
        // deno-fmt-ignore
        kernels.depthwise(
          count, C, T, from, windows.address, taps.address, weights.address, w.address, bias, to, 0,
        );
      });
    },
    weightGradient(rows, x, dy, dw) {
      let adds = 0;
      eachGroup(rows, group, (image, images) => {
        const from = input.pad(kernels, images, imageAt(x, image, inputPixels, C), scratch.address);
        const gradient = imageAt(dy, image, outputPixels, C);
        eachChunk(images * outputPixels, (first, count) => {
          const at = windows.address + first * bytes;
          const d = gradient + first * C * bytes;
          kernels.depthwiseWeightGradient(count, C, T, from, at, taps.address, d, dw.address, adds);
          adds = 1;
        });
      });
    },
    inputGradient(rows, dy, w, dx) {
      if (!isCovered) kernels.zero(rows * inputPixels * C, dx.address);
      eachGroup(rows, group, (image, images) => {
        const from = output.pad(
          kernels,
          images,
          imageAt(dy, image, outputPixels, C),
          scratch.address,
        );
        const to = imageAt(dx, image, inputPixels, C);
        for (const { count, T, windows, taps, outputOffsets, weights } of phases) {
          // deno-fmt-ignore
          kernels.depthwise(
            images * count, C, T, from, windows.address, taps.address,
            weights.address, w.address, 0, to, outputOffsets.address,
          );
        }
      });
    },
  };
}
