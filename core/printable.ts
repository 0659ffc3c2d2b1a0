// Control characters but tab and line feed, and what changes the direction of text or breaks lines
// otherwise.
// deno-lint-ignore no-control-regex
const harmful = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Foreign text as a terminal may show it: nothing in it moves the cursor, changes colors or hides
 * what stands there. Each such character is shown by its number.
 */
export function printable(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(
    harmful,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
