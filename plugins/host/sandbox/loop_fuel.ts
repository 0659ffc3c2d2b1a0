/** Name of the global that {@linkcode addLoopFuel} exports. */
export const fuelExport = "fuel";

/** A module whose loops burn fuel. */
export interface FueledModule {
  code: Uint8Array<ArrayBuffer>;
  /** The imported function that is called when the fuel is used up. */
  clock: { module: string; name: string };
}

/**
 * Let every loop of a WebAssembly module burn one unit of fuel per turn, and every instruction that
 * moves memory one unit per 64 bytes. An interpreter regularly checks whether to continue, but not
 * in its built-in functions, some of which can run for hours.
 *
 * When the fuel is used up, the module calls the function that it imports to read the clock, with 0
 * in the global. The host replaces this function: it checks whether there is time left, and refills
 * the global or throws. Calls with remaining fuel are those of the module.
 *
 * @param code a module without threads, SIMD or exceptions, that imports a `() => f64`
 * @returns the module, with a mutable i32 global exported as {@linkcode fuelExport}, initially full
 * @throws SyntaxError for an unknown instruction, or a module without such an import
 */
export function addLoopFuel(code: Uint8Array): FueledModule {
  const reader = new Reader(code);
  const sections: [id: number, body: Uint8Array][] = [];
  reader.at = 8;
  while (reader.at < code.length) {
    const id = code[reader.at++];
    const end = reader.unsigned() + reader.at;
    sections.push([id, code.subarray(reader.at, end)]);
    reader.at = end;
  }
  const bodyOf = (section: number): Uint8Array =>
    sections.find(([id]) => id === section)?.[1] ?? Uint8Array.of(0);
  const types = readTypes(new Reader(bodyOf(typeSection)));
  const imports = readImports(new Reader(bodyOf(importSection)));
  const clock = imports.functions.findIndex(({ type }) => types[type] === clockType);
  if (clock < 0) throw new SyntaxError("Cannot add fuel: the module does not import a clock");
  const countOf = (id: number): number => new Reader(bodyOf(id)).unsigned();
  const fuel = leb(imports.globals + countOf(globalSection));
  const functions = imports.functions.length + countOf(functionSection);
  const added = movers(fuel, leb(clock));
  const burn = burnOf(fuel, leb(clock));
  const name = new TextEncoder().encode(fuelExport);
  const out = new Writer(code.length * 1.2);
  out.bytes(code.subarray(0, 8));
  for (const [id, body] of sections) {
    let written = body;
    if (id === typeSection) written = withMore(body, [[0x60, 3, i32, i32, i32, 0]]);
    if (id === functionSection) written = withMore(body, added.map(() => leb(types.length)));
    if (id === globalSection) written = withMore(body, [[i32, 1, i32Const, ...full, end]]);
    if (id === exportSection) {
      written = withMore(body, [[name.length, ...name, globalKind, ...fuel]]);
    }
    if (id === codeSection) written = withMore(burning(body, burn, functions), added);
    out.byte(id);
    out.unsigned(written.length);
    out.bytes(written);
  }
  const { module, name: clockName } = imports.functions[clock];
  return { code: out.done(), clock: { module, name: clockName } };
}

const [typeSection, importSection, functionSection] = [1, 2, 3];
const [globalSection, exportSection, codeSection] = [6, 7, 10];
const [i32, globalKind, i32Const, end] = [0x7f, 3, 0x41, 0x0b];
const [callFunction, drop, ifThen, otherwise, noResult] = [0x10, 0x1a, 0x04, 0x05, 0x40];
const [getLocal, setLocal, getGlobal, setGlobal] = [0x20, 0x21, 0x23, 0x24];
const [isZero, isAtMost, subtract, shiftRight] = [0x45, 0x4d, 0x6b, 0x76];
const [bulk, copyMemory, fillMemory] = [0xfc, 10, 11];
/** 2 ** 31 - 1: code that runs before the host has the global must not call it. */
const full = [0xff, 0xff, 0xff, 0xff, 0x07];
const clockType = "->7c";
/** Bytes that move in the time of one loop turn: 2 ** 6. */
const bytesOfTurn = 6;

/** `if (fuel === 0) clock(); fuel -= 1;` */
function burnOf(fuel: number[], clock: number[]): number[] {
  return [
    ...[getGlobal, ...fuel, isZero, ifThen, noResult, callFunction, ...clock, drop, end],
    ...[getGlobal, ...fuel, i32Const, 1, subtract, setGlobal, ...fuel],
  ];
}

/** Functions that replace `memory.copy` and `memory.fill` and burn fuel for the bytes they move. */
function movers(fuel: number[], clock: number[]): number[][] {
  const price = 3;
  const pay = [
    ...[getLocal, 2, i32Const, bytesOfTurn, shiftRight, setLocal, price],
    ...[getGlobal, ...fuel, getLocal, price, isAtMost, ifThen, noResult],
    ...[i32Const, 0, setGlobal, ...fuel, callFunction, ...clock, drop, otherwise],
    ...[getGlobal, ...fuel, getLocal, price, subtract, setGlobal, ...fuel, end],
  ];
  const operands = [getLocal, 0, getLocal, 1, getLocal, 2];
  return [[bulk, copyMemory, 0, 0], [bulk, fillMemory, 0]].map((move) => {
    const body = [1, 1, i32, ...pay, ...operands, ...move, end];
    return [...leb(body.length), ...body];
  });
}

/** Types of functions, written `parameters->results`. */
function readTypes(reader: Reader): string[] {
  const side = (): string =>
    Array.from({ length: reader.unsigned() }, () => reader.code[reader.at++].toString(16)).join();
  return Array.from({ length: reader.unsigned() }, () => {
    reader.at++;
    const parameters = side();
    return `${parameters}->${side()}`;
  });
}

interface Imports {
  functions: { module: string; name: string; type: number }[];
  /** Number of globals. */
  globals: number;
}

function readImports(reader: Reader): Imports {
  const imports: Imports = { functions: [], globals: 0 };
  for (let left = reader.unsigned(); left > 0; left--) {
    const [module, name] = [reader.name(), reader.name()];
    const kind = reader.code[reader.at++];
    if (kind === 0) imports.functions.push({ module, name, type: reader.unsigned() });
    if (kind === 1) reader.at++;
    if (kind === 1 || kind === 2) {
      const hasMaximum = (reader.code[reader.at++] & 1) === 1;
      reader.unsigned();
      if (hasMaximum) reader.unsigned();
    }
    if (kind === globalKind) {
      reader.at += 2;
      imports.globals++;
    }
  }
  return imports;
}

/** A vector with elements appended. */
function withMore(body: Uint8Array, elements: number[][]): Uint8Array {
  const reader = new Reader(body);
  const count = reader.unsigned();
  const out = new Writer(body.length + 200);
  out.unsigned(count + elements.length);
  out.bytes(body.subarray(reader.at));
  for (const element of elements) out.bytes(element);
  return out.done();
}

/** @param mover index of the copying function; the filling one follows it */
function burning(body: Uint8Array, burn: number[], mover: number): Uint8Array {
  const reader = new Reader(body);
  const out = new Writer(body.length * 1.2);
  const count = reader.unsigned();
  out.unsigned(count);
  for (let i = 0; i < count; i++) {
    const stop = reader.unsigned() + reader.at;
    const begins = reader.at;
    /** Replacement for bytes of the function. */
    const edits: { from: number; to: number; bytes: number[] }[] = [];
    let growth = 0;
    const edit = (from: number, to: number, bytes: number[]): void => {
      edits.push({ from, to, bytes });
      growth += bytes.length - (to - from);
    };
    for (let groups = reader.unsigned(); groups > 0; groups--) {
      reader.unsigned();
      reader.at++;
    }
    while (reader.at < stop) {
      const from = reader.at;
      const opcode = reader.skipInstruction();
      if (opcode === loop) edit(reader.at, reader.at, burn);
      const moves = opcode === bulk ? [copyMemory, fillMemory].indexOf(reader.code[from + 1]) : -1;
      if (moves >= 0) edit(from, reader.at, [callFunction, ...leb(mover + moves)]);
    }
    out.unsigned(stop - begins + growth);
    let at = begins;
    for (const { from, to, bytes } of edits) {
      out.bytes(body.subarray(at, from));
      out.bytes(bytes);
      at = to;
    }
    out.bytes(body.subarray(at, stop));
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
      if (!(byte > 127)) return value >>> 0;
    }
  }

  skipNumber(): void {
    while (this.code[this.at++] > 127);
  }

  name(): string {
    const length = this.unsigned();
    this.at += length;
    return new TextDecoder().decode(this.code.subarray(this.at - length, this.at));
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
      case bulk: {
        const [initMemory, dropData] = [8, 9];
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
