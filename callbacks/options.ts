import { checkIsRecord, isRecord, showValue } from "../core/given_options.ts";
import { warnOfUnknownOption } from "../core/unknown_option.ts";
import { pathOf } from "../runtime/paths.ts";
import type { Path } from "../runtime/types.ts";

/** Rule of one option of a callback. */
export interface OptionRule {
  /** Allowed results of `typeof`. */
  types: readonly string[];
  /** Description that completes the sentence "it must be". */
  expected: string;
  /** Whether a value of the right type is in range; undefined allows any. */
  isValid?(value: never): boolean;
}

/** True or false. */
export const flag: OptionRule = { types: ["boolean"], expected: "true or false" };

/** A non-empty string. */
export const text: OptionRule = {
  types: ["string"],
  expected: "a non-empty string",
  isValid: (value: string) => value !== "",
};

/** A finite number. */
export const finite: OptionRule = {
  types: ["number"],
  expected: "a finite number",
  isValid: isFinite,
};

/** A non-negative number or infinity. */
export const atLeastZero: OptionRule = {
  types: ["number"],
  expected: ">= 0",
  isValid: (value: number) => value >= 0,
};

/** A count. */
export const atLeastOne: OptionRule = {
  types: ["number"],
  expected: "a whole number above 0",
  isValid: (value: number) => Number.isSafeInteger(value) && value > 0,
};

/** A number of a certain kind. */
export function numberThat(expected: string, isValid: (value: number) => boolean): OptionRule {
  return { types: ["number"], expected, isValid };
}

/** A non-negative whole number. */
export const countFromZero: OptionRule = {
  types: ["number"],
  expected: "a whole number >= 0",
  isValid: (value: number) => Number.isSafeInteger(value) && value >= 0,
};

/** A verbosity: above 0 or true prints. */
export const verbosity: OptionRule = {
  types: ["boolean", "number"],
  expected: "0, 1, 2 or a boolean",
  isValid: (value: unknown) => typeof value === "boolean" || [0, 1, 2].includes(value as number),
};

/** A function. */
export const callable: OptionRule = { types: ["function"], expected: "a function" };

/** An object with members. */
export const record: OptionRule = { types: ["object"], expected: "an object", isValid: isRecord };

/** An object with functions of these names. */
function objectWith(what: string, verbs: readonly string[]): OptionRule {
  return {
    types: ["object"],
    expected: `${what} with ${verbs.join(", ")}`,
    isValid: (value: Record<string, unknown>) =>
      verbs.every((verb) => typeof value[verb] === "function"),
  };
}

/** A file system: that of the runtime, `memoryFileSystem()`, or a custom one. */
export const fileSystem: OptionRule = objectWith("a file system", [
  "readFile",
  "readTextFile",
  "writeFile",
  "open",
  "stat",
  "readDir",
  "makeDir",
  "rename",
  "remove",
]);

/** A terminal to write to. */
export const terminalRule: OptionRule = objectWith("a terminal", ["write"]);

/** A non-empty path, or a URL. */
export const filePath: OptionRule = {
  types: ["string", "object"],
  expected: "a path or a file: URL",
  isValid: isPath,
};

function isPath(path: Path): boolean {
  try {
    return pathOf(path) !== "";
  } catch {
    return false;
  }
}

/** One of some words. */
export function oneOf(...words: string[]): OptionRule {
  return {
    types: ["string"],
    expected: `${quoted(words.slice(0, -1))} or "${words.at(-1)}"`,
    isValid: (value: string) => words.includes(value),
  };
}

/** One of some words, or a number of batches. */
export function wordOrBatches(...words: string[]): OptionRule {
  return {
    types: ["string", "number"],
    expected: `${quoted(words)} or a whole number of batches above 0`,
    isValid: (value: unknown) =>
      words.includes(value as string) || (Number.isSafeInteger(value) && Number(value) > 0),
  };
}

function quoted(words: string[]): string {
  return words.map((word) => `"${word}"`).join(", ");
}

/** Options of every callback. */
export const callbackOptions: Record<string, OptionRule> = {
  name: text,
  onError: oneOf("throw", "disable", "warn"),
};

/** Options of every callback that monitors a value. An unknown `mode` causes a warning there. */
export const monitorOptions: Record<string, OptionRule> = {
  ...callbackOptions,
  monitor: {
    types: ["string", "function"],
    expected: "a key of the logs or a function of them",
    isValid: (monitor: unknown) => monitor !== "",
  },
  mode: { types: ["string"], expected: `"auto", "min" or "max"` },
  nanIsFirstBest: flag,
};

/** Unit of `minDelta`. */
export const deltaMode: OptionRule = oneOf("absolute", "relative");

/** Unit of a callback that acts by epoch or step. */
export const epochOrStep: OptionRule = oneOf("epoch", "step");

/** The class of a callback. */
type NamedClass = { readonly className: string; readonly prototype: object };

/**
 * Check the options of a callback against a table of rules.
 *
 * An unknown name causes a warning with the nearest known one, except in a subclass, which may have
 * its own options.
 *
 * @throws TypeError for a value of the wrong type, and for options that are not an object
 * @throws RangeError for a value out of range
 */
export function checkOptions(
  callback: object,
  owner: NamedClass,
  options: object,
  rules: Record<string, OptionRule>,
): void {
  const name = owner.className;
  checkIsRecord(name, options);
  for (const [option, value] of Object.entries(options)) {
    if (Object.hasOwn(rules, option)) {
      if (value !== undefined) checkValue(name, option, value, rules[option]);
    } else if (Object.getPrototypeOf(callback) === owner.prototype) {
      warnOfUnknownOption(name, option, Object.keys(rules));
    }
  }
}

/** Check one argument of a callback, with the errors of {@linkcode checkOptions}. */
export function checkValue(owner: string, name: string, value: unknown, rule: OptionRule): void {
  const isRightType = value !== null && rule.types.includes(typeof value);
  if (isRightType && (rule.isValid?.(value as never) ?? true)) return;
  const message = `Cannot create ${owner} with ${name} ${
    showValue(value)
  }: ${name} must be ${rule.expected}`;
  throw isRightType ? new RangeError(message) : new TypeError(message);
}
