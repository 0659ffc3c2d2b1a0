// Generated from plugins/host/sandbox/guest/main.ts by build/guest.ts (`npm run build`); do not edit.

/** The code of plugins/host/sandbox/guest/main.ts. */
export const guestCode: string = `(function (callHost, hostBytes, shared, maxBytes) {
"use strict";
const host = { callHost, hostBytes, shared, maxBytes };
// plugins/host/sandbox/protocol.ts
var codes = { done: 0, doneWithMore: 1, pending: 2, failed: 3 };
var flags = { hasFirst: 1, sharesLogs: 2 };
var cellCount = 4096;
var firstValue = 4;
var maxValues = 1e6;
var maxDepth = 64;
var maxText = 16 * 1024 * 1024;
var maxLogName = 200;

// plugins/host/sandbox/guest/host.ts
var { callHost, hostBytes, maxBytes, shared } = host;

// plugins/host/sandbox/guest/primordials.ts
var { apply, construct, getPrototypeOf } = Reflect;
var keys = Object.keys;
var freeze = Object.freeze;
var defineProperty = Object.defineProperty;
var create = Object.create;
var { getOwnPropertyDescriptor } = Object;
var { isArray } = Array;
var { parse, stringify: quote } = JSON;
var GuestFunction = Function;
var GuestPromise = Promise;
var GuestString = String;
var GuestMap = Map;
var GuestSet = Set;
var GuestDate = Date;
var Bytes = Uint8Array;
var errors = {
  __proto__: null,
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError
};
var views = {
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
  BigUint64Array
};
var uncurry = (method) => (self, ...args) => apply(method, self, args);
var getter = (prototype, name) => uncurry(getOwnPropertyDescriptor(prototype, name).get);
var slice = uncurry(
  GuestString.prototype.slice
);
var indexOf = uncurry(
  GuestString.prototype.indexOf
);
var charCodeAt = uncurry(GuestString.prototype.charCodeAt);
var { fromCharCode } = GuestString;
var tagOf = uncurry(Object.prototype.toString);
var sourceOf = uncurry(GuestFunction.prototype.toString);
var bind = uncurry(
  GuestFunction.prototype.bind
);
var TypedArrayPrototype = getPrototypeOf(Uint8Array.prototype);
var kindOf = getter(
  TypedArrayPrototype,
  Symbol.toStringTag
);
var bufferOf = getter(TypedArrayPrototype, "buffer");
var offsetOf = getter(TypedArrayPrototype, "byteOffset");
var lengthOf = getter(TypedArrayPrototype, "byteLength");
var setBytes = uncurry(
  Uint8Array.prototype.set
);
var bufferLength = getter(ArrayBuffer.prototype, "byteLength");

// plugins/host/sandbox/guest/codec.ts
var newWritten = () => ({
  __proto__: null,
  values: 0,
  size: 0,
  first: null,
  last: null
});
function encode(state, value) {
  const text = write(state, value, 0);
  if (text.length > maxText) throw tooLarge("text of " + text.length + " characters", maxText);
  return text;
}
function write(state, value, depth) {
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
    "Cannot pass a " + typeof value + " out of the sandbox: plain data only"
  );
}
function writeObject(state, value, depth) {
  if (depth > maxDepth) throw tooLarge("data nested deeper than " + maxDepth, maxDepth);
  const kind = kindOf(value);
  if (kind !== void 0 && kind in views) {
    const view = value;
    return writeBytes(state, kind, new Bytes(bufferOf(view), offsetOf(view), lengthOf(view)));
  }
  if (isArray(value)) {
    const length = value.length;
    let text2 = "[";
    for (let i = 0; i < length; i++) {
      if (i > 0) text2 += ",";
      text2 += write(state, value[i], depth + 1);
    }
    return text2 + "]";
  }
  const tag = tagOf(value);
  if (tag === "[object ArrayBuffer]") {
    const buffer = value;
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
    const one = value[names[i]];
    text += quote(names[i]) + ":" + write(state, one, depth + 1);
  }
  return text + "}";
}
function writeBytes(state, kind, bytes) {
  const at = state.size;
  const length = lengthOf(bytes);
  state.size += length;
  if (state.size > maxBytes) throw tooLarge(state.size + " bytes", maxBytes);
  const part = { __proto__: null, at, bytes, next: null };
  if (state.last === null) state.first = part;
  else state.last.next = part;
  state.last = part;
  return '"~b' + kind + "," + at + "," + length + '"';
}
function bytesOf(state) {
  if (state.size === 0) return void 0;
  const all = new Bytes(state.size);
  for (let part = state.first; part !== null; part = part.next) {
    if (lengthOf(part.bytes) > 0) setBytes(all, part.bytes, part.at);
  }
  return bufferOf(all);
}
function tooLarge(what, most) {
  return new errors.RangeError("Cannot pass " + what + " out of the sandbox: at most " + most);
}
function decode(text, bytes, toFunction) {
  return revive(parse(text), bytes, toFunction);
}
function revive(value, bytes, toFunction) {
  if (typeof value === "string") {
    return value.length > 0 && value[0] === "~" ? reviveSpecial(value, bytes, toFunction) : value;
  }
  if (typeof value !== "object" || value === null) return value;
  if (isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      if (typeof value[i] !== "number") value[i] = revive(value[i], bytes, toFunction);
    }
  } else {
    const object = value;
    const names = keys(object);
    for (let i = 0; i < names.length; i++) {
      object[names[i]] = revive(object[names[i]], bytes, toFunction);
    }
  }
  return value;
}
function reviveSpecial(text, bytes, toFunction) {
  switch (text) {
    case "~u":
      return void 0;
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
      return toFunction(+rest);
    case "b": {
      const comma = indexOf(rest, ",");
      const second = indexOf(rest, ",", comma + 1);
      const kind = slice(rest, 0, comma);
      const length = +slice(rest, second + 1);
      const copy = new Bytes(length);
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
  if (code !== void 0) defineProperty(error, "code", { __proto__: own, value: code });
  return error;
}
function describe(error) {
  const field = (name, most) => {
    try {
      const value = error[name];
      return typeof value === "string" ? slice(value, 0, most) : void 0;
    } catch {
      return void 0;
    }
  };
  const unknown = "an error that cannot be shown";
  let text = '{"name":"Error","message":' + quote(unknown) + "}";
  if (typeof error === "object" && error !== null) {
    text = '{"name":' + quote(field("name", 100) ?? "Error") + ',"message":' + quote(field("message", 4e3) ?? unknown);
    const code = field("code", 100);
    const stack = field("stack", 8e3);
    if (code !== void 0) text += ',"code":' + quote(code);
    if (stack !== void 0) text += ',"stack":' + quote(stack);
    return text + "}";
  }
  return typeof error === "function" ? text : '{"name":"Error","message":' + quote(slice(GuestString(error), 0, 4e3)) + "}";
}

// plugins/host/sandbox/guest/answers.ts
var answerText = "";
var answerBytes;
function answer(value) {
  const state = newWritten();
  answerText = encode(state, value);
  answerBytes = bytesOf(state);
  return codes.done;
}
function failure(error) {
  answerText = describe(error);
  return codes.failed;
}
var nothing = () => codes.done;
function answerBy(text) {
  answerText = text;
}
function takeText() {
  const text = answerText;
  answerText = "";
  return text;
}
function takeBytes() {
  const bytes = answerBytes;
  answerBytes = void 0;
  return bytes;
}

// plugins/host/sandbox/guest/cells.ts
var cells = new Float64Array(shared);

// plugins/host/sandbox/guest/calls.ts
var { pending } = codes;
var count = 0;
var settled = null;
var lastSettled = null;
function begin(run, finish) {
  try {
    const result = run();
    return isThenable(result) ? follow(result, finish) : finish(result);
  } catch (error) {
    return failure(error);
  }
}
var isThenable = (value) => typeof value === "object" && value !== null && typeof value.then === "function";
function follow(result, finish) {
  const call = {
    __proto__: null,
    id: ++count,
    finish,
    value: void 0,
    error: void 0,
    ok: false,
    next: null
  };
  wait(call, result);
  cells[0] = call.id;
  return pending;
}
async function wait(call, result) {
  try {
    call.value = await result;
    call.ok = true;
  } catch (error) {
    call.error = error;
  }
  if (lastSettled === null) settled = call;
  else lastSettled.next = call;
  lastSettled = call;
}
function collect() {
  const call = settled;
  if (call === null) return pending;
  settled = call.next;
  if (settled === null) lastSettled = null;
  let code;
  try {
    code = call.ok ? call.finish(call.value) : failure(call.error);
  } catch (error) {
    code = failure(error);
  }
  cells[0] = call.id;
  return code;
}

// plugins/host/sandbox/guest/base64.ts
var digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
function btoa(text) {
  text = GuestString(text);
  let out = "";
  for (let i = 0; i < text.length; i += 3) {
    let word = 0;
    for (let j = 0; j < 3; j++) {
      const code = i + j < text.length ? charCodeAt(text, i + j) : 0;
      if (code > 255) throw new errors.RangeError("Cannot encode: a character is above U+00FF");
      word = word << 8 | code;
    }
    const left = text.length - i;
    out += digits[word >> 18] + digits[word >> 12 & 63] + (left > 1 ? digits[word >> 6 & 63] : "=") + (left > 2 ? digits[word & 63] : "=");
  }
  return out;
}
function atob(text) {
  text = GuestString(text);
  let end = text.length;
  let out = "";
  let word = 0;
  let bits = 0;
  let count2 = 0;
  if (end % 4 === 0) {
    for (let i = 0; i < 2 && end > 0 && text[end - 1] === "="; i++) end--;
  }
  for (let i = 0; i < end; i++) {
    if (isSpace(text[i])) continue;
    const value = indexOf(digits, text[i]);
    if (value < 0) throw new errors.SyntaxError("Cannot decode: the text is not base64");
    word = (word << 6 | value) & 65535;
    count2++;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += fromCharCode(word >> bits & 255);
  }
  if (count2 % 4 === 1) throw new errors.SyntaxError("Cannot decode: the text is not base64");
  return out;
}
var isSpace = (one) => one === " " || one === "\\n" || one === "	" || one === "\\r" || one === "\\f";

// plugins/host/sandbox/guest/structured_clone.ts
var mapGet = uncurry(Map.prototype.get);
var mapSet = uncurry(Map.prototype.set);
var setAdd = uncurry(Set.prototype.add);
var eachOfMap = uncurry(
  Map.prototype.forEach
);
var eachOfSet = uncurry(Set.prototype.forEach);
var timeOf = uncurry(Date.prototype.getTime);
function structuredClone(value) {
  return clone(value, new GuestMap());
}
function clone(value, seen) {
  if (typeof value === "function" || typeof value === "symbol") {
    throw new errors.TypeError("Cannot clone a " + typeof value);
  }
  if (typeof value !== "object" || value === null) return value;
  const known = mapGet(seen, value);
  if (known !== void 0) return known;
  const keep = (copy) => {
    mapSet(seen, value, copy);
    return copy;
  };
  const kind = kindOf(value);
  if (kind !== void 0) {
    const view = value;
    const bytes = new Bytes(lengthOf(view));
    setBytes(bytes, new Bytes(bufferOf(view), offsetOf(view), lengthOf(view)));
    return keep(new views[kind](bufferOf(bytes)));
  }
  if (isArray(value)) {
    const copy = keep([]);
    for (let i = 0; i < value.length; i++) put(copy, i, clone(value[i], seen));
    return copy;
  }
  switch (tagOf(value)) {
    case "[object ArrayBuffer]": {
      const buffer = value;
      const bytes = new Bytes(bufferLength(buffer));
      setBytes(bytes, new Bytes(buffer));
      return keep(bufferOf(bytes));
    }
    case "[object Date]":
      return keep(new GuestDate(timeOf(value)));
    case "[object Map]": {
      const copy = keep(new GuestMap());
      eachOfMap(value, (one, key) => mapSet(copy, clone(key, seen), clone(one, seen)));
      return copy;
    }
    case "[object Set]": {
      const copy = keep(new GuestSet());
      eachOfSet(value, (one) => setAdd(copy, clone(one, seen)));
      return copy;
    }
    case "[object Error]": {
      const { name, message } = value;
      return keep(newError({ name, message }));
    }
    case "[object Object]": {
      const copy = keep({});
      const names = keys(value);
      for (let i = 0; i < names.length; i++) {
        put(copy, names[i], clone(value[names[i]], seen));
      }
      return copy;
    }
  }
  throw new errors.TypeError("Cannot clone " + tagOf(value));
}
function put(object, key, value) {
  defineProperty(object, key, {
    __proto__: null,
    configurable: true,
    enumerable: true,
    writable: true,
    value
  });
}

// plugins/host/sandbox/guest/text_encoding.ts
var TextEncoder = class {
  get encoding() {
    return "utf-8";
  }
  encode(text = "") {
    text = GuestString(text);
    const { length } = text;
    const out = new Bytes(length * 3);
    let at = 0;
    for (let i = 0; i < length; i++) {
      let code = charCodeAt(text, i);
      if (code < 128) {
        out[at++] = code;
        continue;
      }
      if (code >= 55296 && code < 57344) {
        const next = i + 1 < length ? charCodeAt(text, i + 1) : 0;
        if (code < 56320 && next >= 56320 && next < 57344) {
          code = 65536 + (code - 55296 << 10) + next - 56320;
          i++;
        } else code = 65533;
      }
      if (code < 2048) out[at++] = 192 | code >> 6;
      else {
        if (code < 65536) out[at++] = 224 | code >> 12;
        else {
          out[at++] = 240 | code >> 18;
          out[at++] = 128 | code >> 12 & 63;
        }
        out[at++] = 128 | code >> 6 & 63;
      }
      out[at++] = 128 | code & 63;
    }
    const all = new Bytes(at);
    setBytes(all, new Bytes(bufferOf(out), 0, at));
    return all;
  }
};
var TextDecoder = class {
  #fatal;
  #ignoreBOM;
  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    if (label !== "utf-8" && label !== "utf8" && label !== "UTF-8") {
      throw new errors.RangeError("Cannot decode " + label + ": only utf-8 is supported");
    }
    this.#fatal = !!fatal;
    this.#ignoreBOM = !!ignoreBOM;
  }
  get encoding() {
    return "utf-8";
  }
  get fatal() {
    return this.#fatal;
  }
  get ignoreBOM() {
    return this.#ignoreBOM;
  }
  decode(input) {
    if (input === void 0) return "";
    const bytes = isView(input) ? new Bytes(bufferOf(input), offsetOf(input), lengthOf(input)) : new Bytes(input);
    const length = lengthOf(bytes);
    let at = !this.#ignoreBOM && bytes[0] === 239 && bytes[1] === 187 && bytes[2] === 191 ? 3 : 0;
    let text = "";
    while (at < length) {
      const first = bytes[at++];
      if (first < 128) {
        text += fromCharCode(first);
        continue;
      }
      let more = moreAfter(first);
      let code = more === 1 ? first & 31 : more === 2 ? first & 15 : first & 7;
      let low = first === 224 ? 160 : first === 240 ? 144 : 128;
      let high = first === 237 ? 159 : first === 244 ? 143 : 191;
      let valid = more > 0;
      for (; more > 0; more--) {
        if (at >= length || bytes[at] < low || bytes[at] > high) {
          valid = false;
          break;
        }
        code = code << 6 | bytes[at++] & 63;
        low = 128;
        high = 191;
      }
      if (!valid && this.#fatal) {
        throw new errors.TypeError(
          "Cannot decode: the bytes are not UTF-8"
        );
      }
      if (!valid) code = 65533;
      text += code < 65536 ? fromCharCode(code) : fromCharCode(55296 + (code - 65536 >> 10), 56320 + (code & 1023));
    }
    return text;
  }
};
var isView = (input) => kindOf(input) !== void 0;
function moreAfter(first) {
  if (first >= 194 && first < 224) return 1;
  if (first >= 224 && first < 240) return 2;
  return first >= 240 && first < 245 ? 3 : 0;
}

// plugins/host/sandbox/guest/globals.ts
var print = (_line) => {
};
function printBy(log) {
  print = log;
}
var say = (...values) => {
  let line = "";
  for (let i = 0; i < values.length; i++) line += (i > 0 ? " " : "") + show(values[i]);
  print(line);
};
function show(value) {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return GuestString(value);
  try {
    if (isError(value)) return value.name + ": " + value.message + "\\n" + value.stack;
    return quote(value) ?? tagOf(value);
  } catch {
    return tagOf(value);
  }
}
var isError = (value) => tagOf(value) === "[object Error]";
function addGlobal(name, value) {
  defineProperty(globalThis, name, {
    __proto__: null,
    configurable: true,
    writable: true,
    value
  });
}
addGlobal("console", { debug: say, error: say, info: say, log: say, warn: say });
addGlobal("TextEncoder", TextEncoder);
addGlobal("TextDecoder", TextDecoder);
addGlobal("atob", atob);
addGlobal("btoa", btoa);
addGlobal("structuredClone", structuredClone);

// plugins/host/sandbox/guest/hooks.ts
var { done, doneWithMore } = codes;
var { hasFirst, sharesLogs } = flags;
var layouts = create(null);
var hooks = create(null);
function addHook(index, method, plugin2) {
  hooks[index] = bind(method, plugin2);
}
var hookOf = (index) => hooks[index];
function defineLayout(text) {
  try {
    const { id, names, others } = parse(text);
    const known = create(null);
    let body = "";
    for (let i = 0; i < names.length; i++) {
      known[names[i]] = true;
      body += "," + (names[i] === "__proto__" ? '["__proto__"]' : quote(names[i])) + ":cells[" + (i + firstValue) + "]";
    }
    const prototype = others.length === 0 ? void 0 : create(getPrototypeOf({}));
    for (let i = 0; i < others.length; i++) addOther(prototype, others[i][0], others[i][1]);
    const source = prototype === void 0 ? slice(body, 1) : "__proto__:prototype" + body;
    const newLogs = new GuestFunction("cells", "prototype", "return () => ({" + source + "})")(
      cells,
      prototype
    );
    layouts[id] = { __proto__: null, names, known, newLogs };
    return done;
  } catch (error) {
    return failure(error);
  }
}
function addOther(prototype, key, other) {
  defineProperty(prototype, other, {
    __proto__: null,
    configurable: true,
    get() {
      return this[key];
    },
    set(value) {
      defineProperty(this, other, {
        __proto__: null,
        configurable: true,
        enumerable: true,
        writable: true,
        value
      });
    }
  });
}
function callHook() {
  const hook = hooks[cells[0]];
  const layout = layouts[cells[1]];
  const first = cells[2];
  const bits = cells[3];
  const logs = layout.newLogs();
  const shares = bits & sharesLogs;
  if (!shares) freeze(logs);
  try {
    const result = bits & hasFirst ? hook(first, logs) : hook(logs);
    if (isThenable(result)) return follow(result, shares ? () => giveLogs(logs, layout) : nothing);
    return shares ? giveLogs(logs, layout) : done;
  } catch (error) {
    return failure(error);
  }
}
function giveLogs(logs, { names, known }) {
  const count2 = names.length;
  for (let i = 0; i < count2; i++) {
    const value = logs[names[i]];
    const isNumber = typeof value === "number";
    cells[firstValue + i] = isNumber ? value : 0;
    cells[firstValue + count2 + i] = isNumber ? 1 : 0;
  }
  const now = keys(logs);
  if (now.length === count2) {
    let same = true;
    for (let i = 0; i < count2 && same; i++) same = now[i] === names[i];
    if (same) return done;
  }
  let added = "";
  let at = firstValue + 2 * count2;
  for (let i = 0; i < now.length; i++) {
    const name = now[i];
    if (name in known) continue;
    const value = logs[name];
    if (typeof value !== "number") continue;
    if (name.length > maxLogName) throw tooLarge("a name of a log", maxLogName);
    if (at >= cellCount) throw tooLarge("so many logs", cellCount);
    cells[at++] = value;
    added += (added === "" ? "" : ",") + quote(name);
  }
  answerBy("[" + added + "]");
  return added === "" ? done : doneWithMore;
}
function ask() {
  try {
    return hooks[cells[0]](cells[2]) ? doneWithMore : done;
  } catch (error) {
    return failure(error);
  }
}

// plugins/host/sandbox/guest/host_functions.ts
var waiting = create(null);
var hostFunction = (index) => {
  return (...args) => {
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
function settlePromise(text, bytes) {
  const { id, error, value } = decode(text, bytes);
  const { resolve, reject } = waiting[id];
  delete waiting[id];
  if (error === void 0) resolve(value);
  else reject(error);
}

// plugins/host/sandbox/guest/main.ts
var factoryArguments;
var module;
var plugin;
function open(text) {
  try {
    factoryArguments = decode(text, void 0, hostFunction);
    freeze(factoryArguments.context);
    printBy(factoryArguments.context.log);
    return codes.done;
  } catch (error) {
    return failure(error);
  }
}
function importModule(key) {
  return begin(() => import(key), (found) => {
    module = found;
    return codes.done;
  });
}
function make(name) {
  try {
    const exported = module[name];
    if (typeof exported !== "function") {
      return answer({ is: exported === void 0 ? "no such export" : typeof exported });
    }
    const args = [factoryArguments.options, factoryArguments.context];
    const run = () => isClass(exported) ? construct(exported, args) : apply(exported, void 0, args);
    return begin(run, (made) => {
      plugin = made;
      return answer({});
    });
  } catch (error) {
    return failure(error);
  }
}
function isClass(exported) {
  const head = slice(sourceOf(exported), 0, 6);
  const next = head[5];
  return slice(head, 0, 5) === "class" && !(next >= "a" && next <= "z" || next >= "A" && next <= "Z" || next >= "0" && next <= "9" || next === "_" || next === "$");
}
function adopt(text) {
  try {
    if (typeof plugin !== "object" || plugin === null) {
      return answer({ is: plugin === null ? "null" : typeof plugin });
    }
    const names = parse(text);
    const found = [];
    for (let i = 0; i < names.length; i++) {
      const method = plugin[names[i]];
      const has = typeof method === "function";
      if (has) addHook(i, method, plugin);
      defineProperty(found, i, { __proto__: null, value: has });
    }
    return answer({ found });
  } catch (error) {
    return failure(error);
  }
}
function invoke(text, bytes) {
  try {
    const { hook, args, wantsResult } = decode(text, bytes);
    return begin(() => apply(hookOf(hook), void 0, args), wantsResult ? answer : nothing);
  } catch (error) {
    return failure(error);
  }
}
function settle(text, bytes) {
  try {
    settlePromise(text, bytes);
    return codes.done;
  } catch (error) {
    return failure(error);
  }
}
var guest = {
  adopt,
  ask,
  callHook,
  collect,
  defineLayout,
  importModule,
  invoke,
  make,
  open,
  settle,
  takeBytes,
  takeText
};
return guest;
})`;
