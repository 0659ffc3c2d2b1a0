/**
 * CRC-32C (Castagnoli), the checksum of event files.
 *
 * @param bytes data
 * @param start first byte. Default: 0
 * @param end byte after the last one. Default: the length of `bytes`
 * @param before checksum of the preceding data, to continue from. Default: 0
 * @returns an unsigned 32-bit integer
 * @example
 * ```ts
 * import { crc32c } from "keepfit/tensorboard";
 * import assert from "node:assert/strict";
 *
 * assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
 * ```
 */
export function crc32c(
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
  before = 0,
): number {
  return crc(castagnoli, bytes, start, end, before);
}

/**
 * {@linkcode crc32c} in the masked form of a TFRecord: rotated by 15 bits plus a constant, so that
 * data containing checksums still has a useful checksum (TensorFlow, `tsl/lib/hash/crc32c.h`).
 *
 * @param bytes data
 * @param start first byte. Default: 0
 * @param end byte after the last one. Default: the length of `bytes`
 * @returns an unsigned 32-bit integer
 */
export function maskedCrc32c(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  const sum = crc(castagnoli, bytes, start, end);
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;
}

/** CRC-32 (ISO 3309), the checksum of PNG. */
export function crc32(bytes: Uint8Array): number {
  return crc(iso, bytes, 0, bytes.length);
}

const castagnoli = tablesOf(0x82f63b78);
const iso = tablesOf(0xedb88320);

/**
 * Contribution of each byte to the checksum if 0 to 7 bytes follow it, for a bit-reversed
 * polynomial. Eight tables process eight bytes per step (Intel's slicing-by-8).
 */
function tablesOf(polynomial: number): Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? polynomial : 0);
    return sum;
  });
  const tables = [first];
  for (let following = 1; following < 8; following++) {
    tables.push(tables[following - 1].map((sum) => first[sum & 255] ^ (sum >>> 8)));
  }
  return tables;
}

function crc(
  tables: Uint32Array[],
  bytes: Uint8Array,
  start: number,
  end: number,
  before = 0,
): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables;
  let sum = before ^ 0xffffffff;
  let i = start;
  for (; i + 8 <= end; i += 8) {
    sum ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    sum = t7[sum & 255] ^ t6[(sum >>> 8) & 255] ^ t5[(sum >>> 16) & 255] ^ t4[sum >>> 24] ^
      t3[bytes[i + 4]] ^ t2[bytes[i + 5]] ^ t1[bytes[i + 6]] ^ t0[bytes[i + 7]];
  }
  for (; i < end; i++) sum = t0[(sum ^ bytes[i]) & 255] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}
