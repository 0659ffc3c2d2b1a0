import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withClock } from "../../tests/clock.ts";
import { warned } from "../fixtures.ts";
import { HookShare } from "./hook_share.ts";

/** Warnings about a hook that takes `taken` ms of each step, after `before` ms without it. */
async function warnings(before: number, taken: number, calls: number): Promise<string[]> {
  return await warned(() =>
    withClock(async (pass) => {
      const share = new HookShare("ada/counter");
      for (let i = 0; i < calls; i++) {
        pass(before);
        // Half of them return a promise.
        const result = share.measure("onTrainBatchEnd", () => {
          pass(taken);
          return i % 2 === 0 ? Promise.resolve(i) : i;
        });
        assert.equal(await result, i);
      }
    })
  );
}

describe("HookShare", () => {
  it("HookShare warns once about a hook that takes most of a step's time", async () => {
    const lines = await warnings(100, 400, 20);
    assert.deepEqual(lines, [
      "keepfit: plugin ada/counter takes 80 % of the time in onTrainBatchEnd: 1200 of 1500 ms; " +
      "history.timings contains the time of each hook",
    ]);
  });

  it("HookShare does not warn about less, or about a few calls", async () => {
    assert.deepEqual(await warnings(100, 90, 200), []);
    assert.deepEqual(await warnings(0, 400, 3), []);
    assert.deepEqual(await warnings(0, 10, 90), []);
  });

  it("HookShare rethrows the failure of a hook", async () => {
    const share = new HookShare("ada/counter");
    const fail = () => Promise.reject(new Error("no"));
    await assert.rejects(share.measure("onEpochEnd", fail) as Promise<unknown>, /no/);
  });
});
