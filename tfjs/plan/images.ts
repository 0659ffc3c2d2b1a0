import type { Builder } from "./builder.ts";
import type { Block } from "./graph.ts";
import type { Padded } from "./windows.ts";

/** Bytes of a float32. */
export const bytes = 4;
/** Windows computed at once, so that their input stays in the cache and sums stay short. */
export const chunkWindows = 256;

/** Number of images computed at once, more than one if they are small. */
export function groupOf(windows: number): number {
  return Math.max(1, Math.floor(chunkWindows / windows));
}

/** Call a function for each group of images. */
export function eachGroup(
  rows: number,
  group: number,
  run: (first: number, count: number) => void,
): void {
  for (let first = 0; first < rows; first += group) run(first, Math.min(group, rows - first));
}

/** Call a function for each chunk of `count` windows. */
export function eachChunk(count: number, run: (first: number, count: number) => void): void {
  for (let first = 0; first < count; first += chunkWindows) {
    run(first, Math.min(chunkWindows, count - first));
  }
}

/** Address of an image in a block. */
export function imageAt(block: Block, image: number, pixels: number, channels: number): number {
  return block.address + image * pixels * channels * bytes;
}

/** Zero padding for groups of images; copies nothing without margins. */
export function padding(
  { kernels }: Builder,
  padded: Padded | undefined,
  [rows, columns]: [number, number],
  channels: number,
  group: number,
) {
  const { top, left, height, width } = padded ?? { top: 0, left: 0, height: rows, width: columns };
  const pixels = height * width;
  const isPadded = pixels !== rows * columns;
  return {
    /** Pixels of a padded image. */
    pixels,
    /** Scratch memory for a group, in values. */
    scratch: isPadded ? group * pixels * channels : 0,
    /** Pad images; returns the address of the padded images. */
    pad(images: number, from: number, to: number): number {
      if (!isPadded) return from;
      kernels.pad(images, rows, columns, channels, top, left, height, width, from, to);
      return to;
    },
  };
}

/**
 * Byte offsets of pixels, repeated for several images.
 *
 * @param distance pixels between two images
 */
export function byteOffsets(
  pixels: number[],
  images: number,
  distance: number,
  channels: number,
): number[] {
  return Array.from(
    { length: images },
    (_, image) => pixels.map((pixel) => (image * distance + pixel) * channels * bytes),
  ).flat();
}
