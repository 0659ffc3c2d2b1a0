import type { Builder } from "./builder.ts";
import { sizeOf } from "./graph.ts";
import {
  byteOffsets,
  bytes,
  chunkWindows,
  eachChunk,
  eachGroup,
  groupOf,
  imageAt,
  padding,
} from "./images.ts";
import type { LinearMap } from "./linear_map.ts";
import { type Axes, backwardWindows, forwardWindows } from "./windows.ts";

/** Columns of a panel. */
const panelWidth = 8;
/** Values in a tile of results: four rows. */
const tileSize = 4 * panelWidth;
/** Values in a matrix packed into panels. */
const panelsOf = (rows: number, columns: number) =>
  rows * Math.ceil(columns / panelWidth) * panelWidth;

/**
 * A convolution with weights of the shape [taps, C, N]. Windows are never copied: tables hold the
 * offsets of their pixels in an image.
 *
 * @param C channels of the input
 * @param N channels of the output
 * @param hasInputGradient whether {@linkcode LinearMap.inputGradient} will be called
 */
export function convolve(
  builder: Builder,
  axes: Axes,
  C: number,
  N: number,
  hasInputGradient: boolean,
): LinearMap {
  const { kernels } = builder;
  const table = (values: number[]) => builder.constants(Int32Array.from(values));
  const inputSizes = axes.map(({ input }) => input);
  const outputSizes = axes.map(({ output }) => output);
  const forward = forwardWindows(axes);
  const backward = hasInputGradient ? backwardWindows(axes) : undefined;
  const inputPixels = sizeOf(inputSizes);
  const outputPixels = sizeOf(outputSizes);
  const taps = sizeOf(axes.map(({ size }) => size));
  const K = taps * C;
  const group = groupOf(outputPixels);

  const input = padding(builder, forward.padded, inputSizes, C, group);
  const output = padding(builder, backward?.padded, outputSizes, N, group);
  const windows = table(byteOffsets(forward.windows.starts, group, input.pixels, C));
  const positions = table(channelsOf(forward.windows.taps, C));
  const phases = (backward?.phases ?? []).map(({ starts, taps, weights, pixels }) => {
    // Only padded images have to fit into the scratch memory.
    const images = output.scratch > 0 ? group : groupOf(starts.length);
    return {
      images,
      count: starts.length,
      taps: taps.length,
      windows: table(byteOffsets(starts, images, output.pixels, N)),
      positions: table(channelsOf(taps, N)),
      outputOffsets: table(byteOffsets(pixels, images, inputPixels, C)),
      weights: table(weights),
    };
  });
  const isCovered = phases.reduce((sum, { count }) => sum + count, 0) === inputPixels;

  const panels = Math.max(panelsOf(K, N), panelsOf(chunkWindows, N), panelsOf(taps * N, C));
  const scratch = builder.scratch(tileSize + panels + Math.max(input.scratch, output.scratch));
  const panelsAt = () => scratch.address + tileSize * bytes;
  const paddedAt = () => panelsAt() + panels * bytes;

  return {
    forward(rows, x, w, y, bias, isRelu) {
      kernels.packPanels(K, N, w.address, panelsAt());
      eachGroup(rows, group, (image, images) => {
        const from = input.pad(images, imageAt(x, image, inputPixels, C), paddedAt());
        const to = imageAt(y, image, outputPixels, N);
        eachChunk(images * outputPixels, (first, count) => {
          const [at, c] = [windows.address + first * bytes, to + first * N * bytes];
          const relu = isRelu ? 1 : 0;
          const { address: columns } = positions;
          // deno-fmt-ignore
          kernels.gatherGemm(
            count, N, K, from, at, columns, panelsAt(), c, 0, bias, relu, 0, scratch.address,
          );
        });
      });
    },
    weightGradient(rows, x, dy, dw) {
      let adds = 0;
      eachGroup(rows, group, (image, images) => {
        const from = input.pad(images, imageAt(x, image, inputPixels, C), paddedAt());
        const gradient = imageAt(dy, image, outputPixels, N);
        eachChunk(images * outputPixels, (first, count) => {
          let panel = gradient + first * N * bytes;
          if (N !== panelWidth) {
            kernels.packPanels(count, N, panel, panelsAt());
            panel = panelsAt();
          }
          const at = windows.address + first * bytes;
          const { address: rows } = positions;
          // deno-fmt-ignore
          kernels.gatherGemm(
            K, N, count, from, rows, at, panel, dw.address, 0, 0, 0, adds, scratch.address,
          );
          adds = 1;
        });
      });
    },
    inputGradient(rows, dy, w, dx) {
      if (!isCovered) kernels.zero(rows * inputPixels * C, dx.address);
      for (const phase of phases) {
        kernels.packTransposed(phase.taps, C, N, w.address, phase.weights.address, panelsAt());
        eachGroup(rows, phase.images, (image, images) => {
          const from = output.pad(images, imageAt(dy, image, outputPixels, N), paddedAt());
          const to = imageAt(dx, image, inputPixels, C);
          eachChunk(images * phase.count, (first, count) => {
            const at = phase.windows.address + first * bytes;
            const outputOffsets = phase.outputOffsets.address + first * bytes;
            const { address: columns } = phase.positions;
            const depth = phase.taps * N;
            // deno-fmt-ignore
            kernels.gatherGemm(
              count, C, depth, from, at, columns, panelsAt(),
              to, outputOffsets, 0, 0, 0, scratch.address,
            );
          });
        });
      }
    },
  };
}

/** Byte offsets of all channels of pixels. */
function channelsOf(pixels: number[], channels: number): number[] {
  return pixels.flatMap((pixel) =>
    Array.from({ length: channels }, (_, channel) => (pixel * channels + channel) * bytes)
  );
}
