import { type Block, sizeOf } from "./graph.ts";
import type { Kernels } from "./kernels.ts";
import type { Padded } from "./windows.ts";

/** Bytes of a float32. */
export const bytes = 4;
/** Windows computed at once, so that their input stays in the cache and sums stay short. */
export const chunkWindows = 256;

/** Number of images computed at once, more than one if they are small. */
export function groupOf(windows: number): number {
  return Math.max(1, Math.floor(chunkWindows / windows));
}

/**
 * Call a function for each group of images.
 *
 * @param begin number of the first group. Default: 0
 * @param end number of groups in front of the end. Default: all
 */
export function eachGroup(
  rows: number,
  group: number,
  run: (first: number, count: number) => void,
  begin = 0,
  end = Math.ceil(rows / group),
): void {
  for (let first = begin * group; first < Math.min(rows, end * group); first += group) {
    run(first, Math.min(group, rows - first));
  }
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

/**
 * Zero padding for groups of images or volumes; copies nothing without margins.
 *
 * @param sizes pixels along each axis: rows and columns, after the planes of a volume
 */
export function padding(
  padded: Padded | undefined,
  sizes: readonly number[],
  channels: number,
  group: number,
) {
  const before = padded?.before ?? sizes.map(() => 0);
  const paddedSizes = padded?.sizes ?? sizes;
  const pixels = sizeOf(paddedSizes);
  const isPadded = pixels !== sizeOf(sizes);
  const [rows, columns] = sizes.slice(-2);
  const [top, left] = before.slice(-2);
  const [height, width] = paddedSizes.slice(-2);
  const planes = sizes.length > 2 ? sizes[0] : 1;
  const paddedPlanes = sizes.length > 2 ? paddedSizes[0] : 1;
  const plane = height * width * channels;
  const hasPlanes = planes !== paddedPlanes;
  return {
    /** Whether there are margins. */
    isPadded,
    /** Pixels of a padded image. */
    pixels,
    /** Scratch memory for a group, in values. */
    scratch: isPadded ? group * (pixels * channels + (hasPlanes ? planes * plane : 0)) : 0,
    /** Pad images; returns the address of the padded images. */
    pad(kernels: Kernels, images: number, from: number, to: number): number {
      if (!isPadded) return from;
      const between = hasPlanes ? to + images * pixels * channels * bytes : to;
      // deno-fmt-ignore
      kernels.pad(
        images * planes, rows, columns, channels, top, left, height, width, from, between,
      );
      if (hasPlanes) {
        kernels.pad(images, planes, 1, plane, before[0], 0, paddedPlanes, 1, between, to);
      }
      return to;
    },
    /** Copy padded images without their margins. Overwrites the scratch memory behind them. */
    crop(kernels: Kernels, images: number, from: number, to: number): void {
      if (!isPadded) return;
      const between = hasPlanes ? from + images * pixels * channels * bytes : from;
      if (hasPlanes) {
        kernels.crop(images, planes, 1, plane, before[0], 0, paddedPlanes, 1, from, between);
      }
      // deno-fmt-ignore
      kernels.crop(
        images * planes, rows, columns, channels, top, left, height, width, between, to,
      );
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
): Int32Array {
  const offsets = new Int32Array(images * pixels.length);
  let at = 0;
  for (let image = 0; image < images; image++) {
    for (const pixel of pixels) offsets[at++] = (image * distance + pixel) * channels * bytes;
  }
  return offsets;
}

/** Byte offsets of all channels of pixels. */
export function channelsOf(pixels: number[], channels: number): Int32Array {
  const offsets = new Int32Array(pixels.length * channels);
  let at = 0;
  for (const pixel of pixels) {
    for (let channel = 0; channel < channels; channel++) {
      offsets[at++] = (pixel * channels + channel) * bytes;
    }
  }
  return offsets;
}
