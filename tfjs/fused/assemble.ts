import type { BinaryOperation, Expression, Formula, UnaryOperation } from "./formula.ts";

/**
 * Assemble a WebAssembly module whose function `update` computes a formula. It takes the number of
 * elements, the address of each array, the target address of each array except the last, and the
 * scalars. It processes four elements at a time and the rest one by one; an array may be its own
 * target.
 *
 * Assembled on demand: a formula takes one or two kilobytes, and a compiler would be a dependency.
 *
 * @param isShared whether the imported `env.memory` is shared between threads
 */
export function assemble(formula: Formula, isShared: boolean): Uint8Array<ArrayBuffer> {
  const parameters = [
    ...integerParameters(formula).map(() => [i32]),
    ...formula.scalars.map(() => [f32]),
  ];
  const limits = isShared ? [3, 0, ...unsigned(65_536)] : [0, 0];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list([[0x60, ...list(parameters), 0]])),
    ...section(2, list([[...name("env"), ...name("memory"), 2, ...limits]])),
    ...section(3, list([[0]])),
    ...section(7, list([[...name("update"), 0, 0]])),
    ...section(10, list([sized(body(formula))])),
  ]);
}

const [i32, f32, v128] = [0x7f, 0x7d, 0x7b];

/** Instructions for one element, or for four. */
interface Lanes {
  /** Of the names of its locals. */
  prefix: string;
  count: number;
  /** Instructions without the offset. */
  load: number[];
  store: number[];
  operations: Record<UnaryOperation | Exclude<BinaryOperation, "largerOf">, number[]>;
}

const one: Lanes = {
  prefix: "one",
  count: 1,
  load: [0x2a, 2],
  store: [0x38, 2],
  operations: {
    abs: [0x8b],
    sqrt: [0x91],
    add: [0x92],
    sub: [0x93],
    mul: [0x94],
    div: [0x95],
    max: [0x97],
  },
};

const four: Lanes = {
  prefix: "four",
  count: 4,
  // Aligned like single elements.
  load: [0xfd, 0, 2],
  store: [0xfd, 0x0b, 2],
  operations: {
    abs: [0xfd, 0xe0, 1],
    sqrt: [0xfd, 0xe3, 1],
    add: [0xfd, 0xe4, 1],
    sub: [0xfd, 0xe5, 1],
    mul: [0xfd, 0xe6, 1],
    div: [0xfd, 0xe7, 1],
    max: [0xfd, 0xe9, 1],
  },
};
/** Vectors that are processed at once. */
const unrolled = 4;
const pseudoMaximum = [0xfd, 0xeb, 1];
const splat = [0xfd, 0x13];
const constant = (...lane: number[]) => [0xfd, 0x0c, ...lane, ...lane, ...lane, ...lane];
const [and, andNot, select] = [0x4e, 0x4f, 0x52].map((code) => [0xfd, code]);
const magnitudeBits = [...constant(0xff, 0xff, 0xff, 0x7f), ...and];
const minusOne = [...constant(0xff, 0xff, 0xff, 0xff), 0xfd, 0xae, 1];
const isBelow = [0xfd, 0x3a];
const isZero = [...constant(0, 0, 0, 0), 0xfd, 0x41];
const isAtLeast = [0xfd, 0x46];

/** Names of the integer parameters: the count, then the addresses. */
function integerParameters({ arrays }: Formula): string[] {
  return [
    "count",
    ...arrays.map((array) => `from ${array}`),
    ...arrays.slice(0, -1).map((array) => `to ${array}`),
  ];
}

function body(formula: Formula): number[] {
  const { arrays, scalars, steps } = formula;
  const integers = integerParameters(formula);
  const values = [...new Set([...arrays, ...steps.map(([name]) => name)])];
  const names = [
    ...integers,
    ...scalars.map((scalar) => `one ${scalar}`),
    ...values.map((value) => `one ${value}`),
    ...values.map((value) => `four ${value}`),
    ...scalars.map((scalar) => `four ${scalar}`),
  ];
  const local = (of: string) => unsigned(names.indexOf(of));
  const get = (of: string) => [0x20, ...local(of)];
  const set = (of: string) => [0x21, ...local(of)];

  const compute = (of: Expression, lanes: Lanes): number[] => {
    if (typeof of === "string") return get(`${lanes.prefix} ${of}`);
    const [operation, ...operands] = of;
    const [left, right, third] = operands.map((operand) => compute(operand as Expression, lanes));
    if (operation === "isStuck") {
      if (lanes === one) return [0x43, 0, 0, 0, 0];
      // As whole numbers, subnormal numbers are not slow. 0 becomes the largest of them.
      const isSmall = [
        ...left,
        ...magnitudeBits,
        ...minusOne,
        ...get("four largestStuck"),
        ...isBelow,
      ];
      const isLost = third &&
        [...third, ...four.operations.abs, ...get("four leastWeight"), ...isAtLeast, ...and];
      return [...isSmall, ...right, ...isZero, ...and, ...isLost ?? []];
    }
    if (operation === "unlessStuck") return lanes === one ? left : [...left, ...right, ...andNot];
    if (operation === "whereStuck") {
      return lanes === one ? left : [...right, ...left, ...third, ...select];
    }
    if (operation !== "largerOf") return [...left, ...right ?? [], ...lanes.operations[operation]];
    if (lanes === four) return [...left, ...right, ...pseudoMaximum];
    // right, left, left < right, select
    return [...right, ...left, ...left, ...right, 0x5d, 0x1b];
  };

  /** Process elements by `computation`, `offset` bytes behind the addresses. */
  const update = (lanes: Lanes, offset: number, computation: number[]): number[] => {
    return [
      ...arrays.flatMap((array) => [
        ...get(`from ${array}`),
        ...[...lanes.load, ...unsigned(offset)],
        ...set(`${lanes.prefix} ${array}`),
      ]),
      ...computation,
      ...arrays.slice(0, -1).flatMap((array) => [
        ...get(`to ${array}`),
        ...get(`${lanes.prefix} ${array}`),
        ...[...lanes.store, ...unsigned(offset)],
      ]),
    ];
  };

  /** Process the arrays, `times` vectors or elements at once, while enough are left. */
  const loop = (lanes: Lanes, times: number): number[] => {
    const count = lanes.count * times;
    const computation = steps.flatMap(([name, value]) => [
      ...compute(value, lanes),
      ...set(`${lanes.prefix} ${name}`),
    ]);
    const offsets = Array.from({ length: times }, (_, i) => i * lanes.count * 4);
    return [
      ...[0x02, 0x40, 0x03, 0x40],
      // Leave the block when fewer are left.
      ...[...get("count"), 0x41, count, 0x49, 0x0d, 1],
      ...offsets.flatMap((offset) => update(lanes, offset, computation)),
      ...integers.slice(1).flatMap((address) => [
        ...get(address),
        ...[0x41, ...signed(count * 4), 0x6a],
        ...set(address),
      ]),
      ...[...get("count"), 0x41, count, 0x6b, ...set("count")],
      ...[0x0c, 0, 0x0b, 0x0b],
    ];
  };

  return [
    ...list([
      [...unsigned(values.length), f32],
      [...unsigned(values.length + scalars.length), v128],
    ]),
    ...scalars.flatMap((scalar) => [...get(`one ${scalar}`), ...splat, ...set(`four ${scalar}`)]),
    ...loop(four, unrolled),
    ...loop(four, 1),
    ...loop(one, 1),
    0x0b,
  ];
}

function section(id: number, content: number[]): number[] {
  return [id, ...sized(content)];
}

function list(items: number[][]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function sized(content: number[]): number[] {
  return [...unsigned(content.length), ...content];
}

function name(text: string): number[] {
  return sized([...new TextEncoder().encode(text)]);
}

/** A number from 0 to 8191, which the encoding of signed numbers would take for negative. */
function signed(value: number): number[] {
  return value < 64 ? [value] : [(value & 127) | 128, value >>> 7];
}

function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)];
}
