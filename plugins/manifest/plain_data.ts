const maxDepth = 64;
const forbiddenKeys = ["__proto__", "constructor", "prototype"];

/**
 * Explain why a value is not plain JSON data: nested too deep, text with a lone surrogate, a
 * non-finite number, an object with a class, or a key with a special meaning in JavaScript.
 *
 * @param data parsed data
 * @param name its name, for messages
 * @returns one sentence for each problem, at most 20; empty for valid data
 */
export function plainDataProblems(data: unknown, name: string): string[] {
  const problems: string[] = [];
  // Not recursive: too deep nesting is one of the problems to find.
  let level: [path: string, value: unknown][] = [[name, data]];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) return [...problems, `${name}: is nested deeper than ${maxDepth}`];
    const next: typeof level = [];
    for (const [path, value] of level) {
      const wrong = whatIsWrong(value);
      if (wrong !== undefined) problems.push(`${path}: found ${wrong}`);
      else if (typeof value === "object" && value !== null) {
        for (const [key, one] of Object.entries(value)) {
          if (forbiddenKeys.includes(key) || !key.isWellFormed()) {
            problems.push(`${path}: found key ${JSON.stringify(key)}, expected another name`);
          }
          if (typeof one === "object" || whatIsWrong(one) !== undefined) {
            next.push([Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`, one]);
          }
        }
      }
      if (problems.length >= 20) return problems;
    }
    level = next;
  }
  return problems;
}

function whatIsWrong(value: unknown): string | undefined {
  switch (typeof value) {
    case "undefined":
    case "boolean":
      return undefined;
    case "number":
      return Number.isFinite(value) ? undefined : `${value}, expected a number that JSON can hold`;
    case "string":
      return value.isWellFormed() ? undefined : "text with half a character, expected Unicode";
    case "object": {
      if (value === null || Array.isArray(value)) return undefined;
      const prototype = Object.getPrototypeOf(value);
      return prototype === null || prototype === Object.prototype
        ? undefined
        : "an object with a class, expected plain data";
    }
    default:
      return `a ${typeof value}, expected plain data`;
  }
}
