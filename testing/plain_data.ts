/**
 * Find a value that is not plain data. Plain data is copied unchanged by `structuredClone`.
 *
 * @returns the finding, such as `state.model: a Sequential`; undefined for plain data
 */
export function impurityOf(value: unknown, path: string): string | undefined {
  if (value === null || ["boolean", "number", "string", "undefined"].includes(typeof value)) {
    return undefined;
  }
  if (typeof value !== "object") return `${path}: a ${typeof value}`;
  if (ArrayBuffer.isView(value)) return undefined;
  const prototype = Object.getPrototypeOf(value);
  // A sandbox has its own Object.
  if (!Array.isArray(value) && prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return `${path}: a ${prototype.constructor?.name ?? "object of a class"}`;
  }
  for (const [key, member] of Object.entries(value)) {
    const found = impurityOf(member, memberPath(path, key, value));
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Find a difference between two values of plain data.
 *
 * @returns the finding, such as `logs.loss: found 1, expected 2`; undefined if they are equal
 */
export function differenceOf(found: unknown, expected: unknown, path: string): string | undefined {
  if (Object.is(found, expected)) return undefined;
  const isObject = typeof found === "object" && typeof expected === "object" && found !== null &&
    expected !== null && Array.isArray(found) === Array.isArray(expected);
  if (!isObject) return `${path}: found ${shown(found)}, expected ${shown(expected)}`;
  const [one, other] = [found as Record<string, unknown>, expected as Record<string, unknown>];
  for (const key of new Set([...Object.keys(one), ...Object.keys(other)])) {
    const difference = differenceOf(one[key], other[key], memberPath(path, key, found));
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function memberPath(path: string, key: string, owner: object): string {
  return Array.isArray(owner) || ArrayBuffer.isView(owner) ? `${path}[${key}]` : `${path}.${key}`;
}

function shown(value: unknown): string {
  if (typeof value === "number") return String(value);
  return JSON.stringify(value) ?? String(value);
}
