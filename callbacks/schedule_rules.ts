import { checkValue, type OptionRule } from "./options.ts";

/** Rules of a schedule's options, by name. */
export type Rules = Record<string, OptionRule>;

/** A learning rate, or a fraction of one. */
export const rateRule = {
  types: ["number"],
  expected: "a finite number >= 0",
  isValid: (rate: number) => Number.isFinite(rate) && rate >= 0,
};

/** A number of steps. */
export const stepsRule = {
  types: ["number"],
  expected: "a finite number > 0",
  isValid: (steps: number) => Number.isFinite(steps) && steps > 0,
};

/**
 * Check the options of a schedule.
 *
 * @throws TypeError for a value of the wrong type, and for a missing required one
 * @throws RangeError for a value out of range
 */
export function checkSchedule(
  owner: string,
  options: object,
  needed: Rules,
  others: Rules = {},
): void {
  const values = options as Record<string, unknown>;
  for (const [name, rule] of Object.entries({ ...needed, ...others })) {
    if (values[name] === undefined && Object.hasOwn(others, name)) continue;
    checkValue(owner, name, values[name], rule);
  }
}

/** Half a cosine wave from 1 to 0, for `done` from 0 to 1. */
export function halfWave(done: number): number {
  return (1 + Math.cos(Math.PI * done)) / 2;
}
