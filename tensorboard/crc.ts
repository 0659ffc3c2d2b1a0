/**
 * CRC-32C (Castagnoli), the checksum of event files.
 *
 * @param bytes data
 * @returns an unsigned 32-bit integer
 * @example
 * ```ts
 * import { crc32c } from "keepfit/tensorboard";
 * import assert from "node:assert/strict";
 *
 * assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
 * ```
 */
export function crc32c(bytes: Uint8Array): number {
  return crc(castagnoli, bytes);
}

/**
 * {@linkcode crc32c} in the masked form of a TFRecord: rotated by 15 bits plus a constant, so that
 * checksums of data that holds checksums stay good (TensorFlow, `tsl/lib/hash/crc32c.h`).
 *
 * @param bytes data
 * @returns an unsigned 32-bit integer
 */
export function maskedCrc32c(bytes: Uint8Array): number {
  const sum = crc32c(bytes);
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0;
}

/** CRC-32 (ISO 3309), the checksum of PNG. */
export function crc32(bytes: Uint8Array): number {
  return crc(iso, bytes);
}

const castagnoli = tableOf(0x82f63b78);
const iso = tableOf(0xedb88320);

/** What each byte does to the checksum, for a polynomial with its bits reversed. */
function tableOf(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? polynomial : 0);
    return sum;
  });
}

function crc(table: Uint32Array, bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) sum = table[(sum ^ bytes[i]) & 255] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}
