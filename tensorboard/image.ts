import type { Deflate } from "../runtime/deflate.ts";
import { encodePng } from "./png.ts";
import type { TensorLike } from "./tensor.ts";

/** Pixels in rows, from the top left. */
export interface ImageLike {
  /** Width in pixels. */
  width: number;
  /** Height in pixels. */
  height: number;
  /** Values per pixel: 1 (gray), 3 (RGB) or 4 (RGBA). */
  channels: 1 | 3 | 4;
  /**
   * Bytes from 0 to 255, or floats from 0 to 1. Floats outside this range are clipped; NaN becomes
   * 0.
   */
  data: Uint8Array | Uint8ClampedArray | Float32Array;
}

/**
 * Images of one size as TensorBoard stores them: width, height and a PNG of each.
 *
 * Source: `tensorboard/plugins/image/summary_v2.py`; floats become bytes as in
 * `tf.image.convert_image_dtype`.
 *
 * @param images images that passed {@linkcode checkImages}
 * @param deflate compresses them
 */
export function imageTensor(images: readonly ImageLike[], deflate: Deflate): TensorLike {
  const [{ width, height }] = images;
  const pngs = images.map(({ channels, data }) => {
    const bytes = data instanceof Float32Array ? bytesOf(data) : data;
    return encodePng(width, height, channels, bytes, deflate);
  });
  const values = [String(width), String(height), ...pngs];
  return { dtype: "string", shape: [values.length], values };
}

/**
 * Check that there are images, of one size and with the right number of values.
 *
 * @throws RangeError otherwise
 */
export function checkImages(images: readonly ImageLike[]): void {
  if (images.length === 0) {
    throw new RangeError("Cannot write an image summary of 0 images: there must be at least one");
  }
  const { width, height } = images[0];
  for (const image of images) {
    checkImage(image);
    if (image.width === width && image.height === height) continue;
    throw new RangeError(
      `Cannot write images of ${width} x ${height} and ${image.width} x ${image.height} pixels ` +
        `under one tag: they must have the same size`,
    );
  }
}

function checkImage({ width, height, channels, data }: ImageLike): void {
  if (![1, 3, 4].includes(channels)) {
    throw new RangeError(
      `Cannot write an image with ${channels} channels: there must be 1, 3 or 4`,
    );
  }
  const size = width * height * channels;
  if (data.length !== size || !(size > 0)) {
    throw new RangeError(
      `Cannot write an image of ${width} x ${height} pixels and ${channels} channels with ` +
        `${data.length} values: there must be ${size}, and more than 0`,
    );
  }
}

function bytesOf(floats: Float32Array): Uint8Array {
  // 255.5, so that 256 steps of equal width cover 0..1.
  return Uint8Array.from(floats, (value) => Math.min(255, Math.max(0, Math.floor(value * 255.5))));
}
