/**
 * Convert values to text and bytes and back; `value_codec.ts` is the counterpart of the host and
 * documents the format.
 */
import { maxDepth, maxText, maxValues } from "../protocol.ts";
import { maxBytes } from "./host.ts";
import {
  bufferLength,
  bufferOf,
  Bytes,
  defineProperty,
  errors,
  GuestString,
  indexOf,
  isArray,
  keys,
  kindOf,
  lengthOf,
  offsetOf,
  parse,
  quote,
  setBytes,
  slice,
  type Table,
  tagOf,
  type ViewKind,
  views,
} from "./primordials.ts";

/** The part of a value that has been written. */
export interface Written {
  __proto__: null;
  values: number;
  /** Bytes of all arrays. */
  size: number;
  first: Part | null;
  last: Part | null;
}

/** The bytes of one array. */
interface Part {
  __proto__: null;
  at: number;
  bytes: Uint8Array;
  next: Part | null;
}

export const newWritten = (): Written => ({
  __proto__: null,
  values: 0,
  size: 0,
  first: null,
  last: null,
});

/**
 * @throws TypeError for anything but plain data
 * @throws RangeError for more than may leave the sandbox in one call
 */
export function encode(state: Written, value: unknown): string {
  const text = write(state, value, 0);
  if (text.length > maxText) throw tooLarge("text of " + text.length + " characters", maxText);
  return text;
}

function write(state: Written, value: unknown, depth: number): string {
  if (++state.values > maxValues) throw tooLarge("more than " + maxValues + " values", maxValues);
  switch (typeof value) {
    case "undefined":
      return '"~u"';
    case "boolean":
      return value ? "true" : "false";
    case "number":
      if (value !== value) return '"~N"';
      if (value === Infinity) return '"~I"';
      if (value === -Infinity) return '"~-I"';
      return value === 0 && 1 / value < 0 ? '"~-0"' : "" + value;
    case "string":
      if (value.length > maxText) throw tooLarge(value.length + " characters", maxText);
      return quote(value.length > 0 && value[0] === "~" ? "~" + value : value);
    case "object":
      return value === null ? "null" : writeObject(state, value, depth);
  }
  throw new errors.TypeError(
    "Cannot pass a " + typeof value + " out of the sandbox: plain data only",
  );
}

function writeObject(state: Written, value: object, depth: number): string {
  if (depth > maxDepth) throw tooLarge("data nested deeper than " + maxDepth, maxDepth);
  const kind = kindOf(value);
  if (kind !== undefined && kind in views) {
    const view = value as ArrayBufferView;
    return writeBytes(state, kind, new Bytes(bufferOf(view), offsetOf(view), lengthOf(view)));
  }
  if (isArray(value)) {
    const length = value.length;
    let text = "[";
    for (let i = 0; i < length; i++) {
      if (i > 0) text += ",";
      text += write(state, value[i], depth + 1);
    }
    return text + "]";
  }
  const tag = tagOf(value);
  if (tag === "[object ArrayBuffer]") {
    const buffer = value as ArrayBuffer;
    // Throws for objects that only carry the tag.
    bufferLength(buffer);
    return writeBytes(state, "ArrayBuffer", new Bytes(buffer));
  }
  if (tag !== "[object Object]") {
    throw new errors.TypeError("Cannot pass " + tag + " out of the sandbox: plain data only");
  }
  const names = keys(value);
  let text = "{";
  for (let i = 0; i < names.length; i++) {
    if (i > 0) text += ",";
    const one = (value as Record<string, unknown>)[names[i]];
    text += quote(names[i]) + ":" + write(state, one, depth + 1);
  }
  return text + "}";
}

function writeBytes(state: Written, kind: string, bytes: Uint8Array): string {
  const at = state.size;
  const length = lengthOf(bytes);
  state.size += length;
  if (state.size > maxBytes) throw tooLarge(state.size + " bytes", maxBytes);
  const part: Part = { __proto__: null, at, bytes, next: null };
  if (state.last === null) state.first = part;
  else state.last.next = part;
  state.last = part;
  return '"~b' + kind + "," + at + "," + length + '"';
}

/** The bytes of all arrays, concatenated; undefined if there are none. */
export function bytesOf(state: Written): ArrayBuffer | undefined {
  if (state.size === 0) return undefined;
  const all = new Bytes(state.size);
  for (let part = state.first; part !== null; part = part.next) {
    if (lengthOf(part.bytes) > 0) setBytes(all, part.bytes, part.at);
  }
  return bufferOf(all);
}

export function tooLarge(what: string, most: number): RangeError {
  return new errors.RangeError("Cannot pass " + what + " out of the sandbox: at most " + most);
}

/** Creates the function that calls the host's function of this number. */
export type ToFunction = (index: number) => unknown;

/** @param toFunction undefined where the host sends no functions */
export function decode(text: string, bytes?: ArrayBuffer, toFunction?: ToFunction): unknown {
  return revive(parse(text), bytes, toFunction);
}

function revive(value: unknown, bytes?: ArrayBuffer, toFunction?: ToFunction): unknown {
  if (typeof value === "string") {
    return value.length > 0 && value[0] === "~" ? reviveSpecial(value, bytes, toFunction) : value;
  }
  if (typeof value !== "object" || value === null) return value;
  if (isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      if (typeof value[i] !== "number") value[i] = revive(value[i], bytes, toFunction);
    }
  } else {
    const object = value as Record<string, unknown>;
    const names = keys(object);
    for (let i = 0; i < names.length; i++) {
      object[names[i]] = revive(object[names[i]], bytes, toFunction);
    }
  }
  return value;
}

function reviveSpecial(text: string, bytes?: ArrayBuffer, toFunction?: ToFunction): unknown {
  switch (text) {
    case "~u":
      return undefined;
    case "~N":
      return NaN;
    case "~I":
      return Infinity;
    case "~-I":
      return -Infinity;
    case "~-0":
      return -0;
  }
  const rest = slice(text, 2);
  switch (text[1]) {
    case "e":
      return newError(parse(rest));
    case "f":
      return toFunction!(+rest);
    case "b": {
      const comma = indexOf(rest, ",");
      const second = indexOf(rest, ",", comma + 1);
      const kind = slice(rest, 0, comma);
      const length = +slice(rest, second + 1);
      const copy = new Bytes(length);
      // Memory of the host, which no limit counts: a plugin must not keep it.
      if (length > 0) setBytes(copy, new Bytes(bytes!, +slice(rest, comma + 1, second), length));
      return kind === "ArrayBuffer" ? bufferOf(copy) : new views[kind as ViewKind](bufferOf(copy));
    }
  }
  return slice(text, 1);
}

/** An error as the host sends it. */
export interface ErrorParts {
  name: string;
  message: string;
  code?: string;
}

export function newError({ name, message, code }: ErrorParts): Error {
  const error = new ((errors as Table<ErrorConstructor>)[name] ?? errors.Error)(message);
  const own = { __proto__: null, configurable: true, writable: true, value: name };
  if (!(name in errors)) defineProperty(error, "name", own);
  if (code !== undefined) defineProperty(error, "code", { __proto__: own, value: code });
  return error;
}

/** An error as text, as far as it can be read. */
export function describe(error: unknown): string {
  const field = (name: string, most: number): string | undefined => {
    try {
      const value = (error as Record<string, unknown>)[name];
      return typeof value === "string" ? slice(value, 0, most) : undefined;
    } catch {
      return undefined;
    }
  };
  const unknown = "an error that cannot be shown";
  let text = '{"name":"Error","message":' + quote(unknown) + "}";
  if (typeof error === "object" && error !== null) {
    text = '{"name":' + quote(field("name", 100) ?? "Error") +
      ',"message":' + quote(field("message", 4000) ?? unknown);
    const code = field("code", 100);
    const stack = field("stack", 8000);
    if (code !== undefined) text += ',"code":' + quote(code);
    if (stack !== undefined) text += ',"stack":' + quote(stack);
    return text + "}";
  }
  return typeof error === "function"
    ? text
    : '{"name":"Error","message":' + quote(slice(GuestString(error), 0, 4000)) + "}";
}
