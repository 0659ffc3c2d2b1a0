import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cosineDecay } from "./cosine_schedules.ts";
import { oneCycle, withWarmup } from "./warmup_schedules.ts";

describe("oneCycle", () => {
  it("oneCycle rises to the highest rate, falls below its initial rate, and stays there", () => {
    const rate = oneCycle({ maxLearningRate: 0.5, totalSteps: 50 });
    const rates = Array.from({ length: 60 }, (_, step) => rate(step));
    const top = rates.indexOf(Math.max(...rates));
    assert.equal(top, 14);
    assert.equal(rates[top], 0.5);
    assert.ok(Math.abs(rates[0] - 0.02) < 1e-15);
    for (let step = 1; step < 50; step++) {
      assert.ok(step <= top ? rates[step] > rates[step - 1] : rates[step] < rates[step - 1]);
    }
    assert.ok(Math.abs(rates[49] - 2e-6) < 1e-12);
    assert.ok(rates.slice(49).every((value) => value === rates[49]));
  });

  it("oneCycle may start at the highest rate", () => {
    const rate = oneCycle({ maxLearningRate: 1, totalSteps: 3, warmupFraction: 0 });
    assert.equal(rate(0), 1);
    assert.ok(rate(1) < 1 && rate(2) < rate(1));
    assert.equal(oneCycle({ maxLearningRate: 1, totalSteps: 1 })(0), 1 / 25 / 1e4);
  });

  it("oneCycle rejects an invalid cycle", () => {
    assert.throws(() => oneCycle({ maxLearningRate: 1 } as never), TypeError);
    assert.throws(() => oneCycle({ maxLearningRate: 1, totalSteps: 0 }), RangeError);
    assert.throws(() => oneCycle({ maxLearningRate: 1, totalSteps: 9, warmupFraction: 1 }), {
      name: "RangeError",
      message: "Cannot create oneCycle with warmupFraction 1: warmupFraction must be >= 0 and < 1",
    });
    assert.throws(
      () => oneCycle({ maxLearningRate: 1, totalSteps: 9, finalDivisor: 0 }),
      RangeError,
    );
  });
});

describe("withWarmup", () => {
  it("withWarmup rises to the initial rate of the schedule, which then starts at its own step 0", () => {
    const decay = cosineDecay({ initialLearningRate: 1, decaySteps: 10 });
    const rate = withWarmup(decay, { warmupSteps: 4, initialLearningRate: 0.5 });
    assert.deepEqual([0, 2, 4, 9, 14].map(rate), [0.5, 0.75, decay(0), decay(5), decay(10)]);
    assert.equal(withWarmup(0.3, { warmupSteps: 0 })(0), 0.3);
  });

  it("withWarmup rejects invalid options", () => {
    assert.throws(() => withWarmup(-1, { warmupSteps: 1 }), RangeError);
    assert.throws(() => withWarmup(1, {} as never), TypeError);
    assert.throws(() => withWarmup("0.1" as never, { warmupSteps: 1 }), TypeError);
  });
});
