/** The host's functions as the plugin calls them. */
import { bytesOf, decode, encode, newError, newWritten, type ToFunction } from "./codec.ts";
import { callHost, hostBytes } from "./host.ts";
import { create, GuestPromise, parse, slice, type Table } from "./primordials.ts";

interface Waiting {
  __proto__: null;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Promises of the host, by number. */
const waiting = create(null) as Table<Waiting>;

export const hostFunction: ToFunction = (index) => {
  return (...args: unknown[]): unknown => {
    const state = newWritten();
    const text = encode(state, args);
    const reply = callHost(index, text, bytesOf(state));
    const kind = reply[0];
    const rest = slice(reply, 1);
    if (kind === "v") return decode(rest);
    if (kind === "V") return decode(rest, hostBytes());
    if (kind === "e") throw newError(parse(rest));
    return new GuestPromise((resolve, reject) => {
      waiting[rest] = { __proto__: null, resolve, reject };
    });
  };
};

/** Called when a promise of the host settles. */
export function settlePromise(text: string, bytes: ArrayBuffer | undefined): void {
  const { id, error, value } = decode(text, bytes) as Settled;
  const { resolve, reject } = waiting[id]!;
  delete waiting[id];
  if (error === undefined) resolve(value);
  else reject(error);
}

interface Settled {
  id: number;
  value?: unknown;
  error?: unknown;
}
