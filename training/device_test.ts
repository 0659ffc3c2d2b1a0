import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import type { CallbackLike, History } from "keepfit";
import { compiledParts } from "../tfjs/compiled.ts";
import { type Engine, getEngine } from "../tfjs/engine.ts";
import { closing } from "./run.ts";
import { tensorSource } from "./data/tensor_source.ts";
import { trainLoop, type TrainOptions } from "./train_loop.ts";
import { furthest, tensorsLeft } from "./fixtures.ts";

// The same engine under another name, so that rows are gathered and values awaited as on a device.
const device: Engine = Object.create(getEngine(), { backendName: { value: "webgpu" } });
const x = tf.range(0, 10).reshape([10, 1]).div(10);
const y = x.mul(2);

/** Train with this engine like `fit`. */
async function train(engine: Engine, callbacks: CallbackLike[] = []): Promise<History> {
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "ones" })],
  });
  model.compile({
    optimizer: "sgd",
    loss: "meanSquaredError",
    metrics: ["mae", tf.metrics.r2Score],
  });
  const compiled = compiledParts(model, "fit");
  const batches = { batchSize: 3, shuffle: true, wraps: true, role: "training" };
  const source = await tensorSource(engine, compiled, x, y, batches);
  return await closing(source, async () => {
    const training = { model, engine, compiled, source, validation: source };
    const options: TrainOptions = { epochs: 2, verbose: 0, seed: 1, callbacks };
    try {
      return await trainLoop(training, options);
    } finally {
      model.dispose();
    }
  });
}

describe("A run on a device", () => {
  it("A run on a device has the same numbers as on the host, regardless of when callbacks read them", async () => {
    const expected = (await train(getEngine())).history;
    const lists: CallbackLike[][] = [
      [],
      [{ onTrainBatchEnd() {} }],
      [{ onTrainBatchEnd() {}, readsBatchLogs: (batch) => batch === 1 }],
    ];
    for (const callbacks of lists) {
      const { history } = await train(device, callbacks);
      assert.deepEqual(Object.keys(history), Object.keys(expected));
      for (const [key, values] of Object.entries(expected)) {
        assert(furthest(history[key], values) < 1e-6, key);
      }
    }
  });

  it("A run on a device leaks no tensor, even when a hook throws while values are on the device", async () => {
    assert.equal(await tensorsLeft(() => train(device)), 0);
    for (const hook of ["onTrainBatchBegin", "onTrainBatchEnd", "onTestBatchBegin", "onEpochEnd"]) {
      const callback = {
        readsBatchLogs: () => false,
        [hook](index: number) {
          if (index > 0) throw new Error("oh");
        },
      };
      const left = await tensorsLeft(() => assert.rejects(train(device, [callback]), /oh/));
      assert.equal(left, 0, hook);
    }
  });
});
