/**
 * The built-in functions that the guest uses, captured before a plugin's code runs. Changes that a
 * plugin makes to `JSON`, prototypes or iterators have no effect on them.
 *
 * For the same reason the guest does not use `for of`, spread or destructuring of lists, never
 * grows a list by assignment, and gives every property descriptor a null prototype.
 */

/** A property descriptor that inherits nothing from `Object.prototype`. */
export interface Descriptor {
  __proto__: object | null;
  configurable?: boolean;
  enumerable?: boolean;
  writable?: boolean;
  value?: unknown;
  get?(): unknown;
  set?(value: unknown): void;
}

/** A record without a prototype. */
export type Table<T> = Record<string, T | null | undefined>;

/** Any function. */
export type Callable = (...args: unknown[]) => unknown;

export const { apply, construct, getPrototypeOf } = Reflect;
export const keys: (object: object) => string[] = Object.keys;
export const freeze: (object: object) => unknown = Object.freeze;
export const defineProperty: (object: object, key: PropertyKey, descriptor: Descriptor) => unknown =
  Object.defineProperty;
export const create: (prototype: object | null) => object = Object.create;
const { getOwnPropertyDescriptor } = Object;
export const { isArray } = Array;
export const { parse, stringify: quote } = JSON;
export const GuestFunction = Function;
export const GuestPromise = Promise;
export const GuestString = String;
export const GuestMap = Map;
export const GuestSet = Set;
export const GuestDate = Date;
export const Bytes = Uint8Array;
export const errors = {
  __proto__: null,
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};
export const views = {
  __proto__: null,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
};

/** The name of a typed array's class. */
export type ViewKind = Exclude<keyof typeof views, "__proto__">;

/** A method as a function whose first argument is `this`. */
export const uncurry = <Self, Args extends unknown[], Result>(
  method: (this: Self, ...args: Args) => Result,
) =>
(self: Self, ...args: Args): Result => apply(method, self, args);

const getter = <Self, Value>(prototype: object, name: PropertyKey): (self: Self) => Value =>
  uncurry<Self, [], Value>(getOwnPropertyDescriptor(prototype, name)!.get!);

export const slice = uncurry<string, [start?: number, end?: number], string>(
  GuestString.prototype.slice,
);
export const indexOf = uncurry<string, [search: string, from?: number], number>(
  GuestString.prototype.indexOf,
);
export const charCodeAt = uncurry<string, [at: number], number>(GuestString.prototype.charCodeAt);
export const { fromCharCode } = GuestString;
export const tagOf = uncurry<unknown, [], string>(Object.prototype.toString);
export const sourceOf = uncurry<Callable, [], string>(GuestFunction.prototype.toString);
export const bind: (method: Callable, self: unknown) => Callable = uncurry(
  GuestFunction.prototype.bind,
);

const TypedArrayPrototype = getPrototypeOf(Uint8Array.prototype)!;

/** The name of a typed array's class; undefined for other values. */
export const kindOf = getter<unknown, ViewKind | undefined>(
  TypedArrayPrototype,
  Symbol.toStringTag,
);
export const bufferOf = getter<ArrayBufferView, ArrayBuffer>(TypedArrayPrototype, "buffer");
export const offsetOf = getter<ArrayBufferView, number>(TypedArrayPrototype, "byteOffset");
export const lengthOf = getter<ArrayBufferView, number>(TypedArrayPrototype, "byteLength");
export const setBytes = uncurry<Uint8Array, [bytes: Uint8Array, at?: number], void>(
  Uint8Array.prototype.set,
);
export const bufferLength = getter<ArrayBuffer, number>(ArrayBuffer.prototype, "byteLength");
