/** Name of the global that {@linkcode addLoopFuel} exports. */
export const fuelExport = "fuel";

/**
 * Let every loop of a WebAssembly module burn fuel: each turn takes one from an exported global, and
 * traps when none is left. An interpreter asks from time to time whether it should go on, but not
 * while one of its built-in functions is at work, and some of these can be made to work for hours.
 *
 * @param code a module without threads, SIMD or exceptions
 * @returns the module, with a mutable i32 global exported as {@linkcode fuelExport}, 0 at first
 * @throws SyntaxError for an instruction that is not known
 */
export function addLoopFuel(code: Uint8Array): Uint8Array<ArrayBuffer> {
  const reader = new Reader(code);
  const sections: [id: number, body: Uint8Array][] = [];
  let fuel = 0;
  reader.at = 8;
  while (reader.at < code.length) {
    const id = code[reader.at++];
    const end = reader.unsigned() + reader.at;
    sections.push([id, code.subarray(reader.at, end)]);
    if (id === importSection) fuel += countImportedGlobals(new Reader(code, reader.at));
    if (id === globalSection) fuel += new Reader(code, reader.at).unsigned();
    reader.at = end;
  }
  const out = new Writer(code.length * 1.2);
  out.bytes(code.subarray(0, 8));
  const burn = burnOf(fuel);
  for (const [id, body] of sections) {
    let written = body;
    if (id === globalSection) written = withOneMore(body, [i32, 1, i32Const, 0, end]);
    if (id === exportSection) {
      const name = new TextEncoder().encode(fuelExport);
      written = withOneMore(body, [name.length, ...name, globalKind, ...leb(fuel)]);
    }
    if (id === codeSection) written = withBurningLoops(body, burn);
    out.byte(id);
    out.unsigned(written.length);
    out.bytes(written);
  }
  return out.done();
}

const [importSection, globalSection, exportSection, codeSection] = [2, 6, 7, 10];
const [i32, globalKind, i32Const, end] = [0x7f, 3, 0x41, 0x0b];

/** `if (fuel === 0) trap; fuel -= 1;` */
function burnOf(fuel: number): number[] {
  const [get, set] = [[0x23, ...leb(fuel)], [0x24, ...leb(fuel)]];
  const [isZero, ifThen, noResult, trap, subtract] = [0x45, 0x04, 0x40, 0x00, 0x6b];
  return [...get, isZero, ifThen, noResult, trap, end, ...get, i32Const, 1, subtract, ...set];
}

function countImportedGlobals(reader: Reader): number {
  let globals = 0;
  for (let left = reader.unsigned(); left > 0; left--) {
    reader.skipName();
    reader.skipName();
    const kind = reader.code[reader.at++];
    if (kind === 0) reader.unsigned();
    if (kind === 1) reader.at++;
    if (kind === 1 || kind === 2) {
      const hasMaximum = (reader.code[reader.at++] & 1) === 1;
      reader.unsigned();
      if (hasMaximum) reader.unsigned();
    }
    if (kind === globalKind) {
      reader.at += 2;
      globals++;
    }
  }
  return globals;
}

/** A vector with an element behind its others. */
function withOneMore(body: Uint8Array, element: number[]): Uint8Array {
  const reader = new Reader(body);
  const count = reader.unsigned();
  const out = new Writer(body.length + element.length + 5);
  out.unsigned(count + 1);
  out.bytes(body.subarray(reader.at));
  out.bytes(element);
  return out.done();
}

function withBurningLoops(body: Uint8Array, burn: number[]): Uint8Array {
  const reader = new Reader(body);
  const out = new Writer(body.length * 1.2);
  const count = reader.unsigned();
  out.unsigned(count);
  for (let i = 0; i < count; i++) {
    const stop = reader.unsigned() + reader.at;
    const begins = reader.at;
    const places: number[] = [];
    for (let groups = reader.unsigned(); groups > 0; groups--) {
      reader.unsigned();
      reader.at++;
    }
    while (reader.at < stop) {
      if (reader.skipInstruction() === loop) places.push(reader.at);
    }
    out.unsigned(stop - begins + places.length * burn.length);
    let from = begins;
    for (const place of places) {
      out.bytes(body.subarray(from, place));
      out.bytes(burn);
      from = place;
    }
    out.bytes(body.subarray(from, stop));
  }
  return out.done();
}

const loop = 0x03;

function leb(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return [...bytes, value];
}

class Reader {
  readonly code: Uint8Array;
  at: number;

  constructor(code: Uint8Array, at = 0) {
    this.code = code;
    this.at = at;
  }

  unsigned(): number {
    let value = 0;
    for (let shift = 0;; shift += 7) {
      const byte = this.code[this.at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
  }

  skipNumber(): void {
    while (this.code[this.at++] > 127);
  }

  skipName(): void {
    const length = this.unsigned();
    this.at += length;
  }

  /** @returns its opcode */
  skipInstruction(): number {
    const { code } = this;
    const opcode = code[this.at++];
    if (opcode >= 0x45 && opcode <= 0xc4) return opcode;
    if (opcode >= 0x28 && opcode <= 0x3e) {
      this.skipNumber();
      this.skipNumber();
      return opcode;
    }
    switch (opcode) {
      // unreachable, nop, else, end, return, drop, select
      case 0x00:
      case 0x01:
      case 0x05:
      case 0x0b:
      case 0x0f:
      case 0x1a:
      case 0x1b:
        return opcode;
      // block, loop, if; br, br_if, call; locals, globals, tables; memory.size and grow, constants
      case 0x02:
      case 0x03:
      case 0x04:
      case 0x0c:
      case 0x0d:
      case 0x10:
      case 0x20:
      case 0x21:
      case 0x22:
      case 0x23:
      case 0x24:
      case 0x25:
      case 0x26:
      case 0x3f:
      case 0x40:
      case 0x41:
      case 0x42:
        this.skipNumber();
        return opcode;
      case 0x0e: // br_table
        for (let targets = this.unsigned() + 1; targets > 0; targets--) this.skipNumber();
        return opcode;
      case 0x11: // call_indirect
        this.skipNumber();
        this.skipNumber();
        return opcode;
      case 0x43: // f32.const
        this.at += 4;
        return opcode;
      case 0x44: // f64.const
        this.at += 8;
        return opcode;
      case 0xfc: {
        const [initMemory, copyMemory, dropData, fillMemory] = [8, 10, 9, 11];
        const second = this.unsigned();
        if (second < initMemory) return opcode;
        if (second === initMemory || second === copyMemory) this.at += 2;
        else if (second === dropData || second === fillMemory) this.at += 1;
        else break;
        return opcode;
      }
    }
    throw new SyntaxError(`Cannot read a WebAssembly instruction: ${opcode} is not known`);
  }
}

class Writer {
  #out: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(size: number) {
    this.#out = new Uint8Array(Math.ceil(size));
  }

  byte(value: number): void {
    this.bytes([value]);
  }

  unsigned(value: number): void {
    this.bytes(leb(value));
  }

  bytes(values: ArrayLike<number>): void {
    const needed = this.#length + values.length;
    if (needed > this.#out.length) {
      const larger = new Uint8Array(needed * 2);
      larger.set(this.#out);
      this.#out = larger;
    }
    this.#out.set(values, this.#length);
    this.#length = needed;
  }

  done(): Uint8Array<ArrayBuffer> {
    return this.#out.slice(0, this.#length);
  }
}
