import { atLeastZero, flag } from "./options.ts";
import { checkSchedule, rateRule, type Rules, stepsRule } from "./schedule_rules.ts";

/**
 * Function that returns the learning rate of each step. The rate depends only on the step, so that
 * a resumed run has the same rates. Pass it to `LearningRateScheduler`, with `{ every: "step" }` if
 * steps are updates, as in Keras; otherwise they are epochs.
 *
 * @param step 0-based
 * @returns the rate for this step
 */
export type StepSchedule = (step: number) => number;

/** Options of {@linkcode exponentialDecay} and {@linkcode inverseTimeDecay}. */
export interface DecayOptions {
  /** Rate of step 0. */
  initialLearningRate: number;
  /** Steps after which `decayRate` applies once; above 0. */
  decaySteps: number;
  /** Rate of the decay; not negative. */
  decayRate: number;
  /** Whether to decay once every `decaySteps` rather than continuously. Default: false. */
  staircase?: boolean;
}

/**
 * Multiply the rate by `decayRate` every `decaySteps`:
 * `initial * decayRate ** (step / decaySteps)`.
 *
 * With `staircase` this is step decay: `{ decaySteps: 30, decayRate: 0.1 }` divides the rate by ten
 * every 30 steps.
 *
 * @throws TypeError for an option of the wrong type
 * @throws RangeError for an option out of range
 *
 * Source: `ExponentialDecay` in `keras/src/optimizers/schedules/learning_rate_schedule.py`.
 *
 * @example
 * ```ts
 * import { exponentialDecay } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const rate = exponentialDecay({ initialLearningRate: 1, decaySteps: 10, decayRate: 0.25 });
 * assert.deepEqual([0, 5, 10].map(rate), [1, 0.5, 0.25]);
 * ```
 */
export function exponentialDecay(options: DecayOptions): StepSchedule {
  checkSchedule("exponentialDecay", options, ...decayRules);
  const { initialLearningRate, decayRate } = options;
  const progress = progressOf(options);
  return (step) => initialLearningRate * decayRate ** progress(step);
}

/**
 * Divide the rate by a term that grows with the step:
 * `initial / (1 + decayRate * step / decaySteps)`.
 *
 * @throws TypeError for an option of the wrong type
 * @throws RangeError for an option out of range
 *
 * Source: `InverseTimeDecay` in `keras/src/optimizers/schedules/learning_rate_schedule.py`.
 *
 * @example
 * ```ts
 * import { inverseTimeDecay } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const rate = inverseTimeDecay({ initialLearningRate: 1, decaySteps: 10, decayRate: 1 });
 * assert.deepEqual([0, 10, 30].map(rate), [1, 0.5, 0.25]);
 * ```
 */
export function inverseTimeDecay(options: DecayOptions): StepSchedule {
  checkSchedule("inverseTimeDecay", options, ...decayRules);
  const { initialLearningRate, decayRate } = options;
  const progress = progressOf(options);
  return (step) => initialLearningRate / (1 + decayRate * progress(step));
}

/** Options of {@linkcode polynomialDecay}. */
export interface PolynomialDecayOptions {
  /** Rate of step 0. */
  initialLearningRate: number;
  /** Steps until `endLearningRate`; above 0. */
  decaySteps: number;
  /** Rate at the end and after it. Default: 0.0001. */
  endLearningRate?: number;
  /** Exponent: 1 for a linear decay, more for a faster initial decay. Default: 1. */
  power?: number;
  /**
   * Whether to restart at the end, each time with a longer decay counted from step 0. Default:
   * false.
   */
  cycle?: boolean;
}

/**
 * Decay from one rate to another along a polynomial, which is linear by default.
 *
 * @throws TypeError for an option of the wrong type
 * @throws RangeError for an option out of range
 *
 * Source: `PolynomialDecay` in `keras/src/optimizers/schedules/learning_rate_schedule.py`.
 *
 * @example
 * ```ts
 * import { polynomialDecay } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const rate = polynomialDecay({ initialLearningRate: 1, decaySteps: 4, endLearningRate: 0 });
 * assert.deepEqual([0, 1, 2, 4, 9].map(rate), [1, 0.75, 0.5, 0, 0]);
 * ```
 */
export function polynomialDecay(options: PolynomialDecayOptions): StepSchedule {
  checkSchedule("polynomialDecay", options, {
    initialLearningRate: rateRule,
    decaySteps: stepsRule,
  }, {
    endLearningRate: rateRule,
    power: atLeastZero,
    cycle: flag,
  });
  const { initialLearningRate, decaySteps, endLearningRate = 1e-4, power = 1, cycle = false } =
    options;
  return (step) => {
    const length = cycle ? decaySteps * Math.max(Math.ceil(step / decaySteps), 1) : decaySteps;
    const left = 1 - Math.min(step, length) / length;
    return (initialLearningRate - endLearningRate) * left ** power + endLearningRate;
  };
}

/** Options of {@linkcode piecewiseConstantDecay}. */
export interface PiecewiseConstantDecayOptions {
  /** Last step of each rate except the last one, in ascending order. */
  boundaries: number[];
  /** The rates, one more than there are boundaries. */
  values: number[];
}

/**
 * Use one rate up to and including the first boundary, another one up to the next boundary, and so
 * on.
 *
 * @throws TypeError for an option of the wrong type
 * @throws RangeError when the boundaries do not increase, or their number does not match that of
 * the values
 *
 * Source: `PiecewiseConstantDecay` in `keras/src/optimizers/schedules/learning_rate_schedule.py`.
 *
 * @example
 * ```ts
 * import { piecewiseConstantDecay } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const rate = piecewiseConstantDecay({ boundaries: [100, 200], values: [1, 0.5, 0.1] });
 * assert.deepEqual([0, 100, 101, 200, 201].map(rate), [1, 1, 0.5, 0.5, 0.1]);
 * ```
 */
export function piecewiseConstantDecay(options: PiecewiseConstantDecayOptions): StepSchedule {
  checkSchedule("piecewiseConstantDecay", options, {
    boundaries: {
      types: ["object"],
      expected: "a list of increasing numbers",
      isValid: (list: number[]) => list.every((at, i) => i === 0 ? !isNaN(at) : at > list[i - 1]),
    },
    values: {
      types: ["object"],
      expected: "a list of rates, one more than there are boundaries",
      isValid: (list: number[]) =>
        list.length === options.boundaries.length + 1 && list.every(rateRule.isValid),
    },
  });
  const boundaries = options.boundaries.slice();
  const values = options.values.slice();
  return (step) => {
    const piece = boundaries.findIndex((boundary) => step <= boundary);
    return values[piece < 0 ? boundaries.length : piece];
  };
}

/** Required and optional options of a decay. */
const decayRules: [Rules, Rules] = [
  { initialLearningRate: rateRule, decaySteps: stepsRule, decayRate: rateRule },
  { staircase: flag },
];

/** Elapsed steps in units of `decaySteps`. */
function progressOf({ decaySteps, staircase = false }: DecayOptions): StepSchedule {
  return (step) => staircase ? Math.floor(step / decaySteps) : step / decaySteps;
}
