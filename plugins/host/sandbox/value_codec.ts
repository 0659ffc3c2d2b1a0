import { maxDepth, maxValues } from "./protocol.ts";

/**
 * Encoding of values that cross the boundary of a sandbox, the same on both sides: JSON, in which
 * strings that begin with `~` have a special meaning, and the bytes of all arrays concatenated.
 *
 * `~u` undefined, `~N` NaN, `~I` and `~-I` the infinities, `~-0`, `~b<kind>,<at>,<length>` bytes,
 * `~e<JSON>` an error, `~f<index>` a function of the host, `~~…` a string that begins with `~`.
 * `guest/codec.ts` is its counterpart.
 */
export interface Crossing {
  text: string;
  /** Bytes of all arrays; undefined without arrays. */
  bytes?: Uint8Array;
}

/** An error as the other side receives it. */
export interface CrossingError {
  name: string;
  message: string;
  code?: string;
  stack?: string;
}

const kinds = {
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

/**
 * Write a value for the sandbox.
 *
 * @param addFunction returns the number that a function is called by; without it functions are
 * rejected
 * @throws TypeError for anything but plain data
 */
export function encode(value: unknown, addFunction?: (call: Callable) => number): Crossing {
  const parts: Uint8Array[] = [];
  let size = 0;
  let values = 0;

  function plain(value: unknown, depth: number): unknown {
    if (++values > maxValues || depth > maxDepth) {
      throw new RangeError(
        `Cannot pass data into the sandbox: expected at most ${maxValues} values, ${maxDepth} deep`,
      );
    }
    switch (typeof value) {
      case "undefined":
        return "~u";
      case "boolean":
        return value;
      case "number":
        return numberOf(value);
      case "string":
        return value.startsWith("~") ? `~${value}` : value;
      case "function":
        if (addFunction !== undefined) return `~f${addFunction(value as Callable)}`;
        break;
      case "object":
        return value === null ? null : objectOf(value, depth);
    }
    throw new TypeError(`Cannot pass a ${typeof value} into the sandbox: expected plain data`);
  }

  function objectOf(value: object, depth: number): unknown {
    if (Array.isArray(value)) return Array.from(value, (one) => plain(one, depth + 1));
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return bytesOf(value);
    if (value instanceof Error) return `~e${JSON.stringify(describe(value))}`;
    const out = Object.create(null);
    for (const [key, one] of Object.entries(value)) out[key] = plain(one, depth + 1);
    return out;
  }

  function bytesOf(value: ArrayBufferView | ArrayBuffer): string {
    const bytes = value instanceof ArrayBuffer
      ? new Uint8Array(value)
      : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    const kind = Object.entries(kinds).find(([, kind]) => value instanceof kind)?.[0];
    const at = size;
    parts.push(bytes);
    size += bytes.length;
    return `~b${kind ?? "ArrayBuffer"},${at},${bytes.length}`;
  }

  const text = JSON.stringify(plain(value, 0));
  if (size === 0) return { text };
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return { text, bytes };
}

/** A function of the host. */
export type Callable = (...args: unknown[]) => unknown;

function numberOf(value: number): unknown {
  if (Number.isFinite(value)) return Object.is(value, -0) ? "~-0" : value;
  return Number.isNaN(value) ? "~N" : value > 0 ? "~I" : "~-I";
}

/** The part of an error that the sandbox may receive, without its stack in the host. */
export function describe(error: unknown): CrossingError {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const { name, message, code } = error as Error & { code?: unknown };
  return {
    name: String(name),
    message: String(message),
    ...typeof code === "string" ? { code } : {},
  };
}

const specials = new Map<string, unknown>([
  ["~u", undefined],
  ["~N", NaN],
  ["~I", Infinity],
  ["~-I", -Infinity],
  ["~-0", -0],
]);

/**
 * Read a value from the sandbox. It is untrusted, but always plain data.
 *
 * @throws TypeError for text that the sandbox's codec would not write
 */
export function decode({ text, bytes }: Crossing): unknown {
  function revive(value: unknown, depth: number): unknown {
    if (typeof value === "string") return value.startsWith("~") ? special(value) : value;
    if (typeof value !== "object" || value === null) return value;
    if (depth > maxDepth) {
      throw new TypeError(
        "Cannot read data of the sandbox: it is nested too deeply",
      );
    }
    if (Array.isArray(value)) return value.map((one) => revive(one, depth + 1));
    const out: Record<string, unknown> = {};
    for (const [key, one] of Object.entries(value)) {
      const revived = revive(one, depth + 1);
      // A plain assignment would set the prototype.
      if (key === "__proto__") {
        Object.defineProperty(out, key, {
          configurable: true,
          enumerable: true,
          writable: true,
          value: revived,
        });
      } else out[key] = revived;
    }
    return out;
  }

  function special(text: string): unknown {
    if (text.startsWith("~~")) return text.slice(1);
    if (specials.has(text)) return specials.get(text);
    const [, kind, at, length] = /^~b(\w+),(\d+),(\d+)$/.exec(text) ?? [];
    const begin = Number(at);
    const size = Number(length);
    if (begin + size <= (bytes?.length ?? 0)) {
      const copy = new Uint8Array(size);
      if (size > 0) copy.set((bytes as Uint8Array).subarray(begin, begin + size));
      if (kind === "ArrayBuffer") return copy.buffer;
      if (Object.hasOwn(kinds, kind)) return new kinds[kind as keyof typeof kinds](copy.buffer);
    }
    throw new TypeError(`Cannot read data of the sandbox: unexpected ${text.slice(0, 40)}`);
  }

  return revive(JSON.parse(text), 0);
}
