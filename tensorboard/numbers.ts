/** A tensor of TensorFlow.js; most backends can read its values synchronously. */
interface ReadableTensor {
  readonly size: number;
  dataSync(): ArrayLike<unknown>;
}

/**
 * The number of a scalar summary, from a number, a boolean or a tensor of one value.
 *
 * @throws TypeError for anything else
 */
export function numberOf(tag: string, value: unknown): number {
  const isOne = isTensor(value) && value.size === 1;
  const number = isOne ? read(tag, value)[0] : value;
  if (typeof number === "number") return number;
  if (typeof number === "boolean" || typeof number === "bigint") return Number(number);
  throw unreadable(tag, "a number", value);
}

/**
 * The numbers of a summary, from a typed array, an array of numbers or booleans, or a tensor.
 *
 * @throws TypeError for anything else, or for an array with any other element
 */
export function numbersOf(tag: string, values: unknown): ArrayLike<number> {
  if (isTensor(values)) return read(tag, values) as ArrayLike<number>;
  if (ArrayBuffer.isView(values) && !(values instanceof DataView)) {
    return values as unknown as ArrayLike<number>;
  }
  if (!Array.isArray(values)) throw unreadable(tag, "an array of numbers", values);
  const odd = values.findIndex((value) => typeof value !== "number" && typeof value !== "boolean");
  if (odd >= 0) throw unreadable(tag, "an array of numbers", values[odd], ` at index ${odd}`);
  return values;
}

function isTensor(value: unknown): value is ReadableTensor {
  const { size, dataSync } = (value ?? {}) as Partial<ReadableTensor>;
  return typeof size === "number" && typeof dataSync === "function";
}

function read(tag: string, tensor: ReadableTensor): ArrayLike<unknown> {
  try {
    return tensor.dataSync();
  } catch (cause) {
    throw new TypeError(
      `Cannot write '${tag}': its tensor cannot be read synchronously; pass the result of await tensor.data()`,
      { cause },
    );
  }
}

/** The error for a value that is not a number. */
export function unreadable(tag: string, expected: string, value: unknown, where = ""): TypeError {
  return new TypeError(`Cannot write '${tag}': expected ${expected}, got ${shown(value)}${where}`);
}

function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (isTensor(value)) return `a tensor of ${value.size} values`;
  if (typeof (value as PromiseLike<unknown> | null)?.then === "function") {
    return "a promise; await it first";
  }
  return Array.isArray(value) ? `an array of ${value.length}` : String(value);
}
