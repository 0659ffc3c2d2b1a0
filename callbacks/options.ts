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

/** A number that is not negative; infinity is one. */
export const atLeastZero: OptionRule = {
  types: ["number"],
  wanted: ">= 0",
  holds: (value: number) => value >= 0,
};

/** Above 0 or true to print. */
export const verbosity: OptionRule = { types: ["boolean", "number"], wanted: "0, 1 or a boolean" };

/** A function. */
export const callable: OptionRule = { types: ["function"], wanted: "a function" };

/** An object with the verbs of its kind; what is missing shows when it is used. */
export const given: OptionRule = { types: ["object"], wanted: "an object" };

/** What every callback takes. */
export const callbackOptions: Record<string, OptionRule> = {
  onError: {
    types: ["string"],
    wanted: `"throw", "disable" or "warn"`,
    holds: (value: string) => ["throw", "disable", "warn"].includes(value),
  },
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
export const deltaMode: OptionRule = {
  types: ["string"],
  wanted: `"absolute" or "relative"`,
  holds: (value: string) => value === "absolute" || value === "relative",
};

/** When a callback acts, for those that leave it to the user. */
export const epochOrStep: OptionRule = {
  types: ["string"],
  wanted: `"epoch" or "step"`,
  holds: (value: string) => value === "epoch" || value === "step",
};

/**
 * Check the options of a callback when it is made, by one table.
 *
 * An unknown name is warned about, with the nearest known one; a subclass may have names of its
 * own, so there it is not.
 *
 * @throws TypeError for a value of the wrong type
 * @throws RangeError for a value out of range
 */
export function checkOptions(
  callback: object,
  owner: string,
  options: object,
  rules: Record<string, OptionRule>,
): void {
  for (const [name, value] of Object.entries(options)) {
    if (Object.hasOwn(rules, name)) {
      if (value !== undefined) checkValue(owner, name, value, rules[name]);
    } else if (callback.constructor.name === owner) {
      console.warn(
        `keepfit: ${owner} has no option '${name}', it is ignored: ` +
          `did you mean '${nearest(name, Object.keys(rules))}'?`,
      );
    }
  }
}

/** Check one value that a callback is made with; fails as {@linkcode checkOptions} does. */
export function checkValue(owner: string, name: string, value: unknown, rule: OptionRule): void {
  const isRightType = value !== null && rule.types.includes(typeof value);
  if (isRightType && (rule.holds?.(value as never) ?? true)) return;
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  const message = `Cannot create ${owner} with ${name} ${shown}: ${name} must be ${rule.wanted}`;
  throw isRightType ? new RangeError(message) : new TypeError(message);
}

/** The candidate that takes the fewest edits; case and underscores are free. */
export function nearest(name: string, candidates: readonly string[]): string {
  const bare = (word: string) => word.replaceAll("_", "").toLowerCase();
  let best = candidates[0];
  let fewest = Infinity;
  for (const candidate of candidates) {
    const edits = editDistance(bare(name), bare(candidate));
    if (edits < fewest) [best, fewest] = [candidate, edits];
  }
  return best;
}

function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const swap = row[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, swap));
    }
    row = next;
  }
  return row[to.length];
}
