/**
 * Compress, at once and without waiting: a zlib stream (RFC 1950) of one deflate block (RFC 1951)
 * with the fixed code. `CompressionStream` makes smaller ones, but only asynchronously.
 */
export function zlibStream(data: Uint8Array): Uint8Array {
  const out = new BitWriter();
  // Method 8, a window of 32 KiB.
  out.bits(0x78, 8);
  out.bits(0x01, 8);
  // The last block, of the type with the fixed code.
  out.bits(1, 1);
  out.bits(1, 2);
  writeBlock(out, data);
  out.endByte();
  const sum = adler32(data);
  for (const shift of [24, 16, 8, 0]) out.bits((sum >>> shift) & 255, 8);
  return out.take();
}

const windowSize = 32768;
const shortest = 3;
const longest = 258;
const hashSize = 1 << 15;
// How many earlier places with the same hash are looked at.
const tries = 16;

function writeBlock(out: BitWriter, data: Uint8Array): void {
  // The last place of each hash, and before each place the one with the same hash before it.
  const last = new Int32Array(hashSize).fill(-1);
  const before = new Int32Array(data.length);
  const remember = (at: number) => {
    if (at + shortest > data.length) return;
    const hash = hashAt(data, at);
    before[at] = last[hash];
    last[hash] = at;
  };

  let at = 0;
  while (at < data.length) {
    let [length, distance] = [0, 0];
    if (at + shortest <= data.length) {
      let other = last[hashAt(data, at)];
      for (let i = 0; i < tries && other >= 0 && at - other <= windowSize; i++) {
        const same = sameBytes(data, other, at);
        if (same > length) [length, distance] = [same, at - other];
        other = before[other];
      }
    }
    if (length < shortest) {
      writeSymbol(out, data[at]);
      remember(at++);
      continue;
    }
    writeMatch(out, length, distance);
    for (const end = at + length; at < end; at++) remember(at);
  }
  writeSymbol(out, 256);
}

function hashAt(data: Uint8Array, at: number): number {
  const three = data[at] | (data[at + 1] << 8) | (data[at + 2] << 16);
  return Math.imul(three, 0x9e3779b1) >>> 17;
}

function sameBytes(data: Uint8Array, from: number, at: number): number {
  const most = Math.min(longest, data.length - at);
  let length = 0;
  while (length < most && data[from + length] === data[at + length]) length++;
  return length;
}

/** A symbol of the fixed code: a byte, 256 for the end, or a length. */
function writeSymbol(out: BitWriter, symbol: number): void {
  if (symbol < 144) out.code(symbol + 0x30, 8);
  else if (symbol < 256) out.code(symbol - 144 + 0x190, 9);
  else if (symbol < 280) out.code(symbol - 256, 7);
  else out.code(symbol - 280 + 0xc0, 8);
}

function writeMatch(out: BitWriter, length: number, distance: number): void {
  const lengthCode = codeOf(lengths, length);
  writeSymbol(out, 257 + lengthCode);
  out.bits(length - lengths.first[lengthCode], lengths.extra[lengthCode]);
  const distanceCode = codeOf(distances, distance);
  out.code(distanceCode, 5);
  out.bits(distance - distances.first[distanceCode], distances.extra[distanceCode]);
}

/** The first number of each code, and how many bits tell which one it is. */
interface Codes {
  first: number[];
  extra: number[];
}

const lengths = codes(shortest, 28, (code) => Math.max(0, (code >> 2) - 1));
// The longest match has a code of its own.
lengths.first.push(longest);
lengths.extra.push(0);
const distances = codes(1, 30, (code) => Math.max(0, (code >> 1) - 1));

function codes(start: number, count: number, extraOf: (code: number) => number): Codes {
  const extra = Array.from({ length: count }, (_, code) => extraOf(code));
  let next = start;
  const first = extra.map((bits) => {
    const own = next;
    next += 1 << bits;
    return own;
  });
  return { first, extra };
}

function codeOf({ first }: Codes, value: number): number {
  let code = first.length - 1;
  while (first[code] > value) code--;
  return code;
}

function adler32(data: Uint8Array): number {
  let [low, high] = [1, 0];
  for (const byte of data) {
    low = (low + byte) % 65521;
    high = (high + low) % 65521;
  }
  return ((high << 16) | low) >>> 0;
}

class BitWriter {
  #bytes = new Uint8Array(256);
  #size = 0;
  #pending = 0;
  #count = 0;

  /** A number, its lowest bit first; at most 16 bits. */
  bits(value: number, count: number): void {
    this.#pending |= value << this.#count;
    this.#count += count;
    while (this.#count >= 8) this.#byte();
  }

  /** A code, its highest bit first. */
  code(value: number, count: number): void {
    let reversed = 0;
    for (let bit = 0; bit < count; bit++) reversed = (reversed << 1) | ((value >> bit) & 1);
    this.bits(reversed, count);
  }

  /** Fill up the byte that was begun. */
  endByte(): void {
    if (this.#count > 0) this.bits(0, 8 - this.#count);
  }

  take(): Uint8Array {
    return this.#bytes.slice(0, this.#size);
  }

  #byte(): void {
    if (this.#size === this.#bytes.length) {
      const bytes = new Uint8Array(this.#size * 2);
      bytes.set(this.#bytes);
      this.#bytes = bytes;
    }
    this.#bytes[this.#size++] = this.#pending & 255;
    this.#pending >>>= 8;
    this.#count -= 8;
  }
}
