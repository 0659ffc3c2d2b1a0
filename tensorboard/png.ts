import type { Deflate } from "../runtime/deflate.ts";
import { crc32 } from "./crc.ts";
import { viewOf } from "./protobuf.ts";

/**
 * A PNG of 8 bits per channel (ISO/IEC 15948).
 *
 * @param width width in pixels
 * @param height height in pixels
 * @param channels 1 (gray), 3 (RGB) or 4 (RGBA)
 * @param pixels `width * height * channels` bytes
 * @param deflate compresses them
 */
export function encodePng(
  width: number,
  height: number,
  channels: 1 | 3 | 4,
  pixels: ArrayLike<number>,
  deflate: Deflate,
): Uint8Array {
  const header = new Uint8Array(13);
  const view = viewOf(header);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = 8;
  header[9] = { 1: 0, 3: 2, 4: 6 }[channels];
  return join([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", header),
    chunk("IDAT", deflate(filterRows(width * channels, height, channels, pixels))),
    chunk("IEND", new Uint8Array()),
  ]);
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 12);
  const view = viewOf(bytes);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
  return bytes;
}

/** Each row, filtered and preceded by the number of its best filter: none, left or above. */
function filterRows(
  stride: number,
  height: number,
  channels: number,
  pixels: ArrayLike<number>,
): Uint8Array {
  const filtered = new Uint8Array((stride + 1) * height);
  for (let row = 0; row < height; row++) {
    const start = row * stride;
    let least = Infinity;
    for (let filter = 0; filter < 3; filter++) {
      const line = new Uint8Array(stride);
      let sum = 0;
      for (let i = 0; i < stride; i++) {
        let predicted = 0;
        if (filter === 1 && i >= channels) predicted = pixels[start + i - channels];
        if (filter === 2 && row > 0) predicted = pixels[start + i - stride];
        line[i] = pixels[start + i] - predicted;
        // Differences are small signed numbers.
        sum += Math.min(line[i], 256 - line[i]);
      }
      if (sum >= least) continue;
      least = sum;
      filtered[row * (stride + 1)] = filter;
      filtered.set(line, row * (stride + 1) + 1);
    }
  }
  return filtered;
}

function join(parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
