import type { Block, Builder } from "./builder.ts";
import { type Axes, backwardWindows, forwardWindows, type Padded } from "./windows.ts";

/** A convolution of images, and its gradients. */
export interface Convolution {
  /**
   * y = the convolution of x with w, plus a bias, then relu.
   *
   * @param bias address, 0 for none
   */
  forward(rows: number, x: Block, w: Block, y: Block, bias: number, isRelu: boolean): void;
  /** The gradient of `w` from that of `y`. */
  weightGradient(rows: number, x: Block, dy: Block, dw: Block): void;
  /** The gradient of `x` from that of `y`. It is also a transposed convolution. */
  inputGradient(rows: number, dy: Block, w: Block, dx: Block): void;
}

/** Bytes of a number. */
const bytes = 4;
/** Columns of a panel. */
const wide = 8;
/** Numbers of a tile of results: four rows. */
const tileSize = 4 * wide;
/** Windows that are computed at once: what they read stays in the cache, and sums stay short. */
const chunk = 256;
/** Windows that several small images have together. */
const few = 256;

/** Numbers of a matrix in panels. */
const panelsOf = (rows: number, columns: number) => rows * Math.ceil(columns / wide) * wide;

/**
 * A convolution with weights of the shape [taps, C, N], in the order of the windows. Its windows are
 * never copied: tables say where in an image their pixels are.
 *
 * @param C channels of the input
 * @param N channels of the output
 */
export function convolve(builder: Builder, axes: Axes, C: number, N: number): Convolution {
  const { kernels } = builder;
  const table = (values: number[]) => builder.constants(Int32Array.from(values));
  const [rows, columns] = axes;
  const forward = forwardWindows(axes);
  const backward = backwardWindows(axes);
  const inputPixels = rows.input * columns.input;
  const outputPixels = rows.output * columns.output;
  const taps = rows.size * columns.size;
  const K = taps * C;
  const group = Math.max(1, Math.floor(few / outputPixels));

  const input = padding(builder, forward.padded, [rows.input, columns.input], C, group);
  const output = padding(builder, backward.padded, [rows.output, columns.output], N, group);
  const windows = table(repeated(forward.windows.starts, group, input.pixels, C));
  const positions = table(channelsOf(forward.windows.taps, C));
  const phases = backward.phases.map(({ starts, taps, weights, places }) => ({
    count: starts.length,
    taps: taps.length,
    windows: table(repeated(starts, group, output.pixels, N)),
    positions: table(channelsOf(taps, N)),
    places: table(repeated(places, group, inputPixels, C)),
    weights: table(weights),
  }));
  const isCovered = phases.reduce((sum, { count }) => sum + count, 0) === inputPixels;

  const panels = Math.max(panelsOf(K, N), panelsOf(chunk, N), panelsOf(taps * N, C));
  const scratch = builder.scratch(tileSize + panels + Math.max(input.scratch, output.scratch));
  const panelsAt = () => scratch.at + tileSize * bytes;
  const paddedAt = () => panelsAt() + panels * bytes;

  /** Call for the images of each group. */
  const each = (rows: number, run: (first: number, count: number) => void): void => {
    for (let first = 0; first < rows; first += group) run(first, Math.min(group, rows - first));
  };
  /** Call for each chunk of so many windows. */
  const eachChunk = (count: number, run: (first: number, count: number) => void): void => {
    for (let first = 0; first < count; first += chunk) run(first, Math.min(chunk, count - first));
  };
  const imageAt = (block: Block, image: number, pixels: number, channels: number) =>
    block.at + image * pixels * channels * bytes;

  return {
    forward(rows, x, w, y, bias, isRelu) {
      kernels.packPanels(K, N, w.at, panelsAt());
      each(rows, (image, images) => {
        const from = input.pad(images, imageAt(x, image, inputPixels, C), paddedAt());
        const to = imageAt(y, image, outputPixels, N);
        eachChunk(images * outputPixels, (first, count) => {
          const [at, c] = [windows.at + first * bytes, to + first * N * bytes];
          const relu = isRelu ? 1 : 0;
          const { at: columns } = positions;
          // deno-fmt-ignore
          kernels.gatherGemm(
            count, N, K, from, at, columns, panelsAt(), c, 0, bias, relu, 0, scratch.at,
          );
        });
      });
    },
    weightGradient(rows, x, dy, dw) {
      let adds = 0;
      each(rows, (image, images) => {
        const from = input.pad(images, imageAt(x, image, inputPixels, C), paddedAt());
        const gradient = imageAt(dy, image, outputPixels, N);
        eachChunk(images * outputPixels, (first, count) => {
          kernels.packPanels(count, N, gradient + first * N * bytes, panelsAt());
          const at = windows.at + first * bytes;
          const { at: rows } = positions;
          // deno-fmt-ignore
          kernels.gatherGemm(
            K, N, count, from, rows, at, panelsAt(), dw.at, 0, 0, 0, adds, scratch.at,
          );
          adds = 1;
        });
      });
    },
    inputGradient(rows, dy, w, dx) {
      if (!isCovered) kernels.zero(rows * inputPixels * C, dx.at);
      for (const phase of phases) {
        kernels.packTransposed(phase.taps, C, N, w.at, phase.weights.at, panelsAt());
        each(rows, (image, images) => {
          const from = output.pad(images, imageAt(dy, image, outputPixels, N), paddedAt());
          const to = imageAt(dx, image, inputPixels, C);
          eachChunk(images * phase.count, (first, count) => {
            const at = phase.windows.at + first * bytes;
            const places = phase.places.at + first * bytes;
            const { at: columns } = phase.positions;
            const depth = phase.taps * N;
            // deno-fmt-ignore
            kernels.gatherGemm(
              count, C, depth, from, at, columns, panelsAt(), to, places, 0, 0, 0, scratch.at,
            );
          });
        });
      }
    },
  };
}

/** How images are given the zeros around them. */
function padding(
  { kernels }: Builder,
  { top, left, height, width }: Padded,
  [rows, columns]: [number, number],
  channels: number,
  group: number,
) {
  const pixels = height * width;
  const isPadded = pixels !== rows * columns;
  return {
    /** Pixels of an image with them. */
    pixels,
    /** Numbers that it takes for a group. */
    scratch: isPadded ? group * pixels * channels : 0,
    /** Returns where the padded images are. */
    pad(images: number, from: number, to: number): number {
      if (!isPadded) return from;
      kernels.pad(images, rows, columns, channels, top, left, height, width, from, to);
      return to;
    },
  };
}

/** Offsets in bytes of pixels of several images. */
function repeated(pixels: number[], images: number, distance: number, channels: number): number[] {
  return Array.from(
    { length: images },
    (_, image) => pixels.map((pixel) => (image * distance + pixel) * channels * bytes),
  ).flat();
}

/** Offsets in bytes of all channels of pixels. */
function channelsOf(pixels: number[], channels: number): number[] {
  return pixels.flatMap((pixel) =>
    Array.from({ length: channels }, (_, channel) => (pixel * channels + channel) * bytes)
  );
}
