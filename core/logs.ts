/**
 * The numbers of a batch, an epoch or an evaluation by name: `loss`, then the metrics of `compile`
 * under the names that were given there, with the prefix `val_` for validation. Keys are sorted.
 *
 * Every callback of one hook call is handed the same object, so a key that an earlier callback
 * writes (`learning_rate`) is seen by the later ones, and nowhere else. TensorFlow.js knows one
 * metric as `acc` that Keras calls by the name given to `compile`; here the given name is the key,
 * and the other of `acc` and `accuracy` reads the same value without being listed.
 */
export interface Logs {
  [name: string]: number;
}

const otherNames = new Map<string, string | undefined>();

/** The name that the same metric also goes by: `val_acc` for `val_accuracy` and back. */
function otherName(key: string): string | undefined {
  if (!otherNames.has(key)) {
    const match = /^(.*_)?(acc|accuracy)$/.exec(key);
    otherNames.set(
      key,
      match === null ? undefined : (match[1] ?? "") + (match[2] === "acc" ? "accuracy" : "acc"),
    );
  }
  return otherNames.get(key);
}

/** Let `acc` be read as `accuracy` and back; the second name is not enumerable. */
export function addOtherNames<T extends object>(record: T): T {
  for (const key of Object.keys(record)) {
    const other = otherName(key);
    if (other === undefined || Object.hasOwn(record, other)) continue;
    Object.defineProperty(record, other, {
      configurable: true,
      enumerable: false,
      get: () => record[key as keyof T],
      // A callback that assigns the other name means a key of its own.
      set: (value: unknown) =>
        Object.defineProperty(record, other, {
          configurable: true,
          enumerable: true,
          writable: true,
          value,
        }),
    });
  }
  return record;
}

/**
 * A fresh object with the keys sorted by code point, as Keras hands to every hook. Booleans become
 * 1 and 0, numeric strings numbers; what is no number stays as it is.
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
      else normalized[key] = toNumberIfNumeric(value);
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

function toNumberIfNumeric(value: unknown): unknown {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "string" && value.trim() !== "" && !Number.isNaN(Number(value))) {
    return Number(value);
  }
  return value;
}
