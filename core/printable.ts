/**
 * Characters that control a terminal, change the direction of text, break lines or are invisible,
 * as the content of a RegExp class with the flag `u`. Joiners and variation selectors are excluded,
 * because emoji and scripts need them.
 */
export const unsafeCharacters: string = String
  .raw`\p{Cc}\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}`;

const unsafe = new RegExp(`(?![\\t\\n])[${unsafeCharacters}]`, "gu");

/**
 * Convert foreign text to text that is safe to print: it cannot move the cursor, change colors or
 * hide other text. Unsafe characters are escaped as code units, such as `\u001b`; tabs and line
 * feeds are kept.
 */
export function printable(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(
    unsafe,
    (one) => Array.from({ length: one.length }, (_, i) => escaped(one.charCodeAt(i))).join(""),
  );
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}
