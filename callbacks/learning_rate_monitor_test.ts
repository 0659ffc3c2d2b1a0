import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CallbackLike, fit, type Logs } from "keepfit";
import { setLearningRate } from "../core/model.ts";
import { LearningRateMonitor } from "./learning_rate_monitor.ts";
import { drive, losses } from "./fixtures.ts";

/** Train 2 epochs of 2 steps, halving the rate after each; returns the logs of a later callback. */
async function trained(monitor: LearningRateMonitor) {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: tf.train.sgd(1), loss: "meanSquaredError" });
  const data = tf.zeros([4, 1]);
  const batches: (number | undefined)[] = [];
  const halving: CallbackLike = {
    onTrainBatchEnd(_batch, logs) {
      batches.push(logs.learning_rate);
      setLearningRate(model.optimizer, model.optimizer.getConfig().learningRate as number / 2);
    },
  };
  const { history } = await fit(model, data, data, {
    batchSize: 2,
    epochs: 2,
    verbose: 0,
    callbacks: [monitor, halving],
  });
  tf.dispose(data);
  return { history, batches };
}

describe("LearningRateMonitor", () => {
  it("LearningRateMonitor adds the rate to the logs of each epoch", async () => {
    const { history, batches } = await trained(new LearningRateMonitor());
    assert.deepEqual(history.learning_rate, [1 / 4, 1 / 16]);
    assert.deepEqual(batches, [undefined, undefined, undefined, undefined]);
  });

  it('LearningRateMonitor adds the rate to the logs of each step with every: "step"', async () => {
    const { history, batches } = await trained(new LearningRateMonitor({ every: "step" }));
    assert.deepEqual(batches, [1, 1 / 2, 1 / 4, 1 / 8]);
    assert.deepEqual(history.learning_rate, [1 / 4, 1 / 16]);
  });

  it("LearningRateMonitor logs several optimizers by name", async () => {
    const optimizers = { generator: tf.train.adam(0.5), critic: tf.train.momentum(0.25, 0.9) };
    const seen: Logs[] = [];
    const reader = { onEpochEnd: (_epoch: number, logs: Logs) => void seen.push({ ...logs }) };
    await drive([new LearningRateMonitor({ optimizers }), reader], losses(1));
    assert.deepEqual(seen, [{ loss: 1, learning_rate_generator: 0.5, learning_rate_critic: 0.25 }]);
  });

  it("LearningRateMonitor fails before the first batch when there is no rate", async () => {
    for (const options of [{}, { optimizers: { critic: {} } }]) {
      const run = drive(new LearningRateMonitor(options), losses(1), {
        train: () => assert.fail("trained"),
      });
      await assert.rejects(run, /onTrainBegin.*Cannot read the learning rate/);
    }
    assert.throws(() => new LearningRateMonitor({ every: "batch" as never }), RangeError);
    assert.throws(() => new LearningRateMonitor({ optimizers: 1 as never }), TypeError);
  });
});
