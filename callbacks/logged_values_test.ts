import * as tf from "@tensorflow/tfjs";
import {
  CallbackList,
  CSVLogger,
  EarlyStopping,
  fit,
  getLearningRate,
  History,
  JSONLinesLogger,
  ModelCheckpoint,
  ReduceLROnPlateau,
  TensorBoard,
  TerminateOnNaN,
} from "keepfit";
import { exists, memoryFileSystem } from "keepfit/runtime";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eventsIn } from "../tensorboard/fixtures.ts";
import { captured, drive } from "./fixtures.ts";

const x = tf.zeros([4, 1]);
function makeModel() {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: tf.train.sgd(0.5), loss: "meanSquaredError" });
  return model;
}

/** A callback that adds a value to the logs of each epoch. */
const writing = (key: string, valueOf: (epoch: number) => unknown) => ({
  onEpochEnd(epoch: number, logs: Record<string, unknown>) {
    logs[key] = valueOf(epoch);
  },
});

describe("Non-numeric values in the logs", () => {
  it("Non-numeric values in the logs are read before any callback receives them in a custom loop", async () => {
    const fs = memoryFileSystem();
    const model = { stopTraining: false };
    const history = new History();
    const list = new CallbackList([
      history,
      new TerminateOnNaN(),
      new EarlyStopping({ monitor: "loss", patience: 2 }),
      new CSVLogger("log.csv", { fs, reserveValColumns: false }),
      new TensorBoard({ fs, writeGraph: false }),
    ], {
      model: Object.assign(model, { optimizer: tf.train.sgd(1) }),
      params: { verbose: 0, epochs: 3, steps: 1 },
    });
    await list.onTrainBegin();
    for (let epoch = 0; epoch < 3; epoch++) {
      await list.onEpochBegin(epoch);
      await list.onTrainBatchEnd(0, { loss: tf.scalar(3 - epoch) });
      await list.onEpochEnd(epoch, { loss: Promise.resolve(tf.scalar(3 - epoch)) });
    }
    await list.onTrainEnd();
    await list.close();
    assert.equal(model.stopTraining, false);
    assert.deepEqual(history.history.loss, [3, 2, 1]);
    assert.equal(await fs.readTextFile("log.csv"), "epoch,loss\r\n0,3.0\r\n1,2.0\r\n2,1.0\r\n");
    const scalars = (await eventsIn(fs, "logs/train")).flat().flatMap(({ summaries }) => summaries)
      .filter(({ tag }) => tag === "epoch_loss");
    assert.deepEqual(scalars.map(({ tensor }) => tensor?.values[0]), [3, 2, 1]);
  });

  it("Non-numeric values in the logs are read between two callbacks, in every hook", async () => {
    const seen: unknown[] = [];
    await fit(makeModel(), x, x, {
      verbose: 0,
      callbacks: [
        {
          onTrainBatchEnd: (_batch: number, logs: object) =>
            void Object.assign(logs, { f1: tf.scalar(0.25) }),
          onEpochEnd: (_epoch: number, logs: object) =>
            Promise.resolve().then(() => void Object.assign(logs, { f1: tf.scalar(0.5) })),
        },
        {
          onTrainBatchEnd: (_batch: number, logs: Record<string, unknown>) => seen.push(logs.f1),
          onEpochEnd: (_epoch: number, logs: Record<string, unknown>) => seen.push(logs.f1),
        },
      ],
    });
    assert.deepEqual(seen, [0.25, 0.5]);
  });

  it("Non-numeric values in the logs count as improvements after they are read", async () => {
    const fs = memoryFileSystem();
    const model = makeModel();
    const history = await fit(model, x, x, {
      epochs: 5,
      verbose: 0,
      callbacks: [
        writing("f1", (epoch) => tf.scalar(epoch / 10)),
        new EarlyStopping({ monitor: "f1", mode: "max", patience: 1 }),
        new ReduceLROnPlateau({ monitor: "f1", mode: "max", patience: 1 }),
        new ModelCheckpoint("best/{epoch}", { fs, monitor: "f1", mode: "max", saveBestOnly: true }),
      ],
    });
    assert.equal(history.epoch.length, 5);
    assert.equal(getLearningRate(model), 0.5);
    assert.ok(await exists("best/5/model.json", { fs }));
  });

  it("Non-numeric values in the logs become lists in JSON and CSV if they have several numbers", async () => {
    const fs = memoryFileSystem();
    await fit(makeModel(), x, x, {
      verbose: 0,
      callbacks: [
        writing("perClass", () => new Float32Array([0.5, 0.25])),
        writing("confusion", () => tf.tensor([[1, 0], [0, 2]])),
        new JSONLinesLogger("log.jsonl", { fs }),
        new CSVLogger("log.csv", { fs, reserveValColumns: false }),
      ],
    });
    assert.deepEqual(JSON.parse(await fs.readTextFile("log.jsonl")), {
      epoch: 0,
      loss: 0,
      perClass: [0.5, 0.25],
      confusion: [[1, 0], [0, 2]],
    });
    assert.match(await fs.readTextFile("log.csv"), /\[0\.5, 0\.25\]/);
  });

  it("Non-numeric values in the logs fail the run if they are monitored, and the error names the key", async () => {
    await assert.rejects(
      fit(makeModel(), x, x, {
        verbose: 0,
        callbacks: [
          writing("f1", () => "high"),
          new EarlyStopping({ monitor: "f1", mode: "max" }),
        ],
      }),
      /EarlyStopping failed in onEpochEnd \(epoch 0\): Cannot monitor 'f1' .*got "high"/,
    );
  });

  it("Non-numeric values in the logs fail the callback that wrote an unreadable one", async () => {
    await assert.rejects(
      fit(makeModel(), x, x, {
        verbose: 0,
        callbacks: [
          { name: "scorer", ...writing("f1", () => Promise.reject(new Error("no server"))) },
          new History(),
        ],
      }),
      /scorer failed in onEpochEnd \(epoch 0\): Cannot read 'f1' of the logs: no server/,
    );
  });

  it("Non-numeric values in the logs count as missing if they are null, with one warning and without stopping", async () => {
    const model = { stopTraining: false };
    const { warned } = await captured(async () => {
      const epochs = [{ loss: null }, { loss: null }, { loss: null }];
      await drive(
        [
          new TerminateOnNaN(),
          new EarlyStopping({ monitor: "loss", patience: 1 }),
        ],
        epochs,
        { model, batches: 1 },
      );
    });
    assert.equal(model.stopTraining, false);
    assert.equal(warned.length, 1);
    assert.match(warned[0], /EarlyStopping monitors 'loss', which is not available/);
  });

  it("Non-numeric values in the logs are awaited if a monitor function returns a promise", async () => {
    const stopping = new EarlyStopping({
      monitor: [
        { monitor: async (logs) => await Promise.resolve(logs.loss), mode: "min", patience: 1 },
        { monitor: (logs) => tf.scalar(logs.loss), mode: "min", patience: 3 },
      ],
      stopWhen: "any",
    });
    const epochs = [3, 2, 1, 1].map((loss) => ({ loss }));
    assert.equal(await drive(stopping, epochs), 4);
    assert.equal(stopping.stoppedEpoch, 3);
    assert.equal(stopping.best, 1);

    const model = { optimizer: tf.train.sgd(0.5), stopTraining: false };
    const reduce = new ReduceLROnPlateau({
      monitor: (logs) => Promise.resolve(logs.loss),
      mode: "min",
      patience: 1,
      factor: 0.5,
    });
    await drive(reduce, [{ loss: 1 }, { loss: 1 }], { model });
    assert.equal(getLearningRate(model.optimizer), 0.25);
  });
});
