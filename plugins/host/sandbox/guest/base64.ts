import { charCodeAt, errors, fromCharCode, GuestString, indexOf } from "./primordials.ts";

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** `btoa` as on the web. */
export function btoa(text: string): string {
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

/** `atob` as on the web. */
export function atob(text: string): string {
  text = GuestString(text);
  let end = text.length;
  let out = "";
  let word = 0;
  let bits = 0;
  let count = 0;
  if (end % 4 === 0) { for (let i = 0; i < 2 && end > 0 && text[end - 1] === "="; i++) end--; }
  for (let i = 0; i < end; i++) {
    if (isSpace(text[i])) continue;
    const value = indexOf(digits, text[i]);
    if (value < 0) throw new errors.SyntaxError("Cannot decode: the text is not base64");
    word = (word << 6 | value) & 0xffff;
    count++;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += fromCharCode(word >> bits & 255);
  }
  if (count % 4 === 1) throw new errors.SyntaxError("Cannot decode: the text is not base64");
  return out;
}

const isSpace = (one: string): boolean =>
  one === " " || one === "\n" || one === "\t" || one === "\r" || one === "\f";
