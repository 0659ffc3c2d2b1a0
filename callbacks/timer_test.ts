import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fit } from "keepfit";
import { CallbackList } from "../core/callback_list.ts";
import { captured, drive, losses } from "./fixtures.ts";
import { Timer, type TimerOptions } from "./timer.ts";

/** A clock that advances by `seconds` with each batch of a run. */
function clock(seconds: number) {
  let now = 5000;
  return { now: () => now, tick: () => void (now += seconds * 1000) };
}

/** Number of completed batches and epochs, of 3 epochs with 4 batches of 10 seconds. */
async function run(options: TimerOptions) {
  const { now, tick } = clock(10);
  const timer = new Timer({ now, verbose: 0, ...options });
  let batches = 0;
  const counting = { onTrainBatchBegin: () => void (tick(), batches++) };
  const epochs = await drive([counting, timer], losses(1, 1, 1), { batches: 4 });
  return { timer, batches, epochs };
}

describe("Timer", () => {
  it("Timer stops training after the batch in which the time ends", async () => {
    const { timer, batches, epochs } = await run({ seconds: 45 });
    assert.deepEqual([batches, epochs, timer.hasStopped], [5, 2, true]);
    assert.deepEqual([timer.elapsed, timer.remaining], [50, 0]);
  });

  it('Timer lets the epoch end with every: "epoch"', async () => {
    const { batches, epochs, timer } = await run({ seconds: 45, every: "epoch" });
    assert.deepEqual([batches, epochs], [8, 2]);
    assert.equal(timer.onTrainBatchEnd, undefined);
  });

  it("Timer adds seconds, minutes and hours, and is silent before the limit", async () => {
    const { timer, batches } = await run({ seconds: 1, minutes: 1, hours: 1 });
    assert.deepEqual([timer.budget, batches, timer.hasStopped], [3661, 12, false]);
    assert.equal(timer.remaining, 3541);
  });

  it("Timer checks the clock after validation as well", async () => {
    const { now, tick } = clock(30);
    const timer = new Timer({ minutes: 1, verbose: 0, now });
    const epochs = await drive(timer, losses(1, 1, 1, 1), { batches: 1, train: tick });
    assert.equal(epochs, 2);
  });

  it("Timer prints that it stopped training, unless verbose is 0", async () => {
    const say = async (options: TimerOptions) => (await captured(() => run(options))).printed;
    assert.deepEqual(await say({ seconds: 65, verbose: 1 }), [
      "Epoch 2: Timer stopped training after 1 min 10 s, the limit is 1 min 5 s",
    ]);
    assert.deepEqual(await say({ seconds: 5, verbose: true }), [
      "Epoch 1: Timer stopped training after 10 s, the limit is 5 s",
    ]);
    assert.deepEqual(await say({ hours: 1, verbose: 1 }), []);
    assert.deepEqual(await say({ seconds: 5 }), []);
  });

  it("Timer continues with the time of an earlier run, and resets without a state", async () => {
    const { timer } = await run({ seconds: 35 });
    const state = structuredClone(timer.getState());
    assert.deepEqual(state, { elapsed: 40 });
    const { now, tick } = clock(10);
    const resumed = new Timer({ seconds: 65, now, verbose: 0 });
    resumed.setState(state);
    let batches = 0;
    const counting = { onTrainBatchBegin: () => void (tick(), batches++) };
    await drive([counting, resumed], losses(1), { batches: 9 });
    assert.deepEqual([resumed.elapsed, batches], [70, 3]);
    await drive([counting, resumed], losses(1), { batches: 9 });
    assert.deepEqual([resumed.elapsed, batches], [70, 3 + 7]);

    // The state is restored after the run has begun.
    const list = new CallbackList(resumed, { model: {} });
    await list.onTrainBegin();
    tick();
    await list.setState({ Timer: { elapsed: 60 } });
    tick();
    assert.equal(resumed.elapsed, 70);
  });

  it("Timer stops real training by the real clock", async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    const data = tf.zeros([8, 1]);
    const callbacks = [new Timer({ seconds: 0, verbose: 0 })];
    const history = await fit(model, data, data, {
      batchSize: 1,
      epochs: 9,
      verbose: 0,
      callbacks,
    });
    assert.deepEqual(history.epoch, [0]);
    assert.equal((model.optimizer as unknown as { iterations: number }).iterations, 1);
    tf.dispose(data);
  });

  it("Timer rejects a missing or negative time", () => {
    assert.throws(() => new Timer({}), {
      name: "TypeError",
      message: "Cannot create Timer without a time: set seconds, minutes or hours",
    });
    assert.throws(() => new Timer({ minutes: -1 }), RangeError);
    assert.throws(() => new Timer({ hours: "1" as never }), TypeError);
    assert.throws(() => new Timer({ hours: 1, every: "batch" as never }), RangeError);
  });
});
