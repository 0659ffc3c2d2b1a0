/**
 * Inside the sandbox: how values become text and bytes and back. Text of a part of the prelude's
 * function; `value_codec.ts` is the same on the host's side and tells the format.
 *
 * Here and in the other parts, whatever is used after a plugin's code ran is captured before: what
 * a plugin does to `JSON`, to prototypes or to iterators changes nothing. For the same reason there
 * is no `for of`, no spread, no pattern over a list, and no list that grows by assignment.
 */
export const guestCodec = String.raw`
const { apply, construct, getPrototypeOf } = Reflect;
const { keys, freeze, create, defineProperty, getOwnPropertyDescriptor } = Object;
const { isArray } = Array;
const { parse, stringify: quote } = JSON;
const GuestFunction = Function, GuestPromise = Promise, GuestString = String, GuestNumber = Number;
const errors = {
  __proto__: null, Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError,
};
const uncurry = (method) => (self, ...args) => apply(method, self, args);
const getter = (prototype, name) => uncurry(getOwnPropertyDescriptor(prototype, name).get);
const slice = uncurry(GuestString.prototype.slice);
const indexOf = uncurry(GuestString.prototype.indexOf);
const tagOf = uncurry(Object.prototype.toString);
const views = {
  __proto__: null, Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array,
  Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array,
};
const TypedArrayPrototype = getPrototypeOf(Uint8Array.prototype);
const kindOf = getter(TypedArrayPrototype, Symbol.toStringTag);
const bufferOf = getter(TypedArrayPrototype, "buffer");
const offsetOf = getter(TypedArrayPrototype, "byteOffset");
const lengthOf = getter(TypedArrayPrototype, "byteLength");
const setBytes = uncurry(TypedArrayPrototype.set);
const bufferLength = getter(ArrayBuffer.prototype, "byteLength");
const Bytes = Uint8Array;

const newState = () => ({ __proto__: null, values: 0, size: 0, first: null, last: null });

function encode(state, value) {
  const text = write(state, value, 0);
  if (text.length > maxText) throw tooLarge("text of " + text.length + " characters", maxText);
  return text;
}

function write(state, value, depth) {
  if (++state.values > maxValues) throw tooLarge("more than " + maxValues + " values", maxValues);
  switch (typeof value) {
    case "undefined": return '"~u"';
    case "boolean": return value ? "true" : "false";
    case "number":
      if (value !== value) return '"~N"';
      if (value === Infinity) return '"~I"';
      if (value === -Infinity) return '"~-I"';
      return value === 0 && 1 / value < 0 ? '"~-0"' : "" + value;
    case "string":
      if (value.length > maxText) throw tooLarge(value.length + " characters", maxText);
      return quote(value.length > 0 && value[0] === "~" ? "~" + value : value);
    case "object": return value === null ? "null" : writeObject(state, value, depth);
  }
  throw new errors.TypeError("Cannot pass a " + typeof value + " out of the sandbox: plain data only");
}

function writeObject(state, value, depth) {
  if (depth > maxDepth) throw tooLarge("data nested deeper than " + maxDepth, maxDepth);
  const kind = kindOf(value);
  if (kind !== undefined && kind in views) {
    return writeBytes(state, kind, new Bytes(bufferOf(value), offsetOf(value), lengthOf(value)));
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
    bufferLength(value);
    return writeBytes(state, "ArrayBuffer", new Bytes(value));
  }
  if (tag !== "[object Object]") {
    throw new errors.TypeError("Cannot pass " + tag + " out of the sandbox: plain data only");
  }
  const names = keys(value);
  let text = "{";
  for (let i = 0; i < names.length; i++) {
    if (i > 0) text += ",";
    text += quote(names[i]) + ":" + write(state, value[names[i]], depth + 1);
  }
  return text + "}";
}

function writeBytes(state, kind, bytes) {
  const at = state.size, length = lengthOf(bytes);
  state.size += length;
  if (state.size > maxBytes) throw tooLarge(state.size + " bytes", maxBytes);
  const part = { __proto__: null, at, bytes, next: null };
  if (state.last === null) state.first = part;
  else state.last.next = part;
  state.last = part;
  return '"~b' + kind + "," + at + "," + length + '"';
}

function bytesOf(state) {
  if (state.size === 0) return undefined;
  const all = new Bytes(state.size);
  for (let part = state.first; part !== null; part = part.next) {
    if (lengthOf(part.bytes) > 0) setBytes(all, part.bytes, part.at);
  }
  return bufferOf(all);
}

function tooLarge(what, most) {
  return new errors.RangeError("Cannot pass " + what + " out of the sandbox: at most " + most);
}

const decode = (text, bytes) => revive(parse(text), bytes);

function revive(value, bytes) {
  if (typeof value === "string") {
    return value.length > 0 && value[0] === "~" ? reviveSpecial(value, bytes) : value;
  }
  if (typeof value !== "object" || value === null) return value;
  if (isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      if (typeof value[i] !== "number") value[i] = revive(value[i], bytes);
    }
  } else {
    const names = keys(value);
    for (let i = 0; i < names.length; i++) value[names[i]] = revive(value[names[i]], bytes);
  }
  return value;
}

function reviveSpecial(text, bytes) {
  switch (text) {
    case "~u": return undefined;
    case "~N": return NaN;
    case "~I": return Infinity;
    case "~-I": return -Infinity;
    case "~-0": return -0;
  }
  const rest = slice(text, 2);
  switch (text[1]) {
    case "e": return newError(parse(rest));
    case "f": return hostFunction(+rest);
    case "b": {
      const comma = indexOf(rest, ","), second = indexOf(rest, ",", comma + 1);
      const kind = slice(rest, 0, comma);
      const length = +slice(rest, second + 1);
      const copy = new Bytes(length);
      // The host's own memory, which is not counted: kept would be what is never given back.
      if (length > 0) setBytes(copy, new Bytes(bytes, +slice(rest, comma + 1, second), length));
      return kind === "ArrayBuffer" ? bufferOf(copy) : new views[kind](bufferOf(copy));
    }
  }
  return slice(text, 1);
}

function newError({ name, message, code }) {
  const error = new (errors[name] ?? errors.Error)(message);
  const own = { __proto__: null, configurable: true, writable: true, value: name };
  if (!(name in errors)) defineProperty(error, "name", own);
  if (code !== undefined) defineProperty(error, "code", { __proto__: own, value: code });
  return error;
}

/** What can be told of an error, as text. */
function describe(error) {
  const field = (name, most) => {
    try {
      const value = error[name];
      return typeof value === "string" ? slice(value, 0, most) : undefined;
    } catch {
      return undefined;
    }
  };
  let text = '{"name":"Error","message":"it threw what cannot be shown"}';
  if (typeof error === "object" && error !== null) {
    text = '{"name":' + quote(field("name", 100) ?? "Error") +
      ',"message":' + quote(field("message", 4000) ?? "");
    const code = field("code", 100), stack = field("stack", 8000);
    if (code !== undefined) text += ',"code":' + quote(code);
    if (stack !== undefined) text += ',"stack":' + quote(stack);
    return text + "}";
  }
  return typeof error === "function"
    ? text
    : '{"name":"Error","message":' + quote(slice(GuestString(error), 0, 4000)) + "}";
}
`;
