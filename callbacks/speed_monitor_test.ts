import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Callback, type CallbackLike, fit, fitDataset } from "keepfit";
import { CallbackList } from "../core/callback_list.ts";
import { SpeedMonitor } from "./speed_monitor.ts";
import { captured } from "./fixtures.ts";

/** A small model. */
function smallModel() {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: "adam", loss: "meanSquaredError" });
  return model;
}

/** Train on 10 rows in batches of 4; every batch takes a second, validation 5. */
async function trained(callbacks: CallbackLike[]) {
  let now = 0;
  const clock: CallbackLike = {
    onTrainBatchBegin: () => void (now += 1000),
    onTestBatchBegin: () => void (now += 5000),
  };
  const data = tf.zeros([10, 1]);
  const monitor = new SpeedMonitor({ now: () => now, verbose: 1 });
  let history: Record<string, number[]> = {};
  const { printed } = await captured(async () => {
    ({ history } = await fit(smallModel(), data, data, {
      batchSize: 4,
      epochs: 2,
      verbose: 0,
      validationData: [data, data],
      validationBatchSize: 10,
      callbacks: [clock, monitor, ...callbacks],
    }));
  });
  tf.dispose(data);
  return { printed, history };
}

describe("SpeedMonitor", () => {
  it("SpeedMonitor logs the speed of training, and the time of the epoch including validation", async () => {
    const { history, printed } = await trained([]);
    assert.deepEqual(history.steps_per_second, [1, 1]);
    assert.deepEqual(history.samples_per_second, [10 / 3, 10 / 3]);
    assert.deepEqual(history.epoch_seconds, [8, 8]);
    assert.equal(printed[1], "Epoch 2: 3.33 samples/s, 1 steps/s, 8 s");
  });

  it("SpeedMonitor counts the trained rows of an incomplete epoch", async () => {
    class Stop extends Callback {
      override onTrainBatchEnd() {
        this.model.stopTraining = true;
      }
    }
    const { history } = await trained([new Stop()]);
    assert.deepEqual(history.samples_per_second, [4]);
  });

  it("SpeedMonitor omits values that are unknown", async () => {
    const model = smallModel();
    const batches = function* () {
      for (let i = 0; i < 2; i++) yield { xs: tf.zeros([2, 1]), ys: tf.zeros([2, 1]) };
    };
    const callbacks = [new SpeedMonitor({ verbose: 1 })];
    let keys: string[] = [];
    const { printed } = await captured(async () => {
      const { history } = await fitDataset(model, batches, { epochs: 1, verbose: 0, callbacks });
      keys = Object.keys(history);
    });
    assert.deepEqual(keys, ["loss", "epoch_seconds", "steps_per_second"]);
    assert.match(printed[0], /^Epoch 1: [\d.e+]+ steps\/s, [\d.e-]+ s$/);
  });

  it("SpeedMonitor warns once when the number of tensors grows epoch by epoch", async () => {
    const left: tf.Tensor[] = [];
    const leak: CallbackLike = { onEpochEnd: () => void left.push(tf.scalar(1)) };
    const data = tf.zeros([4, 1]);
    const warnings = async (callbacks: CallbackLike[], epochs: number) => {
      const options = {
        epochs,
        verbose: 0 as const,
        callbacks: [...callbacks, new SpeedMonitor()],
      };
      return (await captured(() => fit(smallModel(), data, data, options))).warned;
    };
    const { numTensors } = tf.memory();
    const warned = await warnings([leak], 6);
    assert.equal(warned.length, 1);
    const [first, ...more] = warned[0].match(/\d+/g)!.map(Number);
    assert.ok(first > numTensors);
    assert.deepEqual(more, [first + 1, first + 2, first + 3]);
    assert.deepEqual(await warnings([leak], 3), []);
    assert.deepEqual(await warnings([], 6), []);
    tf.dispose([...left, data]);
  });

  it("SpeedMonitor queries a custom source, and restarts the count when the number falls", async () => {
    const counts = [1, 2, 3, 3, 4, 5, 2, 3, 4];
    const memory = () => ({ numTensors: counts.shift() ?? NaN, numBytes: 0 });
    const list = new CallbackList(new SpeedMonitor({ memory, leakPatience: 3 }));
    const { warned } = await captured(async () => {
      await list.onTrainBegin();
      for (let epoch = 0; epoch < 9; epoch++) await list.onEpochEnd(epoch, {});
    });
    assert.deepEqual(warned, []);
    assert.deepEqual(counts, []);
  });

  it("SpeedMonitor rejects invalid options", () => {
    assert.throws(() => new SpeedMonitor({ leakPatience: 0 }), RangeError);
    assert.throws(() => new SpeedMonitor({ memory: {} as never }), TypeError);
  });
});
