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
  return crc(castagnoli ??= tablesOf(0x82f63b78), bytes, start, end, before);
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
  const sum = crc32c(bytes, start, end);
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;
}

/** CRC-32 (ISO 3309), the checksum of PNG. */
export function crc32(bytes: Uint8Array): number {
  return crc(iso ??= tablesOf(0xedb88320), bytes, 0, bytes.length);
}

// Computed at the first use, because it takes milliseconds.
let castagnoli: Uint32Array[] | undefined;
let iso: Uint32Array[] | undefined;

/**
 * Contribution of each byte to the checksum if 0 to 15 bytes follow it, for a bit-reversed
 * polynomial. Eight tables process eight bytes per step (Intel's slicing-by-8).
 */
function tablesOf(polynomial: number): Uint32Array[] {
  const tables = Array.from({ length: 16 }, () => new Uint32Array(256));
  const [first] = tables;
  for (let byte = 0; byte < 256; byte++) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? polynomial : 0);
    first[byte] = sum;
  }
  for (let following = 1; following < tables.length; following++) {
    for (let byte = 0; byte < 256; byte++) {
      const sum = tables[following - 1][byte];
      tables[following][byte] = first[sum & 255] ^ (sum >>> 8);
    }
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
  if (end - i >= manyBytes && isLittleEndian) {
    for (; (bytes.byteOffset + i) % 4 !== 0; i++) sum = t0[(sum ^ bytes[i]) & 255] ^ (sum >>> 8);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + i, (end - i) >> 4 << 2);
    sum = braided(tables, words, sum);
    i += words.byteLength;
  }
  for (; i + 8 <= end; i += 8) {
    sum ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    sum = t7[sum & 255] ^ t6[(sum >>> 8) & 255] ^ t5[(sum >>> 16) & 255] ^ t4[sum >>> 24] ^
      t3[bytes[i + 4]] ^ t2[bytes[i + 5]] ^ t1[bytes[i + 6]] ^ t0[bytes[i + 7]];
  }
  for (; i < end; i++) sum = t0[(sum ^ bytes[i]) & 255] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

/** Size from which a view of 32-bit words pays off. */
const manyBytes = 1024;

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/**
 * Checksum of whole groups of four words. Four independent checksums, each of every fourth word, run
 * in parallel in the processor (Kadatch and Jenkins, as in zlib): each word is followed by the 12
 * bytes of the other three.
 */
function braided(tables: Uint32Array[], words: Int32Array, sum: number): number {
  const [t0, t1, t2, t3] = tables;
  const [t12, t13, t14, t15] = tables.slice(12);
  const last = words.length - 4;
  let [a, b, c, d] = [sum | 0, 0, 0, 0];
  for (let i = 0; i < last; i += 4) {
    a ^= words[i];
    b ^= words[i + 1];
    c ^= words[i + 2];
    d ^= words[i + 3];
    a = t15[a & 255] ^ t14[(a >>> 8) & 255] ^ t13[(a >>> 16) & 255] ^ t12[a >>> 24];
    b = t15[b & 255] ^ t14[(b >>> 8) & 255] ^ t13[(b >>> 16) & 255] ^ t12[b >>> 24];
    c = t15[c & 255] ^ t14[(c >>> 8) & 255] ^ t13[(c >>> 16) & 255] ^ t12[c >>> 24];
    d = t15[d & 255] ^ t14[(d >>> 8) & 255] ^ t13[(d >>> 16) & 255] ^ t12[d >>> 24];
  }
  // The last group joins them.
  let joined = 0;
  for (const [j, one] of [a, b, c, d].entries()) {
    joined ^= one ^ words[last + j];
    joined = t3[joined & 255] ^ t2[(joined >>> 8) & 255] ^ t1[(joined >>> 16) & 255] ^
      t0[joined >>> 24];
  }
  return joined;
}
