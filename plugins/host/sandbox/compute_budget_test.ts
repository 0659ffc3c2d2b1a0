import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withClock } from "../../../tests/clock.ts";
import { ComputeBudget } from "./compute_budget.ts";

describe("ComputeBudget", () => {
  it("ComputeBudget limits each entry, and all entries together to a total plus a share of the elapsed time", async () => {
    await withClock((pass) => {
      const budget = new ComputeBudget({ callTime: 100, runTime: 250 });
      const left = () => budget.left(performance.now(), false);
      for (let i = 0; i < 2; i++) {
        assert.deepEqual(left(), { time: 100, limit: "call" });
        budget.spend(100, false);
      }
      assert.deepEqual(left(), { time: 50, limit: "run" });
      pass(100);
      assert.deepEqual(left(), { time: 75, limit: "run" });
      budget.spend(75, false);
      assert.equal(left().time, 0);
      // However long it waits, it never has more than its initial size.
      pass(3_600_000);
      assert.equal(left().time, 100);
      budget.spend(150, false);
      assert.deepEqual(left(), { time: 100, limit: "call" });
      budget.spend(100, false);
      assert.deepEqual(left(), { time: 0, limit: "run" });
    });
  });

  it("ComputeBudget gives less to entries that no hook waits for", async () => {
    await withClock((pass) => {
      const budget = new ComputeBudget({ callTime: 100, runTime: 3000 });
      const left = () => budget.left(performance.now(), true);
      budget.spend(60, true);
      assert.deepEqual(left(), { time: 40, limit: "background" });
      budget.spend(40, true);
      assert.deepEqual(left(), { time: 0, limit: "background" });
      assert.deepEqual(budget.left(performance.now(), false), { time: 100, limit: "call" });
      pass(200);
      assert.deepEqual(left(), { time: 20, limit: "background" });
    });
  });

  it("ComputeBudget has no limit if none is set", () => {
    const budget = new ComputeBudget({ callTime: Infinity, runTime: Infinity });
    budget.spend(1e9, true);
    assert.equal(budget.left(performance.now(), true).time, Infinity);
  });
});
