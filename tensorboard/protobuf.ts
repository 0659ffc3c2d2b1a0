/**
 * Writes protocol buffers into one growing buffer. Every field is written, even with its default
 * value, which proto3 omits; omitting it is up to the caller.
 */
export class ProtobufWriter {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #size = 0;

  /** The buffer; its first `size` bytes are written. The next write may replace it. */
  get buffer(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** Number of bytes written. */
  get size(): number {
    return this.#size;
  }

  /** Discard everything after the first `size` bytes. */
  truncate(size: number): void {
    this.#size = size;
  }

  /** The bytes between two positions; the next write overwrites them. */
  view(start = 0, end = this.#size): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(start, end);
  }

  /** Return the bytes, which the caller then owns, and start over. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.view();
    this.#replace(new Uint8Array(1024));
    this.#size = 0;
    return taken;
  }

  /** Reserve `length` bytes, to be filled in by {@linkcode fixed32At}. */
  skip(length: number): void {
    this.#reserve(length);
    this.#bytes.fill(0, this.#size, this.#size += length);
  }

  /** Write an unsigned 32-bit integer at a reserved position. */
  fixed32At(offset: number, value: number): void {
    this.#view.setUint32(offset, value, true);
  }

  /** Write a 32-bit float at a reserved position. */
  float32At(offset: number, value: number): void {
    this.#view.setFloat32(offset, value, true);
  }

  /** Write encoded fields. */
  encoded(fields: Uint8Array): void {
    this.#reserve(fields.length);
    this.#bytes.set(fields, this.#size);
    this.#size += fields.length;
  }

  /** Write an integer of any type, a bool or an enum. */
  varint(field: number, value: number | bigint): void {
    this.#key(field, 0);
    this.#varint(value);
  }

  double(field: number, value: number): void {
    this.#key(field, 1);
    this.#reserve(8);
    this.#view.setFloat64(this.#size, value, true);
    this.#size += 8;
  }

  float(field: number, value: number): void {
    this.#key(field, 5);
    this.#reserve(4);
    this.#view.setFloat32(this.#size, value, true);
    this.#size += 4;
  }

  text(field: number, text: string): void {
    this.message(field, () => {
      // A UTF-16 unit takes at most three bytes in UTF-8.
      this.#reserve(text.length * 3);
      // Most strings are short and ASCII, for which a loop is faster.
      const start = this.#size;
      for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i);
        if (code > 127 || i > 100) {
          this.#size = start + encoder.encodeInto(text, this.#bytes.subarray(start)).written;
          return;
        }
        this.#bytes[this.#size++] = code;
      }
    });
  }

  bytes(field: number, bytes: Uint8Array): void {
    this.#key(field, 2);
    this.#varint(bytes.length);
    this.encoded(bytes);
  }

  /** Write a message or a packed field; `write` writes its content with this writer. */
  message(field: number, write: () => void): void {
    this.#key(field, 2);
    this.skip(1);
    const start = this.#size;
    write();
    // One byte was reserved for the length; a longer length moves the content.
    const end = this.#size;
    let more = 0;
    for (let rest = end - start; rest > 127; rest = Math.floor(rest / 128)) more++;
    this.skip(more);
    this.#bytes.copyWithin(start + more, start, end);
    this.#size = start - 1;
    this.#varint(end - start);
    this.#size = end + more;
  }

  /** Write a number of a packed field. */
  packedVarint(value: number | bigint): void {
    this.#varint(value);
  }

  #key(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number | bigint): void {
    this.#reserve(10);
    if (typeof value === "number" && value >= 0 && value < 128) {
      this.#bytes[this.#size++] = value;
      return;
    }
    // A negative integer is written as the 64-bit integer with the same bits.
    let rest = value < 0 ? BigInt.asUintN(64, BigInt(value)) : value;
    while (rest > 127) {
      if (typeof rest === "bigint") {
        this.#bytes[this.#size++] = Number(rest & 127n) | 128;
        rest >>= 7n;
      } else {
        this.#bytes[this.#size++] = (rest & 127) | 128;
        rest = Math.floor(rest / 128);
      }
    }
    this.#bytes[this.#size++] = Number(rest);
  }

  #reserve(length: number): void {
    if (this.#size + length <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#size + length));
    bytes.set(this.view());
    this.#replace(bytes);
  }

  #replace(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

/** A field of a message. */
export interface ProtobufField {
  number: number;
  /** Value of an integer, bool or enum as a signed 64-bit integer; 0 for other types. */
  integer: bigint;
  /** Bytes of any other type; empty for an integer. */
  bytes: Uint8Array;
}

/**
 * The fields of a message, in order.
 *
 * @throws SyntaxError for malformed bytes
 */
export function* readFields(bytes: Uint8Array): Generator<ProtobufField> {
  let offset = 0;

  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[offset++];
      if (byte === undefined) break;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, value);
    }
    throw malformed(offset, "a complete integer");
  };

  while (offset < bytes.length) {
    const start = offset;
    const key = Number(varint());
    const [number, wireType] = [Math.floor(key / 8), key % 8];
    if (wireType === 0) {
      yield { number, integer: varint(), bytes: nothing };
      continue;
    }
    if (wireType !== 1 && wireType !== 2 && wireType !== 5) {
      throw malformed(start, "a known field type");
    }
    const length = wireType === 2 ? Number(varint()) : wireType === 1 ? 8 : 4;
    const end = offset + length;
    if (end < offset || end > bytes.length) throw malformed(start, "a complete field");
    yield { number, integer: 0n, bytes: bytes.subarray(offset, end) };
    offset = end;
  }
}

/** The number of a `double`. */
export function readDouble(bytes: Uint8Array): number {
  if (bytes.length !== 8) throw malformed(0, `8 bytes of a double, not ${bytes.length}`);
  return viewOf(bytes).getFloat64(0, true);
}

/** The number of a `float`. */
export function readFloat(bytes: Uint8Array): number {
  if (bytes.length !== 4) throw malformed(0, `4 bytes of a float, not ${bytes.length}`);
  return viewOf(bytes).getFloat32(0, true);
}

/** The text of a `string`. */
export function readText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** The integers of a packed field. */
export function readPackedIntegers(bytes: Uint8Array): bigint[] {
  const found: bigint[] = [];
  let [value, shift] = [0n, 0n];
  for (const byte of bytes) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte < 128) {
      found.push(BigInt.asIntN(64, value));
      [value, shift] = [0n, 0n];
    }
  }
  return found;
}

/** A view of the same bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const nothing = new Uint8Array();

function malformed(offset: number, expected: string): SyntaxError {
  return new SyntaxError(`Cannot read a message at byte ${offset}: expected ${expected}`);
}
