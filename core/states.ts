import type { CallbackLike, CallbackState, StateValue } from "./callback.ts";
import { CallbackError, messageOf } from "./errors.ts";
import { nameOf } from "./receivers.ts";

/** Called for a callback that fails to return or restore its state; throws if that ends the run. */
export type OnFailure = (callback: CallbackLike, failure: CallbackError) => void;

/** Inputs of {@linkcode getStates}. */
export interface StateListeners {
  /** Whether to include the state of a callback. */
  isIncluded(callback: CallbackLike): boolean;
  onFailure: OnFailure;
  /** Called for callbacks that share a key but have different states, which are omitted. */
  onTwins(key: string, count: number): void;
}

/** States of the callbacks, by key; see `CallbackList.getState`. */
export async function getStates(
  callbacks: readonly CallbackLike[],
  { isIncluded, onFailure, onTwins }: StateListeners,
): Promise<Record<string, CallbackState>> {
  const states: Record<string, CallbackState> = {};
  for (const [key, owners] of byKey(callbacks.filter(isIncluded))) {
    const found: CallbackState[] = [];
    for (const callback of owners) {
      try {
        const state = await callback.getState?.();
        // The callback may change its state while the copy is written.
        if (state !== undefined && state !== null) found.push(copyOf(state) as CallbackState);
      } catch (error) {
        onFailure(callback, failed(key, "getState", error));
      }
    }
    if (found.length === 0) continue;
    if (found.every((state) => isSame(state, found[0]))) states[key] = found[0];
    else onTwins(key, owners.length);
  }
  return states;
}

/** Wait for the files of the callbacks, all at the same time; see `CallbackList.syncStates`. */
export async function syncStates(
  callbacks: readonly CallbackLike[],
  { isIncluded, onFailure }: Pick<StateListeners, "isIncluded" | "onFailure">,
): Promise<void> {
  await Promise.all(
    callbacks.filter(isIncluded).map(async (callback) => {
      try {
        await callback.syncState?.();
      } catch (error) {
        onFailure(callback, failed(keyOf(callback), "syncState", error));
      }
    }),
  );
}

/** Restore the states of the callbacks; see `CallbackList.setState`. */
export async function setStates(
  callbacks: readonly CallbackLike[],
  states: Record<string, CallbackState>,
  onFailure: OnFailure,
): Promise<void> {
  const takers = takersOf(callbacks);
  // All states or none, because a partly restored run is worse than an error.
  for (const key of Object.keys(states)) {
    if (takers.has(key)) continue;
    throw new CallbackError(
      "CALLBACK_STATE",
      `Cannot restore the state of ${key}: the list has ` +
        `${[...takers.keys()].join(", ") || "no callback"} to accept one`,
      { callback: key },
    );
  }
  for (const [key, state] of Object.entries(states)) {
    for (const taker of takers.get(key) ?? []) {
      try {
        await taker.setState?.(state);
      } catch (error) {
        onFailure(taker, failed(key, "setState", error));
      }
    }
  }
}

/** Keys of the callbacks that accept a state. */
export function keysOf(callbacks: readonly CallbackLike[]): string[] {
  return [...takersOf(callbacks).keys()];
}

function takersOf(callbacks: readonly CallbackLike[]): Map<string, CallbackLike[]> {
  return byKey(callbacks.filter(({ setState }) => setState !== undefined));
}

function byKey(callbacks: readonly CallbackLike[]): Map<string, CallbackLike[]> {
  const keyed = new Map<string, CallbackLike[]>();
  for (const callback of callbacks) {
    const key = keyOf(callback);
    keyed.set(key, [...keyed.get(key) ?? [], callback]);
  }
  return keyed;
}

function keyOf(callback: CallbackLike): string {
  const { stateKey } = callback;
  return nameOf(callback) + (stateKey ? ` (${stateKey})` : "");
}

/**
 * A copy of plain data.
 *
 * @param path position in the state, for messages
 * @param holders enclosing lists and records, from the outermost
 * @throws TypeError for values that a file cannot represent, such as a `Map` or a function
 */
function copyOf(
  value: unknown,
  path = "the state",
  holders: readonly unknown[] = [],
): StateValue | undefined {
  if (isPrimitive(value)) return value;
  if (holders.includes(value)) {
    throw new TypeError(`${path} contains itself, expected plain data without cycles`);
  }
  const inner = [...holders, value];
  if (Array.isArray(value)) {
    // Most lists contain numbers, which need no path.
    return value.map((one, i) =>
      isPrimitive(one) ? one : copyOf(one, `${path}[${i}]`, inner)
    ) as StateValue;
  }
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return (value as Float32Array).slice();
  }
  if (!isRecord(value)) {
    throw new TypeError(
      `${path} is ${
        nameOfKind(value)
      }, expected plain data: numbers, text, booleans, null, lists, ` +
        `records and typed arrays`,
    );
  }
  const entries = Object.entries(value);
  return Object.fromEntries(
    entries.map(([key, one]) => [key, copyOf(one, `${path}.${key}`, inner)]),
  );
}

function isPrimitive(value: unknown): value is boolean | number | string | null | undefined {
  return value === null || value === undefined || typeof value === "number" ||
    typeof value === "string" || typeof value === "boolean";
}

/** Whether a value is a record of any realm, but not an instance of a class. */
function isRecord(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function nameOfKind(value: unknown): string {
  if (typeof value !== "object" || value === null) return `a ${typeof value}`;
  return `an instance of ${value.constructor.name}`;
}

/** Whether plain data is equal, including arrays of numbers. */
function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const [ofA, ofB] = [Object.entries(a), Object.entries(b)];
  return Object.getPrototypeOf(a) === Object.getPrototypeOf(b) && ofA.length === ofB.length &&
    ofA.every(([key, value]) =>
      Object.hasOwn(b, key) && isSame(value, (b as Record<string, unknown>)[key])
    );
}

function failed(
  callback: string,
  hook: "getState" | "setState" | "syncState",
  cause: unknown,
): CallbackError {
  return new CallbackError(
    "CALLBACK_STATE",
    `Callback ${callback} failed in ${hook}: ${messageOf(cause)}`,
    { callback, hook, cause },
  );
}
