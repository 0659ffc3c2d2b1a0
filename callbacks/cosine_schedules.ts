import { atLeastZero } from "./options.ts";
import { checkSchedule, halfWave, rateRule, stepsRule } from "./schedule_rules.ts";
import type { StepSchedule } from "./schedules.ts";

/** Options of {@linkcode cosineDecay}. */
export interface CosineDecayOptions {
  /** Rate of step 0. */
  initialLearningRate: number;
  /** Steps of the decay, without the warmup; above 0. */
  decaySteps: number;
  /** Fraction of the highest rate that remains at the end. Default: 0. */
  alpha?: number;
  /** Rate to climb to before the decay. Default: none, the decay begins immediately. */
  warmupTarget?: number;
  /** Steps of the linear warmup. Default: 0. */
  warmupSteps?: number;
}

/**
 * Decay the rate along half a cosine wave, after an optional linear warmup.
 *
 * @throws TypeError for an option of the wrong type
 * @throws RangeError for an option out of range
 *
 * Source: `CosineDecay` in `keras/src/optimizers/schedules/learning_rate_schedule.py`.
 *
 * @example
 * ```ts
 * import { cosineDecay } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const rate = cosineDecay({
 *   initialLearningRate: 0,
 *   warmupTarget: 1,
 *   warmupSteps: 4,
 *   decaySteps: 100,
 * });
 * assert.deepEqual([0, 2, 4, 104].map(rate), [0, 0.5, 1, 0]);
 * ```
 */
export function cosineDecay(options: CosineDecayOptions): StepSchedule {
  checkSchedule("cosineDecay", options, {
    initialLearningRate: rateRule,
    decaySteps: stepsRule,
  }, {
    alpha: rateRule,
    warmupTarget: rateRule,
    warmupSteps: atLeastZero,
  });
  const { initialLearningRate, decaySteps, alpha = 0, warmupTarget } = options;
  const warmupSteps = warmupTarget === undefined ? 0 : options.warmupSteps ?? 0;
  const highest = warmupTarget ?? initialLearningRate;
  return (step) => {
    if (step < warmupSteps) {
      return initialLearningRate + (highest - initialLearningRate) * step / warmupSteps;
    }
    const done = Math.min((step - warmupSteps) / decaySteps, 1);
    return highest * (alpha + (1 - alpha) * halfWave(done));
  };
}

/** Options of {@linkcode cosineDecayRestarts}. */
export interface CosineDecayRestartsOptions {
  /** Rate of step 0. */
  initialLearningRate: number;
  /** Steps of the first decay; above 0. */
  firstDecaySteps: number;
  /** Factor by which each decay is longer than the one before, 1 or more. Default: 2. */
  tMul?: number;
  /** Initial rate of each decay as a fraction of the one before. Default: 1. */
  mMul?: number;
  /** Minimum rate as a fraction of the first. Default: 0. */
  alpha?: number;
}

/**
 * Repeat a cosine decay, each time over a longer period.
 *
 * @throws TypeError for an option of the wrong type
 * @throws RangeError for an option out of range
 *
 * Source: `CosineDecayRestarts` in `keras/src/optimizers/schedules/learning_rate_schedule.py`.
 *
 * @example
 * ```ts
 * import { cosineDecayRestarts } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const rate = cosineDecayRestarts({ initialLearningRate: 1, firstDecaySteps: 10, mMul: 0.5 });
 * assert.deepEqual([0, 10, 30].map(rate), [1, 0.5, 0.25]);
 * ```
 */
export function cosineDecayRestarts(options: CosineDecayRestartsOptions): StepSchedule {
  checkSchedule("cosineDecayRestarts", options, {
    initialLearningRate: rateRule,
    firstDecaySteps: stepsRule,
  }, {
    tMul: { types: ["number"], expected: ">= 1", isValid: (tMul: number) => tMul >= 1 },
    mMul: rateRule,
    alpha: rateRule,
  });
  const { initialLearningRate, firstDecaySteps, tMul = 2, mMul = 1, alpha = 0 } = options;
  return (step) => {
    let cycle = 0;
    let done = step / firstDecaySteps;
    if (tMul === 1) {
      cycle = Math.floor(done);
      done -= cycle;
    } else {
      // The decays before this one lasted (1 - tMul ** cycle) / (1 - tMul) times the first.
      const before = (n: number) => (tMul ** n - 1) / (tMul - 1);
      while (done >= before(cycle + 1)) cycle++;
      done = (done - before(cycle)) / tMul ** cycle;
    }
    return initialLearningRate * (alpha + (1 - alpha) * mMul ** cycle * halfWave(done));
  };
}
