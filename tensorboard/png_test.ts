import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deflateSync, inflateSync } from "node:zlib";
import { encodePng } from "./png.ts";

/** Pseudo-random values, the same in each run. */
function noise(length: number, values = 256): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = Math.imul(state, 1664525) + 1013904223 >>> 0;
    return (state >>> 16) % values;
  });
}

/** The image in a PNG, decoded independently of the encoder. */
function decode(png: Uint8Array) {
  assert.deepEqual([...png.subarray(0, 8)], [137, 80, 78, 71, 13, 10, 26, 10]);
  const view = new DataView(png.buffer, png.byteOffset, png.length);
  const chunks: Record<string, Uint8Array> = {};
  for (let at = 8; at < png.length;) {
    const length = view.getUint32(at);
    const typed = png.subarray(at + 4, at + 8 + length);
    assert.equal(view.getUint32(at + 8 + length), slowCrc32(typed));
    chunks[String.fromCharCode(...typed.subarray(0, 4))] = typed.subarray(4);
    at += length + 12;
  }
  assert.deepEqual(Object.keys(chunks), ["IHDR", "IDAT", "IEND"]);
  const header = new DataView(chunks.IHDR.slice().buffer);
  const [width, height] = [header.getUint32(0), header.getUint32(4)];
  assert.deepEqual([...chunks.IHDR.subarray(10)], [0, 0, 0]);
  const channels = { 0: 1, 2: 3, 6: 4 }[chunks.IHDR[9]]!;
  const rows = inflateSync(chunks.IDAT);
  const stride = width * channels;
  const pixels = new Uint8Array(stride * height);
  const filters = new Set<number>();
  assert.equal(rows.length, (stride + 1) * height);
  for (let row = 0; row < height; row++) {
    const filter = rows[row * (stride + 1)];
    filters.add(filter);
    for (let i = 0; i < stride; i++) {
      const at = row * stride + i;
      const predicted = [0, i < channels ? 0 : pixels[at - channels], pixels[at - stride] ?? 0];
      pixels[at] = rows[row * (stride + 1) + 1 + i] + predicted[filter];
    }
  }
  return { width, height, channels, bits: chunks.IHDR[8], pixels, filters };
}

function slowCrc32(data: Uint8Array): number {
  let sum = -1;
  for (const byte of data) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return ~sum >>> 0;
}

describe("A PNG", () => {
  for (const channels of [1, 3, 4] as const) {
    it(`A PNG with ${channels} channels decodes to its original pixels`, () => {
      for (const [width, height] of [[1, 1], [7, 3], [33, 40]]) {
        const pixels = noise(width * height * channels);
        const found = decode(encodePng(width, height, channels, pixels, deflateSync));
        assert.deepEqual({ ...found, filters: 0 }, {
          width,
          height,
          channels,
          bits: 8,
          pixels,
          filters: 0,
        });
      }
    });
  }

  it("A PNG uses the best filter for each row", () => {
    const rising = Uint8Array.from({ length: 64 * 3 }, (_, i) => i % 64 * 4);
    const pixels = new Uint8Array([...rising, ...new Uint8Array(64)]);
    const { filters, pixels: found } = decode(encodePng(64, 4, 1, pixels, deflateSync));
    assert.deepEqual(found, pixels);
    assert.deepEqual(filters, new Set([0, 1, 2]));
  });

  it("A PNG of a smooth image is much smaller than its pixels", () => {
    const pixels = Uint8Array.from({ length: 128 * 128 }, (_, i) => (i % 128) + (i >> 7) & 255);
    assert(encodePng(128, 128, 1, pixels, deflateSync).length < pixels.length / 20);
  });
});
