import type { Builder } from "./builder.ts";
import { type Block, sizeOf, type Value } from "./graph.ts";
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
import type { LinearGradients } from "./linear_map.ts";
import { transpose } from "./matrices.ts";
import { type Axes, forwardWindows } from "./windows.ts";

/** Values of a SIMD vector. */
const lanes = 4;
/** Multiply-adds that take as long as finding a maximum. */
const finding = 16;

/** What an operation can do if only a pooling reads its output. */
export interface PoolingOffer {
  /**
   * Compute only the pixels that the windows of the pooling read.
   *
   * @param pool windows on the output
   */
  restrict(pool: Axes): void;
  /**
   * Compute maxima of these pixels, and start the backward pass with them.
   *
   * @param pool windows of the maxima
   * @returns a function that receives the value for the maxima, and returns the one that computes
   *   it; undefined if that is not faster
   */
  maxima(pool: Axes): ((maxima: Value) => (rows: number) => void) | undefined;
}

/** Maxima of the output of a linear map, and the gradients that start with them. */
export interface Maxima extends LinearGradients {
  /** The maxima that have a gradient; the `dy` of the gradients. */
  readonly lists: Block;
  /**
   * Find the maxima.
   *
   * @param y output of the map and of its activation
   */
  find(rows: number, y: Block, maxima: Block): void;
  /** List the maxima with their gradients. */
  list(rows: number, gradient: Block): void;
}

/**
 * Maxima of the output of a convolution that nothing else reads. Most pixels of the output are no
 * maxima, and so have no gradient; the sums leave them out.
 *
 * @param axes windows of the convolution
 * @param pool windows of the maxima
 * @returns undefined if the gradients of all pixels of the output have to be added up
 */
export function convolutionMaxima(
  builder: Builder,
  axes: Axes,
  pool: Axes,
  C: number,
  N: number,
  hasInputGradient: boolean,
): Maxima | undefined {
  const inputSizes = axes.map(({ input }) => input);
  const inputPixels = sizeOf(inputSizes);
  const outputPixels = sizeOf(axes.map(({ output }) => output));
  const maxima = sizeOf(pool.map(({ output }) => output));
  const isInside = pool.every(({ input, output, size, stride, paddingBefore }) =>
    paddingBefore === 0 && (output - 1) * stride + size <= input
  );
  // The kernels compute four channels at once.
  const isWide = N >= lanes && (!hasInputGradient || C % lanes === 0);
  if (!isInside || !isWide || 2 * maxima > outputPixels) return undefined;

  const { share } = builder;
  const table = (values: Int32Array) => builder.constants(values);
  const { padded, windows } = forwardWindows(axes);
  const pools = forwardWindows(pool).windows;
  const K = windows.taps.length * C;
  const group = groupOf(outputPixels);
  const images = padding(padded, inputSizes, C, group);
  const windowsAt = (pixels: number[]) => pixels.map((pixel) => windows.starts[pixel]);
  // Where the pooling windows and their pixels are, in the output and in the padded images.
  const pixels = table(byteOffsets(pools.starts, group, outputPixels, N));
  const taps = table(byteOffsets(pools.taps, 1, 0, N));
  const starts = table(byteOffsets(windowsAt(pools.starts), group, images.pixels, C));
  const steps = table(byteOffsets(windowsAt(pools.taps), 1, 0, C));
  const vectors = vectorsOf(channelsOf(windows.taps, C));
  const vectorTable = table(Int32Array.from(vectors.flat()));

  // Each list has room for all maxima and for their number.
  const listSize = (maxima: number) => 2 * N * (maxima + 1);
  const rowSize = listSize(maxima) + listSize(0) * Math.floor((maxima - 1) / chunkWindows);
  const lists = builder.perRow(rowSize);
  const offsets = builder.perRow(maxima * N);
  const transposed = hasInputGradient ? builder.fixed(K * N) : undefined;
  const scratch = builder.scratch(images.scratch);
  const groupsOf = (rows: number) => Math.ceil(rows / group);
  const work = (count: number, unit: number, multiplyAdds: number) => ({
    count,
    unit,
    multiplyAdds,
    scratchSize: images.scratch,
  });
  const eachList = (
    lists: Block,
    image: number,
    count: number,
    run: (list: number, first: number, count: number) => void,
  ) => {
    const from = lists.address + image * rowSize * bytes;
    eachChunk(count * maxima, (first, count) => {
      run(from + first / chunkWindows * listSize(chunkWindows) * bytes, first, count);
    });
  };

  return {
    lists,
    find(rows, y, most) {
      const multiplyAdds = rows * maxima * N * finding;
      share.run(work(groupsOf(rows), 1, multiplyAdds), 0, (begin, end, kernels) => {
        const findInGroup = (image: number, count: number) => {
          const from = imageAt(y, image, outputPixels, N);
          eachChunk(count * maxima, (first, count) => {
            const [at, offset] = [first * bytes, first * N * bytes];
            const [to, offsetsAt] = [most, offsets].map((one) =>
              imageAt(one, image, maxima, N) + offset
            );
            // deno-fmt-ignore
            kernels.findMaxima(
              count, N, from, pixels.address + at, pools.taps.length, taps.address,
              starts.address + at, steps.address, to, offsetsAt,
            );
          });
        };
        eachGroup(rows, group, findInGroup, begin, end);
      });
    },
    list(rows, gradient) {
      eachGroup(rows, group, (image, count) => {
        const [offsetsAt, gradientAt] = [offsets, gradient].map((one) =>
          imageAt(one, image, maxima, N)
        );
        eachList(lists, image, count, (list, first, count) => {
          const offset = first * N * bytes;
          builder.kernels.listMaxima(count, N, offsetsAt + offset, gradientAt + offset, list);
        });
      });
    },
    weightGradient(rows, x, lists, dw) {
      builder.kernels.zero(K * N, dw.address);
      // Each part pads the images.
      const repeated = { ...work(N, lanes, rows * maxima * N * K), partSize: 4 * lanes };
      share.run(repeated, scratch.address, (begin, end, kernels, padded) => {
        eachGroup(rows, group, (image, count) => {
          const from = images.pad(kernels, count, imageAt(x, image, inputPixels, C), padded);
          eachList(lists, image, count, (list, _, count) => {
            const at = list + listSize(count) / N * begin * bytes;
            // deno-fmt-ignore
            kernels.maximaWeightGradient(
              end - begin, N, count, at, from, vectors.length, vectorTable.address,
              dw.address + begin * bytes,
            );
          });
        });
      });
    },
    inputGradient(rows, lists, w, dx) {
      const weights = transposed!.address;
      transpose(builder, K, N, w.address, weights);
      const parts = work(groupsOf(rows), 1, rows * maxima * N * K);
      share.run(parts, scratch.address, (begin, end, kernels, padded) => {
        const differentiateGroup = (image: number, count: number) => {
          const own = imageAt(dx, image, inputPixels, C);
          const to = images.isPadded ? padded : own;
          kernels.zero(count * images.pixels * C, to);
          eachList(lists, image, count, (list, _, count) => {
            const { address } = vectorTable;
            kernels.maximaInputGradient(N, count, list, weights, K / lanes, address, to);
          });
          images.crop(kernels, count, to, own);
        };
        eachGroup(rows, group, differentiateGroup, begin, end);
      });
    },
  };
}

/**
 * The values of a window as vectors, their number a multiple of four: byte offset, index of the
 * first value and number of values to skip. The last vector of a run ends with it.
 *
 * @param offsets byte offset of each value
 */
function vectorsOf(offsets: Int32Array): number[][] {
  const vectors: number[][] = [];
  for (let begin = 0, end; begin < offsets.length; begin = end) {
    end = begin + 1;
    while (offsets[end] === offsets[end - 1] + bytes) end++;
    for (let i = begin; i < end; i += lanes) {
      const first = Math.min(i, end - lanes);
      vectors.push([offsets[begin] + (first - begin) * bytes, first, i - first]);
    }
  }
  while (vectors.length % 4 > 0) vectors.push([0, 0, lanes]);
  return vectors;
}
