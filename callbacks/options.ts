import { checkIsRecord, isRecord, showValue } from "../core/given_options.ts";
import { warnOfUnknownOption } from "../core/unknown_option.ts";
import { pathOf } from "../runtime/paths.ts";
import type { Path } from "../runtime/types.ts";

/** Rule of one option of a callback. */
export interface OptionRule {
  /** Allowed results of `typeof`. */
  types: readonly string[];
  /** Description that completes the sentence "it must be". */
  wanted: string;
  /** Whether a value of the right type is in range; undefined allows any. */
  holds?(value: never): boolean;
}

/** True or false. */
export const flag: OptionRule = { types: ["boolean"], wanted: "true or false" };

/** A text that is not empty. */
export const text: OptionRule = {
  types: ["string"],
  wanted: "a non-empty text",
  holds: (value: string) => value !== "",
};

/** A finite number. */
export const finite: OptionRule = { types: ["number"], wanted: "a finite number", holds: isFinite };

/** A non-negative number or infinity. */
export const atLeastZero: OptionRule = {
  types: ["number"],
  wanted: ">= 0",
  holds: (value: number) => value >= 0,
};

/** A count. */
export const atLeastOne: OptionRule = {
  types: ["number"],
  wanted: "a whole number above 0",
  holds: (value: number) => Number.isSafeInteger(value) && value > 0,
};

/** A number of a certain kind. */
export function numberThat(wanted: string, holds: (value: number) => boolean): OptionRule {
  return { types: ["number"], wanted, holds };
}

/** A non-negative whole number. */
export const countFromZero: OptionRule = {
  types: ["number"],
  wanted: "a whole number >= 0",
  holds: (value: number) => Number.isSafeInteger(value) && value >= 0,
};

/** Above 0 or true to print. */
export const verbosity: OptionRule = {
  types: ["boolean", "number"],
  wanted: "0, 1, 2 or a boolean",
  holds: (value: unknown) => typeof value === "boolean" || [0, 1, 2].includes(value as number),
};

/** A function. */
export const callable: OptionRule = { types: ["function"], wanted: "a function" };

/** An object with members. */
export const given: OptionRule = { types: ["object"], wanted: "an object", holds: isRecord };

/** An object with functions of these names. */
function objectWith(what: string, verbs: readonly string[]): OptionRule {
  return {
    types: ["object"],
    wanted: `${what} with ${verbs.join(", ")}`,
    holds: (value: Record<string, unknown>) =>
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
export const place: OptionRule = {
  types: ["string", "object"],
  wanted: "a path or a file: URL",
  holds: isPath,
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
    wanted: `${quoted(words.slice(0, -1))} or "${words.at(-1)}"`,
    holds: (value: string) => words.includes(value),
  };
}

/** One of some words, or a number of batches. */
export function wordOrBatches(...words: string[]): OptionRule {
  return {
    types: ["string", "number"],
    wanted: `${quoted(words)} or a whole number of batches above 0`,
    holds: (value: unknown) =>
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
    wanted: "a key of the logs or a function of them",
    holds: (monitor: unknown) => monitor !== "",
  },
  mode: { types: ["string"], wanted: `"auto", "min" or "max"` },
  nanIsFirstBest: flag,
};

/** Unit of `minDelta`. */
export const deltaMode: OptionRule = oneOf("absolute", "relative");

/** When a callback acts, for callbacks with a choice. */
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

/** Check one argument of a callback; fails like {@linkcode checkOptions}. */
export function checkValue(owner: string, name: string, value: unknown, rule: OptionRule): void {
  const isRightType = value !== null && rule.types.includes(typeof value);
  if (isRightType && (rule.holds?.(value as never) ?? true)) return;
  const message = `Cannot create ${owner} with ${name} ${
    showValue(value)
  }: ${name} must be ${rule.wanted}`;
  throw isRightType ? new RangeError(message) : new TypeError(message);
}
