import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { trainSmall } from "keepfit/testing";
import { startChild } from "../tests/child.ts";

describe("trainSmall", () => {
  it("trainSmall gives the same result each time, for both tasks", async () => {
    for (const [task, metric] of [["regression", "val_mae"], ["classification", "val_accuracy"]]) {
      const runs = [];
      for (let run = 0; run < 2; run++) {
        const training = await trainSmall(tf, null, { task: task as "regression" });
        const { history } = training.history;
        assert.equal(history.loss[2] < history.loss[0], true);
        assert.equal(history[metric].length, 3);
        assert.equal(training.tensorsLeft, 0);
        training.dispose();
        runs.push(history.loss);
      }
      assert.deepEqual(runs[0], runs[1]);
    }
  });

  it("trainSmall counts tensors leaked by a callback, and disposes its own", async () => {
    const before = tf.memory().numTensors;
    const kept: tf.Tensor[] = [];
    const training = await trainSmall(tf, {
      onEpochEnd: () => void kept.push(tf.scalar(1)),
    }, { epochs: 2, rows: 32 });
    assert.equal(training.tensorsLeft, 2);
    training.dispose();
    tf.dispose(kept);
    const failing = {
      onEpochEnd() {
        throw new Error("intended");
      },
    };
    await assert.rejects(trainSmall(tf, failing, { rows: 32 }), /intended/);
    assert.equal(tf.memory().numTensors, before);
  });

  // As in tests of plugins and `keepfit dev`, where tfjs prints its banner with the first tensor.
  it("trainSmall prints nothing, and keeps the current backend", async () => {
    const testing = String(new URL("./mod.ts", import.meta.url));
    const { stdout, stderr } = await startChild(`
      import * as tf from ${JSON.stringify(import.meta.resolve("@tensorflow/tfjs"))};
      import { trainSmall } from ${JSON.stringify(testing)};
      const training = await trainSmall(tf, null, { epochs: 1, rows: 32 });
      console.log(tf.getBackend(), training.history.epoch.length);
    `).result;
    assert.equal(stdout, "cpu 1\n", stderr);
    assert.equal(stderr.includes("Hi, looks like"), false, stderr);
  });
});
