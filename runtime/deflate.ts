/**
 * Compress bytes into zlib's format (RFC 1950), with the zlib of Deno, Bun and Node. A browser and
 * the sandbox of a plugin have none that answers immediately; there, {@linkcode compress} does it.
 */
export function deflate(bytes: Uint8Array): Uint8Array {
  const { process } = globalThis as { process?: { getBuiltinModule?: GetBuiltinModule } };
  return process?.getBuiltinModule?.("node:zlib").deflateSync(bytes) ?? compress(bytes);
}

type GetBuiltinModule = (name: "node:zlib") => { deflateSync(bytes: Uint8Array): Uint8Array };

/**
 * Compress bytes into zlib's format: repetitions and the fixed Huffman code (RFC 1951, 3.2.6), in
 * one block. Larger than zlib's, because no code is fitted to the data.
 */
function compress(bytes: Uint8Array): Uint8Array {
  const out = new BitWriter();
  out.bits(0x9c78, 16);
  out.bits(0b011, 3);
  // Position of the last three bytes with each hash, plus one.
  const last = new Int32Array(1 << 15);
  for (let at = 0; at < bytes.length;) {
    const hash = hashAt(bytes, at);
    const before = last[hash] - 1;
    last[hash] = at + 1;
    const length = before >= 0 && at - before <= 32768 ? sameBytes(bytes, before, at) : 0;
    if (length < 3) {
      writeSymbol(out, bytes[at++]);
      continue;
    }
    writeLength(out, length);
    writeDistance(out, at - before);
    at += length;
  }
  writeSymbol(out, 256);
  return out.finish(adler32(bytes));
}

function hashAt(bytes: Uint8Array, at: number): number {
  const three = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
  return Math.imul(three, 0x9e3779b1) >>> 17;
}

/** Number of bytes from `at` that repeat those from `before`, at most 258. */
function sameBytes(bytes: Uint8Array, before: number, at: number): number {
  const most = Math.min(258, bytes.length - at);
  let length = 0;
  while (length < most && bytes[before + length] === bytes[at + length]) length++;
  return length;
}

/** A literal byte, the end of the block (256), or a length (257 to 285). */
function writeSymbol(out: BitWriter, symbol: number): void {
  if (symbol < 144) out.code(0x30 + symbol, 8);
  else if (symbol < 256) out.code(0x190 + symbol - 144, 9);
  else if (symbol < 280) out.code(symbol - 256, 7);
  else out.code(0xc0 + symbol - 280, 8);
}

/** Lengths 3 to 258: each four symbols have one extra bit more than the four before. */
function writeLength(out: BitWriter, length: number): void {
  if (length === 258) return writeSymbol(out, 285);
  const value = length - 3;
  const extra = Math.max(0, 29 - Math.clz32(value));
  writeSymbol(out, 257 + 4 * extra + (value >> extra));
  out.bits(value & ((1 << extra) - 1), extra);
}

/** Distances 1 to 32768: each two symbols have one extra bit more than the two before. */
function writeDistance(out: BitWriter, distance: number): void {
  const value = distance - 1;
  const extra = Math.max(0, 30 - Math.clz32(value));
  out.code(2 * extra + (value >> extra), 5);
  out.bits(value & ((1 << extra) - 1), extra);
}

function adler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0];
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return b * 65536 + a;
}

/** Bytes that are filled from their lowest bit. */
class BitWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;
  #pending = 0;
  #count = 0;

  /** Write a number, lowest bit first. */
  bits(value: number, count: number): void {
    this.#pending |= value << this.#count;
    this.#count += count;
    for (; this.#count >= 8; this.#count -= 8) {
      this.#byte(this.#pending & 255);
      this.#pending >>>= 8;
    }
  }

  /** Write a Huffman code, highest bit first. */
  code(value: number, count: number): void {
    let reversed = 0;
    for (let bit = 0; bit < count; bit++) reversed = (reversed << 1) | ((value >> bit) & 1);
    this.bits(reversed, count);
  }

  /** Fill the last byte and append a checksum. */
  finish(checksum: number): Uint8Array {
    if (this.#count > 0) this.bits(0, 8 - this.#count);
    for (const shift of [24, 16, 8, 0]) this.#byte((checksum >>> shift) & 255);
    return this.#bytes.slice(0, this.#length);
  }

  #byte(value: number): void {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = value;
  }
}
