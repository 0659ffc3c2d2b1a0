import type { Builder } from "./builder.ts";
import { sizeOf } from "./graph.ts";
import {
  byteOffsets,
  bytes,
  channelsOf,
  chunkWindows,
  eachChunk,
  eachGroup,
  groupOf,
  imageAt,
  padding,
} from "./images.ts";
import type { LinearMap } from "./linear_map.ts";
import { convolutionMaxima } from "./maxima.ts";
import { type Axes, backwardWindows, forwardWindows, pixelsRead } from "./windows.ts";

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
  const { kernels, share } = builder;
  const table = (values: Int32Array) => builder.constants(values);
  const inputSizes = axes.map(({ input }) => input);
  const outputSizes = axes.map(({ output }) => output);
  const forward = forwardWindows(axes);
  const backward = hasInputGradient ? backwardWindows(axes) : undefined;
  const inputPixels = sizeOf(inputSizes);
  const outputPixels = sizeOf(outputSizes);
  const taps = sizeOf(axes.map(({ size }) => size));
  const K = taps * C;
  const group = groupOf(outputPixels);

  const input = padding(forward.padded, inputSizes, C, group);
  const output = padding(backward?.padded, outputSizes, N, group);
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
      weights: table(Int32Array.from(weights)),
    };
  });
  const isCovered = phases.reduce((sum, { count }) => sum + count, 0) === inputPixels;

  const panels = Math.max(panelsOf(K, N), panelsOf(chunkWindows, N), panelsOf(taps * N, C));
  // Layout: the tile, padded images, panels.
  const padded = tileSize + Math.max(input.scratch, output.scratch);
  const scratch = builder.scratch(padded + panels);
  const panelsAt = (tile: number) => tile + padded * bytes;
  const work = (count: number, unit: number, multiplyAdds: number) => ({
    count,
    unit,
    multiplyAdds,
    scratchSize: padded,
  });

  /** The forward pass, for all pixels of the output or some of them. */
  const forwardTo = (pixels?: number[]): LinearMap["forward"] => {
    const { starts } = forward.windows;
    const count = pixels?.length ?? outputPixels;
    const read = pixels === undefined
      ? windows
      : table(byteOffsets(pixels.map((pixel) => starts[pixel]), group, input.pixels, C));
    const offsets = pixels && table(byteOffsets(pixels, group, outputPixels, N));
    return (rows, x, w, y, bias, isRelu) => {
      const packed = panelsAt(scratch.address);
      kernels.packPanels(K, N, w.address, packed);
      const groups = Math.ceil(rows / group);
      const { address } = scratch;
      share.run(work(groups, 1, rows * count * K * N), address, (begin, end, kernels, tile) => {
        const convolveGroup = (image: number, images: number) => {
          const paddedAt = tile + tileSize * bytes;
          const from = input.pad(kernels, images, imageAt(x, image, inputPixels, C), paddedAt);
          const to = imageAt(y, image, outputPixels, N);
          eachChunk(images * count, (first, size) => {
            const at = read.address + first * bytes;
            const c = offsets === undefined ? to + first * N * bytes : to;
            const offsetsAt = offsets === undefined ? 0 : offsets.address + first * bytes;
            const relu = isRelu ? 1 : 0;
            const { address: columns } = positions;
            // deno-fmt-ignore
            kernels.gatherGemm(
              size, N, K, from, at, columns, packed, c, offsetsAt, bias, relu, 0, tile,
            );
          });
        };
        eachGroup(rows, group, convolveGroup, begin, end);
      });
    };
  };

  return {
    forward: forwardTo(),
    forwardWithin(pool) {
      const pixels = pixelsRead(pool);
      return pixels.length < outputPixels ? forwardTo(pixels) : undefined;
    },
    weightGradient(rows, x, dy, dw) {
      const multiplyAdds = rows * outputPixels * K * N;
      // Each part pads the images and packs the gradients.
      const repeated = { ...work(K, 4, multiplyAdds), scratchSize: padded + panels, partSize: 64 };
      share.run(repeated, scratch.address, (begin, end, kernels, tile) => {
        let adds = 0;
        eachGroup(rows, group, (image, images) => {
          const paddedAt = tile + tileSize * bytes;
          const from = input.pad(kernels, images, imageAt(x, image, inputPixels, C), paddedAt);
          const gradient = imageAt(dy, image, outputPixels, N);
          eachChunk(images * outputPixels, (first, count) => {
            let panel = gradient + first * N * bytes;
            if (N !== panelWidth) {
              kernels.packPanels(count, N, panel, panelsAt(tile));
              panel = panelsAt(tile);
            }
            const at = windows.address + first * bytes;
            const rowsAt = positions.address + begin * bytes;
            const to = dw.address + begin * N * bytes;
            // deno-fmt-ignore
            kernels.gatherGemm(
              end - begin, N, count, from, rowsAt, at, panel, to, 0, 0, 0, adds, tile,
            );
            adds = 1;
          });
        });
      });
    },
    inputGradient(rows, dy, w, dx) {
      if (!isCovered) kernels.zero(rows * inputPixels * C, dx.address);
      const packed = panelsAt(scratch.address);
      for (const phase of phases) {
        kernels.packTransposed(phase.taps, C, N, w.address, phase.weights.address, packed);
        const groups = Math.ceil(rows / phase.images);
        const depth = phase.taps * N;
        const multiplyAdds = rows * phase.count * depth * C;
        share.run(work(groups, 1, multiplyAdds), scratch.address, (begin, end, kernels, tile) => {
          const convolveGroup = (image: number, images: number) => {
            const paddedAt = tile + tileSize * bytes;
            const from = output.pad(kernels, images, imageAt(dy, image, outputPixels, N), paddedAt);
            const to = imageAt(dx, image, inputPixels, C);
            eachChunk(images * phase.count, (first, count) => {
              const at = phase.windows.address + first * bytes;
              const outputOffsets = phase.outputOffsets.address + first * bytes;
              const { address: columns } = phase.positions;
              // deno-fmt-ignore
              kernels.gatherGemm(
                count, C, depth, from, at, columns, packed, to, outputOffsets, 0, 0, 0, tile,
              );
            });
          };
          eachGroup(rows, phase.images, convolveGroup, begin, end);
        });
      }
    },
    maxima: (pool) => convolutionMaxima(builder, axes, pool, C, N, hasInputGradient),
  };
}
