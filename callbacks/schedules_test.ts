import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import * as cosines from "./cosine_schedules.ts";
import * as schedules from "./schedules.ts";

const { cosineDecay } = cosines;
const { piecewiseConstantDecay } = schedules;

interface Golden {
  steps: number[];
  cases: { schedule: string; options: object; rates: number[] }[];
}

const golden: Golden = JSON.parse(
  readFileSync(new URL("../tests/golden/schedules.json", import.meta.url), "utf8"),
);
const make = { ...schedules, ...cosines } as unknown as Record<
  string,
  (options: object) => schedules.StepSchedule
>;

describe("Schedules", () => {
  for (const { schedule, options, rates } of golden.cases) {
    it(`${schedule} returns Keras's rates: ${JSON.stringify(options)}`, () => {
      const rate = make[schedule](options);
      golden.steps.forEach((step, i) => {
        // Keras computes in float32.
        const isClose = Math.abs(rate(step) - rates[i]) <= 1e-7;
        assert.ok(isClose, `step ${step}: ${rate(step)}, Keras has ${rates[i]}`);
      });
    });
  }

  it("Schedules are compared with all schedules of Keras", () => {
    assert.equal(new Set(golden.cases.map(({ schedule }) => schedule)).size, 6);
  });

  it("Schedules do not change with later changes of their options", () => {
    const options = { boundaries: [1], values: [1, 2] };
    const rate = piecewiseConstantDecay(options);
    options.boundaries[0] = 5;
    options.values[1] = 7;
    assert.equal(rate(2), 2);
  });

  it("Schedules reject invalid options", () => {
    const decay = { initialLearningRate: 0.1, decaySteps: 10 };
    assert.throws(() => cosineDecay({ ...decay, decaySteps: 0 }), {
      name: "RangeError",
      message:
        "Cannot create cosineDecay with decaySteps 0: decaySteps must be a finite number > 0",
    });
    assert.throws(() => cosineDecay({ initialLearningRate: 0.1 } as never), TypeError);
    assert.throws(() => make.exponentialDecay({ ...decay, decayRate: -1 }), RangeError);
    assert.throws(() => make.polynomialDecay({ ...decay, cycle: 1 }), TypeError);
    assert.throws(() => make.cosineDecayRestarts({ ...decay }), TypeError);
    assert.throws(() => piecewiseConstantDecay({ boundaries: [1, 1], values: [1, 2, 3] }), {
      message: /boundaries must be a list of increasing numbers/,
    });
    assert.throws(() => piecewiseConstantDecay({ boundaries: [1], values: [1] }), RangeError);
    assert.throws(() => piecewiseConstantDecay({ boundaries: 3, values: [1] } as never), TypeError);
  });
});
