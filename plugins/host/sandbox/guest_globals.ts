/**
 * Inside the sandbox: globals that a plugin's author expects and that give no power. `print` is the
 * context's `log` once there is one.
 */
export const guestGlobals = String.raw`
let print = () => {};
const charCodeAt = uncurry(GuestString.prototype.charCodeAt);
const fromCharCode = GuestString.fromCharCode;
const isError = (value) => tagOf(value) === "[object Error]";

function show(value) {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return GuestString(value);
  try {
    if (isError(value)) return value.name + ": " + value.message + "\n" + value.stack;
    return quote(value) ?? tagOf(value);
  } catch {
    return tagOf(value);
  }
}

const say = (...values) => {
  let line = "";
  for (let i = 0; i < values.length; i++) line += (i > 0 ? " " : "") + show(values[i]);
  print(line);
};

class TextEncoder {
  get encoding() { return "utf-8"; }

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
      if (code >= 0xd800 && code < 0xe000) {
        const next = i + 1 < length ? charCodeAt(text, i + 1) : 0;
        if (code < 0xdc00 && next >= 0xdc00 && next < 0xe000) {
          code = 0x10000 + ((code - 0xd800) << 10) + next - 0xdc00;
          i++;
        } else code = 0xfffd;
      }
      if (code < 0x800) out[at++] = 0xc0 | code >> 6;
      else {
        if (code < 0x10000) out[at++] = 0xe0 | code >> 12;
        else {
          out[at++] = 0xf0 | code >> 18;
          out[at++] = 0x80 | code >> 12 & 63;
        }
        out[at++] = 0x80 | code >> 6 & 63;
      }
      out[at++] = 0x80 | code & 63;
    }
    const all = new Bytes(at);
    setBytes(all, new Bytes(bufferOf(out), 0, at));
    return all;
  }
}

class TextDecoder {
  #fatal;
  #ignoreBOM;

  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    if (label !== "utf-8" && label !== "utf8" && label !== "UTF-8") {
      throw new errors.RangeError("Cannot decode " + label + ": there is utf-8");
    }
    this.#fatal = !!fatal;
    this.#ignoreBOM = !!ignoreBOM;
  }

  get encoding() { return "utf-8"; }
  get fatal() { return this.#fatal; }
  get ignoreBOM() { return this.#ignoreBOM; }

  decode(input) {
    if (input === undefined) return "";
    const isView = kindOf(input) !== undefined;
    const bytes = isView ? new Bytes(bufferOf(input), offsetOf(input), lengthOf(input)) : new Bytes(input);
    const length = lengthOf(bytes);
    let at = !this.#ignoreBOM && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
    let text = "";
    while (at < length) {
      const first = bytes[at++];
      if (first < 128) {
        text += fromCharCode(first);
        continue;
      }
      let more = first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : 0;
      let code = more === 1 ? first & 31 : more === 2 ? first & 15 : first & 7;
      let low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
      let high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
      let valid = more > 0;
      for (; more > 0; more--) {
        if (at >= length || bytes[at] < low || bytes[at] > high) {
          valid = false;
          break;
        }
        code = code << 6 | bytes[at++] & 63;
        low = 0x80;
        high = 0xbf;
      }
      if (!valid && this.#fatal) throw new errors.TypeError("Cannot decode: this is not UTF-8");
      if (!valid) code = 0xfffd;
      text += code < 0x10000
        ? fromCharCode(code)
        : fromCharCode(0xd800 + (code - 0x10000 >> 10), 0xdc00 + (code & 0x3ff));
    }
    return text;
  }
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

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
    out += digits[word >> 18] + digits[word >> 12 & 63] +
      (left > 1 ? digits[word >> 6 & 63] : "=") + (left > 2 ? digits[word & 63] : "=");
  }
  return out;
}

function atob(text) {
  text = GuestString(text);
  let end = text.length, out = "", word = 0, bits = 0, count = 0;
  if (end % 4 === 0) for (let i = 0; i < 2 && end > 0 && text[end - 1] === "="; i++) end--;
  for (let i = 0; i < end; i++) {
    if (text[i] === " " || text[i] === "\n" || text[i] === "\t" || text[i] === "\r" || text[i] === "\f") continue;
    const value = indexOf(digits, text[i]);
    if (value < 0) throw new errors.SyntaxError("Cannot decode: this is not base64");
    word = (word << 6 | value) & 0xffff;
    count++;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += fromCharCode(word >> bits & 255);
  }
  if (count % 4 === 1) throw new errors.SyntaxError("Cannot decode: this is not base64");
  return out;
}

const GuestMap = Map, GuestSet = Set, GuestDate = Date;
const mapGet = uncurry(Map.prototype.get), mapSet = uncurry(Map.prototype.set), setAdd = uncurry(Set.prototype.add);
const eachOfMap = uncurry(Map.prototype.forEach), eachOfSet = uncurry(Set.prototype.forEach);
const timeOf = uncurry(Date.prototype.getTime);

function structuredClone(value) {
  return clone(value, new GuestMap());
}

function clone(value, seen) {
  if (typeof value === "function" || typeof value === "symbol") {
    throw new errors.TypeError("Cannot clone a " + typeof value);
  }
  if (typeof value !== "object" || value === null) return value;
  const known = mapGet(seen, value);
  if (known !== undefined) return known;
  const keep = (copy) => {
    mapSet(seen, value, copy);
    return copy;
  };
  const kind = kindOf(value);
  if (kind !== undefined) {
    const bytes = new Bytes(lengthOf(value));
    setBytes(bytes, new Bytes(bufferOf(value), offsetOf(value), lengthOf(value)));
    return keep(new views[kind](bufferOf(bytes)));
  }
  if (isArray(value)) {
    const copy = keep([]);
    for (let i = 0; i < value.length; i++) put(copy, i, clone(value[i], seen));
    return copy;
  }
  switch (tagOf(value)) {
    case "[object ArrayBuffer]": {
      const bytes = new Bytes(bufferLength(value));
      setBytes(bytes, new Bytes(value));
      return keep(bufferOf(bytes));
    }
    case "[object Date]": return keep(new GuestDate(timeOf(value)));
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
    case "[object Error]": return keep(newError({ name: value.name, message: value.message }));
    case "[object Object]": {
      const copy = keep({});
      const names = keys(value);
      for (let i = 0; i < names.length; i++) put(copy, names[i], clone(value[names[i]], seen));
      return copy;
    }
  }
  throw new errors.TypeError("Cannot clone " + tagOf(value));
}

const put = (object, key, value) =>
  defineProperty(object, key, { __proto__: null, configurable: true, enumerable: true, writable: true, value });
const addGlobal = (name, value) =>
  defineProperty(globalThis, name, { __proto__: null, configurable: true, writable: true, value });
addGlobal("console", { debug: say, error: say, info: say, log: say, warn: say });
addGlobal("TextEncoder", TextEncoder);
addGlobal("TextDecoder", TextDecoder);
addGlobal("atob", atob);
addGlobal("btoa", btoa);
addGlobal("structuredClone", structuredClone);
`;
