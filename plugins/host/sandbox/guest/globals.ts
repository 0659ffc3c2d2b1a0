/** Globals that authors of plugins expect and that grant no access. */
import { atob, btoa } from "./base64.ts";
import { defineProperty, GuestString, quote, tagOf } from "./primordials.ts";
import { structuredClone } from "./structured_clone.ts";
import { TextDecoder, TextEncoder } from "./text_encoding.ts";

let print = (_line: string): void => {};

/** Set the function that `console` prints with. */
export function printBy(log: (line: string) => void): void {
  print = log;
}

const say = (...values: unknown[]): void => {
  let line = "";
  for (let i = 0; i < values.length; i++) line += (i > 0 ? " " : "") + show(values[i]);
  print(line);
};

function show(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return GuestString(value);
  try {
    if (isError(value)) return value.name + ": " + value.message + "\n" + value.stack;
    return quote(value) ?? tagOf(value);
  } catch {
    return tagOf(value);
  }
}

const isError = (value: object): value is Error => tagOf(value) === "[object Error]";

function addGlobal(name: string, value: unknown): void {
  defineProperty(globalThis, name, {
    __proto__: null,
    configurable: true,
    writable: true,
    value,
  });
}

addGlobal("console", { debug: say, error: say, info: say, log: say, warn: say });
addGlobal("TextEncoder", TextEncoder);
addGlobal("TextDecoder", TextDecoder);
addGlobal("atob", atob);
addGlobal("btoa", btoa);
addGlobal("structuredClone", structuredClone);
