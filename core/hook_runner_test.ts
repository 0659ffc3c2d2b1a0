import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HookRunner } from "./hook_runner.ts";

describe("HookRunner", () => {
  it("HookRunner reads the clock once between two receivers", () => {
    const runner = new HookRunner([1, 2, 3].map(() => ({ onEpochEnd() {} })), () => {});
    const { now } = performance;
    let reads = 0;
    Object.defineProperty(performance, "now", { configurable: true, value: () => reads++ });
    try {
      runner.run("onEpochEnd", { args: [0, {}] });
      runner.run("onTrainEnd", { args: [{}] });
    } finally {
      Object.defineProperty(performance, "now", { configurable: true, value: now });
    }
    assert.equal(reads, 4);
    assert.deepEqual(runner.timings().map(({ milliseconds }) => milliseconds), [1, 1, 1]);
  });

  it("HookRunner calls only close of a callback that was dropped", async () => {
    const seen: string[] = [];
    const callback = { onEpochEnd: () => seen.push("end"), close: () => seen.push("close") };
    const runner = new HookRunner([callback], () => {});
    runner.drop(callback);
    runner.run("onEpochEnd", { args: [0, {}] });
    await runner.runAll("close", [], () => {});
    assert.deepEqual(seen, ["close"]);
  });
});
