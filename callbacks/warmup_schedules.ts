import { atLeastZero, callable, checkValue } from "./options.ts";
import { checkSchedule, halfWave, rateRule, stepsRule } from "./schedule_rules.ts";
import type { StepSchedule } from "./schedules.ts";

/** Options of {@linkcode oneCycle}. */
export interface OneCycleOptions {
  /** The highest rate. */
  maxLearningRate: number;
  /** Steps of the whole cycle, above 0. Afterwards the rate stays at its minimum. */
  totalSteps: number;
  /** Fraction of the steps in which the rate rises, from 0 to below 1. Default: 0.3. */
  warmupFraction?: number;
  /** Ratio of the highest to the first rate. Default: 25. */
  initialDivisor?: number;
  /** Ratio of the first to the last rate. Default: 10000. */
  finalDivisor?: number;
}

/**
 * Raise the rate to a maximum, then lower it far below its initial value, both along a cosine.
 *
 * The momentum is not changed, which TensorFlow.js's optimizers do not allow.
 *
 * @throws TypeError for an option of the wrong type
 * @throws RangeError for an option out of range
 *
 * Source: L. N. Smith, "Super-Convergence"; the numbers are those of PyTorch's `OneCycleLR`.
 *
 * @example
 * ```ts
 * import { oneCycle } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const rate = oneCycle({ maxLearningRate: 1, totalSteps: 100 });
 * assert.deepEqual([0, 29, 99].map(rate), [0.04, 1, 0.000004]);
 * ```
 */
export function oneCycle(options: OneCycleOptions): StepSchedule {
  const divisor = { types: ["number"], expected: "> 0", isValid: (value: number) => value > 0 };
  checkSchedule("oneCycle", options, {
    maxLearningRate: rateRule,
    totalSteps: stepsRule,
  }, {
    warmupFraction: {
      types: ["number"],
      expected: ">= 0 and < 1",
      isValid: (fraction: number) => fraction >= 0 && fraction < 1,
    },
    initialDivisor: divisor,
    finalDivisor: divisor,
  });
  const { maxLearningRate, totalSteps, warmupFraction = 0.3 } = options;
  const first = maxLearningRate / (options.initialDivisor ?? 25);
  const last = first / (options.finalDivisor ?? 1e4);
  // The last step of the cycle has the lowest rate.
  const end = totalSteps - 1;
  const top = Math.max(warmupFraction * totalSteps - 1, 0);
  return (step) => {
    const [from, to, done] = step < top
      ? [first, maxLearningRate, step / top]
      : [maxLearningRate, last, end > top ? Math.min((step - top) / (end - top), 1) : 1];
    const left = halfWave(done);
    return from * left + to * (1 - left);
  };
}

/** Options of {@linkcode withWarmup}. */
export interface WarmupOptions {
  /** Steps of the warmup; the schedule begins after them. */
  warmupSteps: number;
  /** Rate of step 0. Default: 0. */
  initialLearningRate?: number;
}

/**
 * Raise the rate linearly to a constant, or to the initial rate of a schedule, which then starts at
 * its own step 0.
 *
 * @param schedule a rate, or a schedule
 * @param options length and initial rate of the warmup
 * @throws TypeError for an option of the wrong type
 * @throws RangeError for an option out of range
 * @example
 * ```ts
 * import { exponentialDecay, withWarmup } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const constant = withWarmup(0.5, { warmupSteps: 2 });
 * assert.deepEqual([0, 1, 2, 3].map(constant), [0, 0.25, 0.5, 0.5]);
 *
 * const decay = exponentialDecay({ initialLearningRate: 1, decaySteps: 1, decayRate: 0.5 });
 * assert.deepEqual([0, 1, 2, 3].map(withWarmup(decay, { warmupSteps: 2 })), [0, 0.5, 1, 0.5]);
 * ```
 */
export function withWarmup(
  schedule: number | StepSchedule,
  options: WarmupOptions,
): StepSchedule {
  const rate = typeof schedule === "number" ? () => schedule : schedule;
  checkValue("withWarmup", "schedule", rate, callable);
  checkValue("withWarmup", "rate", rate(0), rateRule);
  checkSchedule("withWarmup", options, { warmupSteps: atLeastZero }, {
    initialLearningRate: rateRule,
  });
  const { warmupSteps, initialLearningRate = 0 } = options;
  return (step) =>
    step < warmupSteps
      ? initialLearningRate + (rate(0) - initialLearningRate) * step / warmupSteps
      : rate(step - warmupSteps);
}
