/** `TextEncoder` and `TextDecoder` as on the web, for UTF-8 only. */
import {
  bufferOf,
  Bytes,
  charCodeAt,
  errors,
  fromCharCode,
  GuestString,
  kindOf,
  lengthOf,
  offsetOf,
  setBytes,
} from "./primordials.ts";

export class TextEncoder {
  get encoding(): string {
    return "utf-8";
  }

  encode(text = ""): Uint8Array {
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

export class TextDecoder {
  #fatal;
  #ignoreBOM;

  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    if (label !== "utf-8" && label !== "utf8" && label !== "UTF-8") {
      throw new errors.RangeError("Cannot decode " + label + ": only utf-8 is supported");
    }
    this.#fatal = !!fatal;
    this.#ignoreBOM = !!ignoreBOM;
  }

  get encoding(): string {
    return "utf-8";
  }

  get fatal(): boolean {
    return this.#fatal;
  }

  get ignoreBOM(): boolean {
    return this.#ignoreBOM;
  }

  decode(input?: ArrayBuffer | ArrayBufferView): string {
    if (input === undefined) return "";
    const bytes = isView(input)
      ? new Bytes(bufferOf(input), offsetOf(input), lengthOf(input))
      : new Bytes(input);
    const length = lengthOf(bytes);
    let at = !this.#ignoreBOM && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
      ? 3
      : 0;
    let text = "";
    while (at < length) {
      const first = bytes[at++];
      if (first < 128) {
        text += fromCharCode(first);
        continue;
      }
      let more = moreAfter(first);
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
      if (!valid && this.#fatal) {
        throw new errors.TypeError(
          "Cannot decode: the bytes are not UTF-8",
        );
      }
      if (!valid) code = 0xfffd;
      text += code < 0x10000
        ? fromCharCode(code)
        : fromCharCode(0xd800 + (code - 0x10000 >> 10), 0xdc00 + (code & 0x3ff));
    }
    return text;
  }
}

const isView = (input: ArrayBuffer | ArrayBufferView): input is ArrayBufferView =>
  kindOf(input) !== undefined;

/** Number of bytes after the first byte of a character; 0 if no character begins with it. */
function moreAfter(first: number): number {
  if (first >= 0xc2 && first < 0xe0) return 1;
  if (first >= 0xe0 && first < 0xf0) return 2;
  return first >= 0xf0 && first < 0xf5 ? 3 : 0;
}
