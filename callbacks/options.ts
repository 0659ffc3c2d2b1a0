import { checkIsRecord, isRecord, showValue } from "../core/given_options.ts";
import { warnOfUnknownOption } from "../core/unknown_option.ts";
import { pathOf } from "../runtime/paths.ts";
import type { Path } from "../runtime/types.ts";

/** What one option of a callback must be. */
export interface OptionRule {
  /** What `typeof` may say. */
  types: readonly string[];
  /** The end of the sentence "it must be". */
  wanted: string;
  /** Whether a value of the right type is in range; absent means that any is. */
  holds?(value: never): boolean;
}

/** True or false. */
export const flag: OptionRule = { types: ["boolean"], wanted: "true or false" };

/** A text that is not empty. */
export const text: OptionRule = {
  types: ["string"],
  wanted: "a text that is not empty",
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

/** A count of something. */
export const atLeastOne: OptionRule = {
  types: ["number"],
  wanted: "a whole number above 0",
  holds: (value: number) => Number.isSafeInteger(value) && value > 0,
};

/** A number of a certain kind. */
export function numberThat(wanted: string, holds: (value: number) => boolean): OptionRule {
  return { types: ["number"], wanted, holds };
}

/** A whole number that is not negative. */
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

/** An object with members to read. */
export const given: OptionRule = { types: ["object"], wanted: "an object", holds: isRecord };

/** An object with the functions that will be called. */
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

/** A path that is not empty, or a URL. */
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

/** What every callback takes. */
export const callbackOptions: Record<string, OptionRule> = {
  name: text,
  onError: oneOf("throw", "disable", "warn"),
};

/** What every callback takes that watches a value. An unknown `mode` is warned about there. */
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

/** What `minDelta` is counted in. */
export const deltaMode: OptionRule = oneOf("absolute", "relative");

/** When a callback acts, for those that leave it to the user. */
export const epochOrStep: OptionRule = oneOf("epoch", "step");

/** The class of a callback. */
type NamedClass = { readonly className: string; readonly prototype: object };

/**
 * Check the options of a callback when it is made, by one table.
 *
 * An unknown name is warned about, with the nearest known one; a subclass may have names of its
 * own, so there it is not.
 *
 * @throws TypeError for a value of the wrong type, and for options that are no object
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

/** Check one value that a callback is made with; fails as {@linkcode checkOptions} does. */
export function checkValue(owner: string, name: string, value: unknown, rule: OptionRule): void {
  const isRightType = value !== null && rule.types.includes(typeof value);
  if (isRightType && (rule.holds?.(value as never) ?? true)) return;
  const message = `Cannot create ${owner} with ${name} ${
    showValue(value)
  }: ${name} must be ${rule.wanted}`;
  throw isRightType ? new RangeError(message) : new TypeError(message);
}
