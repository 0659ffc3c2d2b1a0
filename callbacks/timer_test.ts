import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fit } from "keepfit";
import { CallbackList } from "../core/callback_list.ts";
import { drive, heard, losses } from "./fixtures.ts";
import { Timer, type TimerOptions } from "./timer.ts";

/** A clock that a run sets itself: `seconds` for each batch. */
function clock(seconds: number) {
  let now = 5000;
  return { now: () => now, tick: () => void (now += seconds * 1000) };
}

/** How many batches and epochs run, of 3 epochs with 4 batches of 10 seconds. */
async function run(options: TimerOptions) {
  const { now, tick } = clock(10);
  const timer = new Timer({ now, verbose: 0, ...options });
  let batches = 0;
  const counting = { onTrainBatchBegin: () => void (tick(), batches++) };
  const epochs = await drive([counting, timer], losses(1, 1, 1), { batches: 4 });
  return { timer, batches, epochs };
}

describe("Timer", () => {
  it("ends training after the batch in which the time is up", async () => {
    const { timer, batches, epochs } = await run({ seconds: 45 });
    assert.deepEqual([batches, epochs, timer.hasStopped], [5, 2, true]);
    assert.deepEqual([timer.elapsed, timer.remaining], [50, 0]);
  });

  it("lets the epoch end when asked to", async () => {
    const { batches, epochs, timer } = await run({ seconds: 45, every: "epoch" });
    assert.deepEqual([batches, epochs], [8, 2]);
    assert.equal(timer.onTrainBatchEnd, undefined);
  });

  it("adds up seconds, minutes and hours, and stays silent while there is time", async () => {
    const { timer, batches } = await run({ seconds: 1, minutes: 1, hours: 1 });
    assert.deepEqual([timer.budget, batches, timer.hasStopped], [3661, 12, false]);
    assert.equal(timer.remaining, 3541);
  });

  it("looks at the clock after validation too", async () => {
    const { now, tick } = clock(30);
    const timer = new Timer({ minutes: 1, verbose: 0, now });
    const epochs = await drive(timer, losses(1, 1, 1, 1), { batches: 1, train: tick });
    assert.equal(epochs, 2);
  });

  it("says that it ended training unless told not to", async () => {
    const say = async (options: TimerOptions) => (await heard(() => run(options))).printed;
    assert.deepEqual(await say({ seconds: 65, verbose: 1 }), [
      "Epoch 2: Timer ended training after 1 min 10 s, it may take 1 min 5 s",
    ]);
    assert.deepEqual(await say({ seconds: 5, verbose: true }), [
      "Epoch 1: Timer ended training after 10 s, it may take 5 s",
    ]);
    assert.deepEqual(await say({ hours: 1, verbose: 1 }), []);
    assert.deepEqual(await say({ seconds: 5 }), []);
  });

  it("has what an earlier run left, and starts anew without a state", async () => {
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

    // A state that comes when the run has begun.
    const list = new CallbackList(resumed, { model: {} });
    await list.onTrainBegin();
    tick();
    await list.setState({ Timer: { elapsed: 60 } });
    tick();
    assert.equal(resumed.elapsed, 70);
  });

  it("ends a real training by the real clock", async () => {
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

  it("refuses no time, and less than none", () => {
    assert.throws(() => new Timer({}), {
      name: "TypeError",
      message: "Cannot create Timer with no time: seconds, minutes or hours must be given",
    });
    assert.throws(() => new Timer({ minutes: -1 }), RangeError);
    assert.throws(() => new Timer({ hours: "1" as never }), TypeError);
    assert.throws(() => new Timer({ hours: 1, every: "batch" as never }), RangeError);
  });
});
