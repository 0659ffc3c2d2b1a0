/**
 * The canonical text of JSON data: no spaces, sorted keys, numbers and text in JavaScript's
 * spelling. Signatures are over this text, so that a file may be reformatted.
 *
 * Source: RFC 8785, JSON Canonicalization Scheme. Keys are sorted by their UTF-16 units.
 *
 * @param value plain data, as `JSON.parse` returns it
 * @throws TypeError for values that JSON cannot represent: `undefined`, `NaN`, a function, a `Map`,
 *   text with half a character
 * @throws RangeError if it is nested deeper than 128, or contains itself
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

const maxDepth = 128;

function write(value: unknown, depth: number): string {
  if (depth > maxDepth) {
    throw new RangeError(`Cannot write canonical JSON: it is nested deeper than ${maxDepth}`);
  }
  if (value === null || typeof value === "boolean") return String(value);
  // As RFC 8785 specifies, which follows JavaScript here.
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  if (typeof value === "string" && value.isWellFormed()) return JSON.stringify(value);
  if (Array.isArray(value)) {
    // Array.from, because map skips holes.
    return `[${Array.from(value, (one) => write(one, depth + 1)).join(",")}]`;
  }
  if (isPlain(value)) {
    const members = Object.keys(value).sort().map((key) =>
      `${write(key, depth + 1)}:${write(value[key], depth + 1)}`
    );
    return `{${members.join(",")}}`;
  }
  throw new TypeError(`Cannot write canonical JSON: found ${describe(value)}, expected plain data`);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function describe(value: unknown): string {
  if (typeof value === "string") return "text with half a character";
  if (typeof value === "object") return value?.constructor?.name ?? "an object";
  return typeof value === "number" || value === undefined ? String(value) : `a ${typeof value}`;
}
