const maxDepth = 64;
const forbiddenKeys = ["__proto__", "constructor", "prototype"];

/**
 * Tell why something is not data of JSON that may be handed on: too deep, text with half a
 * character, a number that is none, an object with a class, a key by which JavaScript finds
 * something else.
 *
 * @param data what was parsed
 * @param name what to call it, for the messages
 * @returns one sentence for each problem, 20 at most; empty when nothing is wrong
 */
export function plainDataProblems(data: unknown, name: string): string[] {
  const problems: string[] = [];
  // Not by recursion: what is nested too deep for that is what is looked for.
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
            problems.push(`${path}: found key ${JSON.stringify(key)}, wanted another name`);
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
      return Number.isFinite(value) ? undefined : `${value}, wanted a number that JSON can hold`;
    case "string":
      return value.isWellFormed() ? undefined : "text with half a character, wanted Unicode";
    case "object": {
      if (value === null || Array.isArray(value)) return undefined;
      const prototype = Object.getPrototypeOf(value);
      return prototype === null || prototype === Object.prototype
        ? undefined
        : "an object with a class, wanted plain data";
    }
    default:
      return `a ${typeof value}, wanted plain data`;
  }
}
