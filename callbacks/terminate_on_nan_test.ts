import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TerminateOnNaN } from "./terminate_on_nan.ts";
import { captured, drive, losses } from "./fixtures.ts";

describe("TerminateOnNaN", () => {
  it("TerminateOnNaN stops training after the bad batch, and the epoch still ends", async () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      const hooks: string[] = [];
      const spy = {
        onTrainBatchEnd: (batch: number) => hooks.push(`batch ${batch}`),
        onEpochEnd: () => hooks.push("epoch"),
        onTrainEnd: () => hooks.push("end"),
      };
      const { printed } = await captured(() =>
        drive([new TerminateOnNaN(), spy], losses(1, bad, 1), { batches: 2 })
      );
      assert.deepEqual(hooks, ["batch 0", "batch 1", "epoch", "batch 0", "epoch", "end"]);
      assert.deepEqual(printed, ["Batch 0: Invalid loss, terminating training"]);
    }
  });

  it("TerminateOnNaN throws with raiseError, and no train end follows", async () => {
    const hooks: string[] = [];
    const spy = { onTrainEnd: () => hooks.push("end"), onEpochEnd: () => hooks.push("epoch") };
    await assert.rejects(
      drive([new TerminateOnNaN({ raiseError: true }), spy], losses(NaN), { batches: 2 }),
      (error: Error) => {
        assert(error.cause instanceof RangeError);
        assert.match(error.cause.message, /batch 0: NaN or Inf loss encountered, loss is NaN/);
        return true;
      },
    );
    assert.deepEqual(hooks, []);
  });

  it("TerminateOnNaN checks only the training loss", async () => {
    const logs = [{ mae: NaN, val_loss: NaN }, { loss: 1, mae: NaN }];
    for (const raiseError of [true, false]) {
      assert.equal(await drive(new TerminateOnNaN({ raiseError }), logs, { batches: 2 }), 2);
    }
  });

  it("TerminateOnNaN rejects an option of the wrong type", () => {
    assert.throws(() => new TerminateOnNaN({ raiseError: 1 as never }), TypeError);
  });
});
