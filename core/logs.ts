import { messageOf } from "./errors.ts";
import { isPromise } from "./promise.ts";

/**
 * The numbers of a batch, an epoch or an evaluation by name: `loss`, then the metrics under the
 * names passed to `compile`, with the prefix `val_` for validation. Keys are sorted.
 *
 * Every callback of one hook call receives the same object, so later callbacks see a key that an
 * earlier one adds (`learning_rate`). TensorFlow.js always logs accuracy as `acc`, Keras under the
 * name passed to `compile`; here the passed name is the key. The other one of `acc` and `accuracy`
 * can also be read, but is not enumerable.
 */
export interface Logs {
  /** Value of a metric; a mean over the samples so far. */
  [name: string]: number;
}

/** The second name of a key, and its property descriptor. */
interface OtherName {
  readonly name: string;
  readonly property: PropertyDescriptor;
}

// One descriptor per key, because separate functions would give each object its own shape in V8.
const otherNames = new Map<string, OtherName | undefined>();

/** The other name of a metric: `val_acc` for `val_accuracy` and back. */
function otherNameOf(key: string): OtherName | undefined {
  const known = otherNames.get(key);
  if (known !== undefined || otherNames.has(key)) return known;
  const [, prefix = "", metric] = /^(.*_)?(acc|accuracy)$/.exec(key) ?? [];
  const other = metric === undefined
    ? undefined
    : aliasOf(key, prefix + (metric === "acc" ? "accuracy" : "acc"));
  otherNames.set(key, other);
  return other;
}

function aliasOf(key: string, name: string): OtherName {
  return {
    name,
    property: {
      configurable: true,
      enumerable: false,
      get(this: Record<string, unknown>) {
        return this[key];
      },
      // A callback that assigns the other name adds a separate key.
      set(this: object, value: unknown) {
        Object.defineProperty(this, name, {
          configurable: true,
          enumerable: true,
          writable: true,
          value,
        });
      },
    },
  };
}

/** Let `acc` be read as `accuracy` and back; the second name is not enumerable. */
export function addOtherNames<T extends object>(record: T): T {
  for (const key of Object.keys(record)) {
    const other = otherNameOf(key);
    if (other === undefined || Object.hasOwn(record, other.name)) continue;
    Object.defineProperty(record, other.name, other.property);
  }
  return record;
}

/**
 * A new object with the keys sorted by code point, as Keras passes to every hook. Values are
 * unchanged; {@linkcode settleLogs} converts them to numbers.
 */
export function normalizeLogs(logs: object | null | undefined): Logs {
  const normalized: Record<string, unknown> = {};
  if (logs !== null && logs !== undefined) {
    const source = logs as Record<string, unknown>;
    const keys = Object.keys(source);
    if (!isSorted(keys)) keys.sort((a, b) => (a < b ? -1 : 1));
    for (const key of keys) {
      const value = source[key];
      if (typeof value === "number") normalized[key] = value;
      else if (isNested(value)) Object.assign(normalized, normalizeLogs(value));
      else normalized[key] = value;
    }
    addOtherNames(normalized);
  }
  return normalized as Logs;
}

function isSorted(keys: string[]): boolean {
  for (let i = 1; i < keys.length; i++) {
    if (keys[i - 1] > keys[i]) return false;
  }
  return true;
}

function isNested(value: unknown): value is object {
  return typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
}

/**
 * Convert the values to numbers in place, as Keras does: booleans, numeric text, and tensors and
 * typed arrays with one value. Larger ones become lists. Other strings, lists and null are kept,
 * and undefined is removed.
 *
 * @returns a promise if a tensor or a promise must be awaited
 * @throws TypeError that names the key of a value that cannot be read
 */
export function settleLogs(logs: Logs): void | Promise<void> {
  let waiting: Promise<void>[] | undefined;
  for (const key in logs) {
    const value: unknown = logs[key];
    if (typeof value === "number") continue;
    const plain = plainValue(value);
    if (isPromise(plain)) (waiting ??= []).push(setLater(logs, key, plain));
    else setValue(logs, key, plain);
  }
  if (waiting !== undefined) return Promise.all(waiting).then(() => {});
}

async function setLater(logs: Logs, key: string, pending: PromiseLike<unknown>): Promise<void> {
  let value: unknown;
  try {
    value = await pending;
  } catch (error) {
    throw new TypeError(`Cannot read '${key}' of the logs: ${messageOf(error)}`, { cause: error });
  }
  setValue(logs, key, value);
}

function setValue(logs: Logs, key: string, value: unknown): void {
  if (value === undefined) delete logs[key];
  else logs[key] = value as number;
}

/** Convert a value for {@linkcode settleLogs}; returns a promise if it must be awaited. */
export function plainValue(value: unknown): unknown {
  switch (typeof value) {
    case "boolean":
    case "bigint":
      return Number(value);
    case "string":
      return value.trim() === "" || Number.isNaN(Number(value)) ? value : Number(value);
    case "object":
      if (value === null) return value;
      if (isPromise(value)) return Promise.resolve(value).then(plainValue);
      if (isTensor(value)) return readTensor(value);
      if (isTypedArray(value)) return value.length === 1 ? Number(value[0]) : Array.from(value);
  }
  return value;
}

/** The used part of a tensor in the logs. */
interface LoggedTensor {
  readonly size: number;
  readonly dtype: string;
  /** Its values, nested according to its shape. */
  array(): Promise<unknown>;
}

function isTensor(value: object): value is LoggedTensor {
  const { size, dtype, array } = value as Partial<LoggedTensor>;
  return typeof size === "number" && typeof dtype === "string" && typeof array === "function";
}

async function readTensor(tensor: LoggedTensor): Promise<unknown> {
  const values = await tensor.array();
  return tensor.size === 1 ? plainValue([values].flat(Infinity)[0]) : values;
}

function isTypedArray(value: object): value is ArrayLike<number | bigint> & Iterable<number> {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}
