import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BackupAndRestore, fit, getOptimizerState, setOptimizerState } from "keepfit";
import { History } from "../core/history.ts";
import { getLearningRate } from "../core/model.ts";
import { type FileSystem, memoryFileSystem } from "../runtime/mod.ts";
import { LearningRateScheduler } from "./learning_rate_scheduler.ts";
import { captured, drive, losses } from "./fixtures.ts";

/** A model with a rate of 0.5, and four rows for it. */
function smallModel() {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: tf.train.sgd(0.5), loss: "meanSquaredError" });
  return { model, data: tf.zeros([4, 1]) };
}

describe("LearningRateScheduler", () => {
  it("LearningRateScheduler passes the 0-based epoch and the current rate to the schedule", async () => {
    const model = { optimizer: tf.train.adam(0.03) };
    const seen: number[][] = [];
    const schedule = (epoch: number, rate: number) => {
      seen.push([epoch, rate]);
      return rate / 2;
    };
    await drive(new LearningRateScheduler(schedule), losses(1, 1), { model });
    assert.deepEqual(seen, [[0, 0.03], [1, 0.015]]);
    assert.equal(getLearningRate(model), 0.0075);
  });

  it("LearningRateScheduler affects the next update with both kinds of optimizers", async () => {
    for (const make of [tf.train.sgd, tf.train.adam]) {
      const optimizer = make(0.5);
      const weight = tf.variable(tf.scalar(1));
      await drive(new LearningRateScheduler(() => 0), losses(1), {
        model: { optimizer },
        train: () => optimizer.minimize(() => weight.square()),
      });
      assert.equal(weight.dataSync()[0], 1);
    }
  });

  it("LearningRateScheduler adds the rate to the epoch logs for later callbacks", async () => {
    const model = { optimizer: tf.train.sgd(1) };
    const before: string[][] = [];
    const history = new History();
    await drive(
      [
        { onEpochEnd: (_epoch: number, logs: object) => before.push(Object.keys(logs)) },
        new LearningRateScheduler(() => 0.5),
        history,
      ],
      losses(1, 1),
      { model },
    );
    assert.deepEqual(history.history, { loss: [1, 1], learning_rate: [0.5, 0.5] });
    assert.deepEqual(before, [["loss"], ["loss"]]);
  });

  it("LearningRateScheduler prints the 1-based epoch and the rate only when verbose", async () => {
    const say = async (verbose: boolean) => {
      const scheduler = new LearningRateScheduler((epoch) => [1, 1e-5][epoch], { verbose });
      const model = { optimizer: tf.train.sgd(1) };
      return (await captured(() => drive(scheduler, losses(1, 1), { model }))).printed;
    };
    assert.deepEqual(await say(true), [
      "\nEpoch 1: LearningRateScheduler setting learning rate to 1.0.",
      "\nEpoch 2: LearningRateScheduler setting learning rate to 1e-05.",
    ]);
    assert.deepEqual(await say(false), []);
  });

  it("LearningRateScheduler sets the rate of each step, counted across epochs", async () => {
    const { model, data } = smallModel();
    const seen: number[][] = [];
    const schedule = (step: number, rate: number) => {
      seen.push([step, rate]);
      return (step + 1) / 8;
    };
    const callbacks = [new LearningRateScheduler(schedule, { every: "step" })];
    const options = { batchSize: 2, epochs: 2, verbose: 0 as const, callbacks };
    const { history } = await fit(model, data, data, options);
    assert.deepEqual(seen, [[0, 0.5], [1, 1 / 8], [2, 2 / 8], [3, 3 / 8]]);
    assert.deepEqual(history.learning_rate, [2 / 8, 4 / 8]);
    await fit(model, data, data, { ...options, epochs: 1 });
    assert.deepEqual(seen.slice(4), [[4, 4 / 8], [5, 5 / 8]]);
  });

  it("LearningRateScheduler continues the count from the optimizer's state, even within an epoch", async () => {
    const before = smallModel();
    const { data } = before;
    const options = { batchSize: 1, verbose: 0 as const };
    await fit(before.model, data, data, { ...options, stepsPerEpoch: 3 });
    const { model } = smallModel();
    setOptimizerState(model, await getOptimizerState(before.model));
    const steps: number[] = [];
    const schedule = (step: number) => steps.push(step) / 100;
    const callbacks = [new LearningRateScheduler(schedule, { every: "step" })];
    await fit(model, data, data, { ...options, initialEpoch: 1, epochs: 2, callbacks });
    assert.deepEqual(steps, [3, 4, 5, 6]);
  });

  it("LearningRateScheduler counts from initialEpoch if the optimizer has made no update", async () => {
    const { model, data } = smallModel();
    const steps: number[] = [];
    const schedule = (step: number) => steps.push(step) / 100;
    const callbacks = [new LearningRateScheduler(schedule, { every: "step" })];
    const options = { batchSize: 2, initialEpoch: 3, epochs: 5, verbose: 0 as const, callbacks };
    await fit(model, data, data, options);
    assert.deepEqual(steps, [6, 7, 8, 9]);
  });

  it("LearningRateScheduler has batch hooks only if it needs them", () => {
    assert.equal(new LearningRateScheduler(() => 1).onTrainBatchBegin, undefined);
  });

  it("LearningRateScheduler prints once per epoch even when it sets the rate of each step", async () => {
    const { model, data } = smallModel();
    const schedule = (step: number) => (step + 1) / 8;
    const callbacks = [new LearningRateScheduler(schedule, { every: "step", verbose: 1 })];
    const options = { batchSize: 2, epochs: 2, verbose: 0 as const, callbacks };
    const { printed } = await captured(() => fit(model, data, data, options));
    assert.deepEqual(printed, [
      "\nEpoch 1: LearningRateScheduler setting learning rate to 0.125.",
      "\nEpoch 2: LearningRateScheduler setting learning rate to 0.375.",
    ]);
  });

  it("LearningRateScheduler rejects an invalid rate, and rethrows errors of the schedule", async () => {
    const fail = async (schedule: unknown) => {
      const model = { optimizer: tf.train.sgd(1) };
      try {
        await drive(new LearningRateScheduler(schedule as () => number), losses(1), { model });
      } catch (error) {
        return (error as Error).cause;
      } finally {
        assert.equal(getLearningRate(model), 1);
      }
    };
    assert(await fail(() => undefined) instanceof TypeError);
    assert(await fail(async () => 0.1) instanceof TypeError);
    assert(await fail(() => NaN) instanceof RangeError);
    assert(await fail(() => -1) instanceof RangeError);
    const own = new TypeError("mine");
    assert.equal(
      await fail(() => {
        throw own;
      }),
      own,
    );
  });

  it("LearningRateScheduler fails before the first epoch when the model has no optimizer", async () => {
    await assert.rejects(drive(new LearningRateScheduler(() => 1), losses(1)), /onTrainBegin/);
    assert.throws(() => new LearningRateScheduler(0.1 as never), TypeError);
    assert.throws(() => new LearningRateScheduler(() => 1, { every: "batch" as never }), {
      name: "RangeError",
      message: /every must be "epoch" or "step"/,
    });
    const rated = { optimizer: { learningRate: 1 } };
    await assert.rejects(
      drive(new LearningRateScheduler(() => 1, { every: "step" }), losses(1), { model: rated }),
      /onTrainBegin.*must count its iterations/,
    );
  });
});

describe("LearningRateScheduler in a resumed run", () => {
  it("LearningRateScheduler in a resumed run continues its count if the run began at a later epoch", async () => {
    const train = async (fs: FileSystem, crashAfter = Infinity) => {
      const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
      model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
      const steps: number[] = [];
      await fit(model, tf.ones([6, 1]), tf.ones([6, 1]), {
        batchSize: 2,
        initialEpoch: 1,
        epochs: 3,
        verbose: 0,
        callbacks: [
          new LearningRateScheduler((step) => 1 / (1 + steps.push(step)), { every: "step" }),
          new BackupAndRestore("backup", { fs, saveFreq: 1, saveOnBackground: false }),
          {
            onTrainBatchEnd() {
              if (--crashAfter === 0) throw new Error("crash");
            },
          },
        ],
      });
      return steps;
    };
    const fs = memoryFileSystem();
    await assert.rejects(train(fs, 3), /crash/);
    assert.deepEqual(await train(fs), [5, 6, 7, 8]);
  });
});
