import type { Block, Builder } from "./builder.ts";
import type { Padded } from "./windows.ts";

/** Bytes of a number. */
export const bytes = 4;
/** Windows that are computed at once: what they read stays in the cache, and sums stay short. */
export const chunkWindows = 256;

/** How many small images are computed at once. */
export function groupOf(windows: number): number {
  return Math.max(1, Math.floor(chunkWindows / windows));
}

/** Call for the images of each group. */
export function eachGroup(
  rows: number,
  group: number,
  run: (first: number, count: number) => void,
): void {
  for (let first = 0; first < rows; first += group) run(first, Math.min(group, rows - first));
}

/** Call for each chunk of so many windows. */
export function eachChunk(count: number, run: (first: number, count: number) => void): void {
  for (let first = 0; first < count; first += chunkWindows) {
    run(first, Math.min(chunkWindows, count - first));
  }
}

/** Address of an image. */
export function imageAt(block: Block, image: number, pixels: number, channels: number): number {
  return block.address + image * pixels * channels * bytes;
}

/** How images are given the zeros around them; none if nothing is `padded`. */
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
