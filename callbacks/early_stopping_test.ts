import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CallbackList } from "../core/callback_list.ts";
import type { Logs } from "../core/logs.ts";
import { EarlyStopping, type EarlyStoppingOptions } from "./early_stopping.ts";
import { captured, drive, losses } from "./fixtures.ts";

/** Values of `wait` after each epoch, and the final state. */
async function watch(options: EarlyStoppingOptions, values: number[]) {
  const stopping = new EarlyStopping({ monitor: "loss", ...options });
  const waits: number[] = [];
  await drive([stopping, { onEpochEnd: () => waits.push(stopping.wait) }], losses(...values));
  return { waits, stopped: stopping.stoppedEpoch, best: stopping.bestEpoch };
}

/** A model with one weight, which "training" sets to the number of the epoch. */
function numberedModel() {
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 1, inputShape: [1], useBias: false })],
  });
  model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
  const train = (epoch: number) => tf.tidy(() => model.setWeights([tf.tensor2d([[epoch]])]));
  return { model, train, weight: () => model.getWeights()[0].dataSync()[0] };
}

describe("EarlyStopping", () => {
  it("EarlyStopping counts epochs without improvement like Keras", async () => {
    // options, values -> wait after each epoch, stoppedEpoch, bestEpoch
    const table: [EarlyStoppingOptions, number[], number[], number, number][] = [
      [{}, [5, 5], [0, 1], 1, 0],
      [{}, [5, 6, 7], [0, 1], 1, 0],
      [{ patience: 1 }, [5, 6, 7], [0, 1], 1, 0],
      [{ patience: 5 }, [5, 4, 6], [0, 0, 1], 0, 1],
      [{ patience: 2, startFromEpoch: 2 }, [9, 1, 2, 3, 4], [0, 0, 0, 1, 2], 4, 2],
      [{ patience: 2, baseline: 0.5 }, [1, .9, .8, .7, .6], [1, 2, 3, 4, 5], 0, 4],
      [{ patience: 1, baseline: 0.5 }, [1, 1, 1], [1, 2], 1, 0],
      [{ patience: 2, minDelta: 0.1 }, [1, .95, .9, .9], [0, 1, 2], 2, 0],
      [{ patience: 2, minDelta: -0.1 }, [1, .95, .9, .9], [0, 1, 2], 2, 0],
      [{ patience: 2 }, [3, NaN, 2, 2, 2, 2], [0, 1, 0, 1, 2], 4, 2],
      [{}, [NaN, 1], [1, 0], 0, 1],
      [{ mode: "max", patience: 1 }, [1, 2, 2], [0, 0, 1], 2, 1],
    ];
    for (const [options, values, waits, stopped, best] of table) {
      assert.deepEqual(
        await watch(options, values),
        { waits, stopped, best },
        `${JSON.stringify(options)} ${values}`,
      );
    }
  });

  it("EarlyStopping stops max(patience, 1) epochs after the best one", async () => {
    const values = [10, 9, 8, 9, 8.9, 8.8, 8.7, 8.6, 8.5];
    for (const [patience, stopped] of [[0, 3], [1, 3], [2, 4], [3, 5]]) {
      assert.equal((await watch({ patience }, values)).stopped, stopped);
    }
  });

  it("EarlyStopping stops when any monitor runs out of patience, and names it", async () => {
    const stopping = new EarlyStopping({
      monitor: ["val_loss", "val_accuracy", "loss"],
      patience: 2,
      verbose: 1,
    });
    const epochs = [
      { loss: 3, val_loss: 3, val_accuracy: 0.5 },
      { loss: 2, val_loss: 2, val_accuracy: 0.5 },
      { loss: 1, val_loss: 1, val_accuracy: 0.4 },
      { loss: 0, val_loss: 0, val_accuracy: 0.4 },
    ];
    const { printed } = await captured(async () => assert.equal(await drive(stopping, epochs), 3));
    assert.deepEqual(stopping.stoppedBy, ["val_accuracy"]);
    assert.deepEqual(printed, ["Epoch 3: early stopping by val_accuracy"]);
    assert.equal(stopping.monitor, "val_loss");
    assert.deepEqual([stopping.best, stopping.bestEpoch, stopping.wait], [1, 2, 0]);
  });

  it('EarlyStopping waits for all monitors with stopWhen: "all"', async () => {
    const stopping = new EarlyStopping({ monitor: ["a_loss", "b_loss"], stopWhen: "all" });
    const epochs = [[5, 5], [6, 4], [4, 6], [4, 3], [4, 4], [0, 0]]
      .map(([a_loss, b_loss]) => ({ a_loss, b_loss }));
    assert.equal(await drive(stopping, epochs), 5);
    assert.deepEqual(stopping.stoppedBy, ["a_loss", "b_loss"]);
  });

  it("EarlyStopping remembers that a monitor ran out of patience if its value is missing later", async () => {
    const stopping = new EarlyStopping({ monitor: ["loss", "val_loss"], stopWhen: "all" });
    // Validation every second epoch: val_loss has run out at epoch 3, loss does at epoch 4.
    const epochs = [
      { loss: 9 },
      { loss: 8, val_loss: 5 },
      { loss: 7 },
      { loss: 6, val_loss: 5 },
      { loss: 6 },
      { loss: 5 },
    ];
    await captured(async () => assert.equal(await drive(stopping, epochs), 5));
    assert.deepEqual(stopping.stoppedBy, ["loss", "val_loss"]);
  });

  it("EarlyStopping gives each of several monitors its own options", async () => {
    const stopping = new EarlyStopping({
      monitor: [
        { monitor: "score", mode: "max", patience: 9, minDelta: 0.5 },
        { monitor: "loss", baseline: 2 },
      ],
      patience: 3,
    });
    const epochs = [9, 8, 7, 6, 6].map((loss) => ({ loss, score: 1 }));
    assert.equal(await drive(stopping, epochs), 5);
    assert.deepEqual(stopping.stoppedBy, ["loss"]);
    assert.deepEqual([stopping.patience, stopping.minDelta, stopping.mode], [9, 0.5, "max"]);
  });

  it("EarlyStopping restores the best weights according to the first monitor", async () => {
    const { model, train, weight } = numberedModel();
    const stopping = new EarlyStopping({
      monitor: ["loss", "mae"],
      patience: 2,
      restoreBestWeights: true,
    });
    const epochs = [[3, 1], [1, 2], [2, 3], [0, 0]].map(([loss, mae]) => ({ loss, mae }));
    await drive(stopping, epochs, { model, train });
    assert.deepEqual(stopping.stoppedBy, ["mae"]);
    assert.equal(weight(), 1);
  });

  it("EarlyStopping monitors the result of a function", async () => {
    const gap = (logs: Logs) => logs.val_loss - logs.loss;
    const stopping = new EarlyStopping({ monitor: gap, mode: "min", patience: 2 });
    const epochs = [[1, 2], [.5, 1], [.4, 1], [.3, 1], [.2, .2]]
      .map(([loss, val_loss]) => ({ loss, val_loss }));
    assert.equal(await drive(stopping, epochs), 4);
    assert.deepEqual([stopping.best, stopping.stoppedBy], [0.5, ["gap"]]);
    await assert.rejects(
      drive(new EarlyStopping({ monitor: gap }), losses(1), { params: { metrics: ["loss"] } }),
      /onTrainBegin.*'gap': set mode to "min" or "max"/,
    );
  });

  it('EarlyStopping measures minDelta relative to the best value with minDeltaMode: "relative"', async () => {
    const relative = { minDelta: 0.1, minDeltaMode: "relative", patience: 9 } as const;
    assert.deepEqual((await watch(relative, [100, 91, 89, 81, 80])).waits, [0, 1, 0, 1, 0]);
    const { waits } = await watch({ ...relative, mode: "max" }, [-100, -91, -89]);
    assert.deepEqual(waits, [0, 1, 0]);
  });

  it("EarlyStopping continues from a state with several monitors", async () => {
    const make = () => new EarlyStopping({ monitor: ["a_loss", "b_loss"], patience: 3 });
    const first = make();
    await drive(first, [{ a_loss: 2, b_loss: 1 }, { a_loss: 1, b_loss: 2 }]);
    const second = make();
    second.setState(structuredClone(await first.getState()));
    const epochs = [{ a_loss: 0, b_loss: 1.5 }, { a_loss: -1, b_loss: 1 }, { a_loss: -2 }];
    assert.equal(await drive(second, epochs), 2);
    assert.deepEqual(second.stoppedBy, ["b_loss"]);
  });

  it("EarlyStopping never counts NaN as an improvement, and as the best value only with nanIsFirstBest", async () => {
    assert.deepEqual((await watch({ patience: 2 }, [NaN, 1, .5])).waits, [1, 0, 0]);
    // Epoch 0 never ends training, even without an improvement.
    assert.equal((await watch({}, [NaN, 1, .5])).stopped, 0);
    const parity = await watch({ patience: 2, nanIsFirstBest: true }, [NaN, 1, .5]);
    assert.deepEqual(parity, { waits: [0, 1, 2], stopped: 2, best: 0 });
  });

  it("EarlyStopping warns once per run about a missing value, lists the keys, and lets training continue", async () => {
    const stopping = new EarlyStopping();
    let ran = 0;
    const watchNothing = () =>
      captured(async () => {
        ran = await drive(stopping, [1, 2, 3].map((loss) => ({ loss, mae: loss })));
      });
    const { warned } = await watchNothing();
    assert.equal(ran, 3);
    assert.equal(stopping.wait, 0);
    assert.deepEqual((await watchNothing()).warned, warned);
    assert.equal(warned.length, 1);
    assert.match(warned[0], /'val_loss'.*loss,mae/);
  });

  it("EarlyStopping restores the best weights regardless of which callback stopped training", async () => {
    const table: [EarlyStoppingOptions, number[], number, number][] = [
      [{ patience: 2 }, [.2, .15, .1, .11, .12, .1], 5, 2],
      [{ patience: 5, baseline: .5 }, [.9, .8, .7, .71, .72, .73, .74], 5, 2],
      [{ patience: 9 }, [.3, .2, .25], 3, 1],
      [{ patience: 2, startFromEpoch: 2 }, [9, 1, 2, 3, 4, 5], 5, 2],
    ];
    for (const [options, values, epochs, weights] of table) {
      const { model, train, weight } = numberedModel();
      const stopping = new EarlyStopping({ monitor: "loss", restoreBestWeights: true, ...options });
      assert.equal(await drive(stopping, losses(...values), { model, train }), epochs);
      assert.equal(weight(), weights);
    }
    const { model, train, weight } = numberedModel();
    const stopping = new EarlyStopping({ monitor: "loss", restoreBestWeights: true, patience: 9 });
    const other = { onEpochEnd: (epoch: number) => void (model.stopTraining = epoch === 3) };
    await drive([stopping, other], losses(.9, .8, .7, .71, .72), { model, train });
    assert.equal(weight(), 2);
  });

  it("EarlyStopping restores the first monitored epoch when no epoch is an improvement", async () => {
    const { model, train, weight } = numberedModel();
    const stopping = new EarlyStopping({ monitor: "loss", restoreBestWeights: true, patience: 3 });
    await drive(stopping, losses(NaN, NaN, NaN), { model, train });
    assert.equal(weight(), 0);
    assert.equal(stopping.stoppedEpoch, 2);
  });

  it("EarlyStopping leaks no tensor, even when training fails", async () => {
    const { model, train } = numberedModel();
    const stopping = new EarlyStopping({ monitor: "loss", restoreBestWeights: true, patience: 9 });
    const before = tf.memory().numTensors;
    await drive(stopping, losses(3, 2, 1), { model, train });
    assert.equal(tf.memory().numTensors, before);
    const failing = { onEpochEnd: (epoch: number) => assert.equal(epoch, 0) };
    await assert.rejects(drive([stopping, failing], losses(3, 2, 1), { model, train }));
    assert.equal(tf.memory().numTensors, before);
  });

  it("EarlyStopping resets in each run", async () => {
    const stopping = new EarlyStopping({ monitor: "loss" });
    await drive(stopping, losses(1, 2));
    assert.equal(stopping.stoppedEpoch, 1);
    assert.equal(await drive(stopping, losses(9, 8, 7)), 3);
    assert.deepEqual([stopping.best, stopping.stoppedEpoch, stopping.bestEpoch], [7, 0, 2]);
  });

  it("EarlyStopping prints 1-based epochs only when verbose", async () => {
    const say = async (verbose: number) => {
      const { model, train } = numberedModel();
      const options = { monitor: "loss", restoreBestWeights: true, verbose };
      return await captured(() =>
        drive(new EarlyStopping(options), losses(1, 2), { model, train })
      );
    };
    assert.deepEqual((await say(1)).printed, [
      "Epoch 2: early stopping",
      "Restoring model weights from the end of the best epoch: 1.",
    ]);
    assert.deepEqual((await say(0)).printed, []);
  });

  it("EarlyStopping continues from a state as if uninterrupted, even before it has a model", async () => {
    const options = { monitor: "loss", restoreBestWeights: true, patience: 3 };
    const first = numberedModel();
    const list = new CallbackList(new EarlyStopping(options), { model: first.model });
    await list.onTrainBegin();
    for (const [epoch, loss] of [3, 1, 2].entries()) {
      first.train(epoch);
      await list.onEpochEnd(epoch, { loss });
    }
    const state = structuredClone(await list.getState());
    await list.close();

    const second = numberedModel();
    const stopping = new EarlyStopping(options);
    stopping.setState(Object.values(state)[0]);
    const resumed = new CallbackList(stopping, { model: second.model });
    await resumed.onTrainBegin();
    assert.deepEqual(await resumed.getState(), state);
    for (const epoch of [3, 4]) {
      second.train(epoch);
      await resumed.onEpochEnd(epoch, { loss: 2 });
    }
    assert.equal(stopping.stoppedEpoch, 4);
    const before = tf.memory().numTensors;
    await resumed.onTrainEnd();
    assert.equal(tf.memory().numTensors, before);
    assert.equal(second.weight(), 1);
    await resumed.onTrainBegin();
    assert.equal(stopping.best, undefined);
    await resumed.close();
  });

  it("EarlyStopping fails before the first batch without a direction, or without weights to restore", async () => {
    const run = (monitor: string, mode?: "max") =>
      drive(new EarlyStopping({ monitor, mode }), [{ loss: 1, score: 1 }], {
        params: { metrics: ["loss", "score"] },
        train: () => assert.fail("trained"),
      });
    await assert.rejects(
      run("score"),
      /onTrainBegin.*'score'.*mode to "min" or "max".*loss, score/,
    );
    await assert.rejects(run("score", "max"), /trained/);
    await assert.rejects(run("loss"), /trained/);
    const restoring = new EarlyStopping({ monitor: "loss", restoreBestWeights: true });
    await assert.rejects(drive(restoring, losses(1)), /onTrainBegin.*must have getWeights/);
  });

  it("EarlyStopping rejects invalid options", async () => {
    assert.throws(() => new EarlyStopping({ patience: -1 }), {
      name: "RangeError",
      message: "Cannot create EarlyStopping with patience -1: patience must be a whole number >= 0",
    });
    assert.throws(() => new EarlyStopping({ patience: NaN }), RangeError);
    assert.throws(() => new EarlyStopping({ patience: "3" as never }), TypeError);
    assert.throws(() => new EarlyStopping({ minDelta: Infinity }), RangeError);
    assert.throws(() => new EarlyStopping({ startFromEpoch: -1 }), RangeError);
    assert.throws(() => new EarlyStopping({ onError: "never" as never }), RangeError);
    assert.throws(() => new EarlyStopping({ monitor: [] }), /at least one/);
    assert.throws(() => new EarlyStopping({ monitor: ["loss", null as never] }), TypeError);
    assert.throws(() => new EarlyStopping({ monitor: [["loss"] as never] }), TypeError);
    assert.throws(() => new EarlyStopping({ monitor: ["a", { monitor: "b", patience: -1 }] }), {
      message: "Cannot create EarlyStopping with patience -1: patience must be a whole number >= 0",
    });
    assert.throws(() => new EarlyStopping({ stopWhen: "one" as never }), RangeError);
    assert.throws(() => new EarlyStopping({ minDeltaMode: "percent" as never }), RangeError);
    const { warned } = await captured(() =>
      new EarlyStopping({ restore_best_weights: true } as EarlyStoppingOptions)
    );
    assert.match(warned[0], /no option 'restore_best_weights'.*'restoreBestWeights'/);
  });
});
