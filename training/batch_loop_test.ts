import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { forEachBatch } from "./batch_loop.ts";
import type { Batch, BatchIterator } from "./data/data.ts";
import { EventLoopYield } from "./event_loop_yield.ts";

/** Batches of 1, 2, ... rows, and a record of their use. */
function batchesOf(count: number, isLate = false) {
  const seen: string[] = [];
  let given = 0;
  const next = (): Batch | null => {
    if (given === count) return null;
    const size = ++given;
    return { xs: [], ys: [], weights: [], size, dispose: () => void seen.push(`dispose ${size}`) };
  };
  const batches: BatchIterator = {
    next: () => isLate ? Promise.resolve(next()) : next(),
    close: () => void seen.push("close"),
  };
  const handlers = {
    begin: (index: number): void | Promise<void> => void seen.push(`begin ${index}`),
    step: (batch: Batch): void | Promise<void> => void seen.push(`step ${batch.size}`),
    end: (index: number): void | Promise<void> => void seen.push(`end ${index}`),
    isStopped: () => false,
  };
  return { seen, batches, handlers };
}

const eventLoop = () => new EventLoopYield({ yieldEvery: "never" });

describe("forEachBatch", () => {
  it("forEachBatch runs each batch and disposes it before the end hook, with or without promises", async () => {
    for (const isLate of [false, true]) {
      const { seen, batches, handlers } = batchesOf(2, isLate);
      await forEachBatch(batches, eventLoop(), handlers, { firstBatch: 5 });
      assert.deepEqual(seen, [
        ...["begin 5", "step 1", "dispose 1", "end 5"],
        ...["begin 6", "step 2", "dispose 2", "end 6"],
        "close",
      ]);
    }
  });

  it("forEachBatch calls the hooks at the begin and the end of an execution", async () => {
    for (const isLate of [false, true]) {
      const { seen, batches, handlers } = batchesOf(5, isLate);
      await forEachBatch(batches, eventLoop(), handlers, { stepsPerExecution: 2 });
      const hooks = seen.filter((one) => /begin|end/.test(one));
      assert.deepEqual(hooks, ["begin 0", "end 1", "begin 2", "end 3", "begin 4", "end 4"]);
      assert.equal(seen.filter((one) => one.startsWith("step")).length, 5);
    }
  });

  it("forEachBatch has the same executions from a later batch", async () => {
    const { seen, batches, handlers } = batchesOf(5);
    const options = { firstBatch: 3, stepsPerExecution: 3 };
    await forEachBatch(batches, eventLoop(), handlers, options);
    const hooks = seen.filter((one) => /begin|end/.test(one));
    assert.deepEqual(hooks, ["begin 3", "end 5", "begin 6", "end 7"]);
  });

  it("forEachBatch ends after the execution in which it is stopped or aborted", async () => {
    for (const isAborted of [false, true]) {
      const { seen, batches, handlers } = batchesOf(9);
      const controller = new AbortController();
      let isStopped = false;
      const run = forEachBatch(batches, new EventLoopYield({ signal: controller.signal }), {
        ...handlers,
        step(batch) {
          handlers.step(batch);
          if (isAborted) controller.abort();
          else isStopped = true;
        },
        isStopped: () => isStopped,
      }, { stepsPerExecution: 4 });
      await (isAborted ? assert.rejects(run, { name: "AbortError" }) : run);
      assert.deepEqual(seen.slice(-3), ["dispose 4", "end 3", "close"]);
    }
  });

  it("forEachBatch awaits the promise of a handler", async () => {
    const { seen, batches, handlers } = batchesOf(1);
    const late = (name: string) => async () => {
      await new Promise<void>((resolve) => setTimeout(resolve));
      seen.push(`late ${name}`);
    };
    const handlersOfLate = { begin: late("begin"), step: late("step"), end: late("end") };
    await forEachBatch(batches, eventLoop(), { ...handlers, ...handlersOfLate });
    assert.deepEqual(seen, ["late begin", "late step", "dispose 1", "late end", "close"]);
  });

  it("forEachBatch ends after the batch in which it is stopped", async () => {
    const { seen, batches, handlers } = batchesOf(3);
    await forEachBatch(batches, eventLoop(), {
      ...handlers,
      end: undefined,
      isStopped: () => true,
    });
    assert.deepEqual(seen, ["begin 0", "step 1", "dispose 1", "close"]);
  });

  it("forEachBatch disposes the batch and closes the data when a handler fails", async () => {
    for (const hook of ["begin", "step"]) {
      const { seen, batches, handlers } = batchesOf(3);
      const failing = () => {
        throw new Error("oh");
      };
      const run = forEachBatch(batches, eventLoop(), { ...handlers, [hook]: failing });
      await assert.rejects(run, /oh/);
      assert.deepEqual(seen.slice(-2), ["dispose 1", "close"]);
    }
  });
});
