import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CallbackList } from "../core/callback_list.ts";
import { LambdaCallback } from "./lambda_callback.ts";
import { captured, drive, losses } from "./fixtures.ts";

describe("LambdaCallback", () => {
  it("LambdaCallback calls the functions as hooks, with the model in this", async () => {
    const seen: unknown[] = [];
    const model = { stopTraining: false };
    const callback = new LambdaCallback({
      onTrainBegin: () => seen.push("begin"),
      onEpochEnd(epoch, logs) {
        seen.push([epoch, logs.loss]);
        this.model.stopTraining = true;
      },
      onBatchEnd: (batch) => seen.push(batch),
      onTrainEnd: undefined,
      close: () => seen.push("closed"),
    });
    assert.equal(await drive(callback, losses(5, 4), { model, batches: 2 }), 1);
    assert.deepEqual(seen, ["begin", 0, 1, [0, 5], "closed"]);
  });

  it("LambdaCallback calls test and predict hooks", async () => {
    const seen: string[] = [];
    const list = new CallbackList(
      new LambdaCallback({
        onTestBegin: () => seen.push("test"),
        onPredictBegin: () => seen.push("predict"),
      }),
    );
    await list.onTestBegin();
    await list.onPredictBegin();
    assert.deepEqual(seen, ["test", "predict"]);
  });

  it("LambdaCallback calls only onTrainBatchEnd if onBatchEnd is also passed", async () => {
    const seen: string[] = [];
    const callback = new LambdaCallback({
      onBatchEnd: () => seen.push("older"),
      onTrainBatchEnd: () => seen.push("newer"),
    });
    await drive(callback, losses(1), { batches: 1 });
    assert.deepEqual(seen, ["newer"]);
  });

  it("LambdaCallback has only the passed hooks", () => {
    const list = new CallbackList(new LambdaCallback({ onEpochEnd: () => {} }));
    assert.equal(list.has("onEpochEnd"), true);
    assert.equal(list.has("onTrainBatchEnd"), false);
    assert.equal(new CallbackList(new LambdaCallback()).has("onEpochEnd"), false);
  });

  it("LambdaCallback suggests the nearest hook for an unknown name", () => {
    for (
      const [wrong, right] of [
        ["on_epoch_end", "onEpochEnd"],
        ["onEpochEnds", "onEpochEnd"],
        ["onTrainBatchStart", "onTrainBatchBegin"],
        ["closed", "close"],
      ]
    ) {
      assert.throws(() => new LambdaCallback({ [wrong]: () => {} }), {
        name: "TypeError",
        message: `Cannot create LambdaCallback with unknown hook '${wrong}': ` +
          `did you mean '${right}'?`,
      });
    }
    assert.throws(() => new LambdaCallback({ onEpochEnd: 3 as never }), TypeError);
    assert.throws(() => new LambdaCallback({ onError: "no" as never }), RangeError);
  });

  it("LambdaCallback uses the passed name and error policy", async () => {
    const failing = (onError: "throw" | "disable") =>
      new LambdaCallback({
        name: "mine",
        onError,
        onEpochEnd() {
          throw new Error("no");
        },
      });
    await assert.rejects(drive(failing("throw"), losses(1)), /Callback mine failed in onEpochEnd/);
    const list = new CallbackList(failing("disable"));
    await captured(() => list.onEpochEnd(0, {}));
    assert.equal(list.failures[0].policy, "disable");
  });
});
