import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  BackupAndRestore,
  CallbackList,
  EarlyStopping,
  exponentialMovingAverage,
  fit,
  getOptimizerState,
  ModelCheckpoint,
  setOptimizerState,
  SwapEMAWeights,
  toTfjs,
} from "keepfit";
import { checkpointHandler, exists, type FileSystem, memoryFileSystem } from "keepfit/runtime";
import { captured } from "./fixtures.ts";

const x = tf.ones([4, 2]);
const y = tf.zeros([4, 2]);

/** Layers of the same shape, with kernels 1, 2 and 3. */
function makeModel(frozen: string[] = [], optimizer: tf.Optimizer = tf.train.adam(1e-9)) {
  const model = tf.sequential();
  ["a", "b", "c"].forEach((name, i) =>
    model.add(tf.layers.dense({
      name,
      units: 2,
      useBias: false,
      inputShape: i === 0 ? [2] : undefined,
      trainable: !frozen.includes(name),
      kernelInitializer: tf.initializers.constant({ value: i + 1 }),
    }))
  );
  model.compile({ optimizer, loss: "meanSquaredError" });
  return model;
}

const kernels = (model: tf.LayersModel) =>
  model.layers.map((layer) => Math.round(layer.getWeights()[0].dataSync()[0]));

const powerCut = (at: number) => ({
  onEpochBegin(epoch: number) {
    if (epoch === at) throw new Error("power cut");
  },
});

const freeze = (model: tf.LayersModel, at: number) => ({
  onEpochBegin(epoch: number) {
    if (epoch === at) model.layers[0].trainable = false;
  },
});

const train = (model: tf.LayersModel, callbacks: object[], epochs = 4) =>
  fit(model, x, y, { epochs, seed: 1, verbose: 0, callbacks: callbacks as never });

describe("Weights of a temporarily frozen layer", () => {
  it("Weights of a temporarily frozen layer are restored by EarlyStopping, in fit and in model.fit", async () => {
    const stopping = () =>
      new EarlyStopping({ monitor: "loss", mode: "max", patience: 9, restoreBestWeights: true });
    const one = makeModel();
    await train(one, [stopping(), freeze(one, 2)]);
    assert.deepEqual(kernels(one), [1, 2, 3]);
    const two = makeModel();
    const callbacks = toTfjs([stopping(), freeze(two, 2)], two);
    await two.fit(x, y, { epochs: 4, verbose: 0, callbacks });
    assert.deepEqual(kernels(two), [1, 2, 3]);
  });

  it("Weights of a temporarily frozen layer are restored from the best weights of a backup", async () => {
    const fs = memoryFileSystem();
    const callbacks = () => [
      new EarlyStopping({ monitor: "loss", mode: "max", patience: 9, restoreBestWeights: true }),
      new BackupAndRestore("b", { fs }),
    ];
    await assert.rejects(train(makeModel(), [...callbacks(), powerCut(2)]));
    const model = makeModel(["b"]);
    const { warned } = await captured(() => train(model, callbacks()));
    assert.deepEqual(kernels(model), [1, 2, 3]);
    assert.deepEqual(warned, [
      "keepfit: the backup in b: the optimizer's state of 'b/kernel' is ignored: it is not " +
      "currently trained",
    ]);
  });

  it("Weights of a temporarily frozen layer have averages that are swapped and restored by name", async () => {
    const fs = memoryFileSystem();
    const make = (frozen: string[]) =>
      makeModel(frozen, exponentialMovingAverage(tf.train.sgd(1e-9), { momentum: 0.5 }));
    const callbacks = () => [new SwapEMAWeights(), new BackupAndRestore("b", { fs })];
    await assert.rejects(train(make([]), [...callbacks(), powerCut(2)]));
    const model = make(["a"]);
    await captured(() => train(model, callbacks()));
    assert.deepEqual(kernels(model), [1, 2, 3]);
  });
});

describe("Slots of the optimizer", () => {
  const slotsOf = async (model: tf.LayersModel) =>
    (await getOptimizerState(model)).slots.accumulatedFirstMoment.map(({ name, value }) =>
      [name, Array.from(value.values)] as const
    );

  it("Slots of the optimizer stay with their weights when another layer is frozen", async () => {
    const fs = memoryFileSystem();
    const first = makeModel([], tf.train.adam(0.01));
    await assert.rejects(train(first, [new BackupAndRestore("b", { fs }), powerCut(1)]));
    const saved = new Map(await slotsOf(first));
    assert.deepEqual([...saved.keys()], ["a/kernel/m", "b/kernel/m", "c/kernel/m"]);

    const second = makeModel(["a"], tf.train.adam(0.01));
    let restored: (readonly [string, number[]])[] = [];
    const look = { onTrainBegin: async () => void (restored = await slotsOf(second)) };
    await captured(() => train(second, [new BackupAndRestore("b", { fs }), look]));
    assert.deepEqual(restored, [...saved].slice(1));
  });

  it("Slots of the optimizer are created for a weight that was not trained before, with a warning", async () => {
    const fs = memoryFileSystem();
    const first = makeModel(["b"], tf.train.adam(0.01));
    await assert.rejects(train(first, [new BackupAndRestore("b", { fs }), powerCut(1)]));
    const saved = new Map(await slotsOf(first));
    const second = makeModel([], tf.train.adam(0.01));
    let restored: (readonly [string, number[]])[] = [];
    const look = { onTrainBegin: async () => void (restored = await slotsOf(second)) };
    const { warned } = await captured(() =>
      train(second, [new BackupAndRestore("b", { fs }), look])
    );
    assert.deepEqual(restored, [
      ["a/kernel/m", saved.get("a/kernel/m")],
      ["b/kernel/m", [0, 0, 0, 0]],
      ["c/kernel/m", saved.get("c/kernel/m")],
    ]);
    assert.match(warned.join(), /the optimizer starts from scratch for 'b\/kernel'/);
  });

  it("Slots of the optimizer are rejected by setOptimizerState when they belong to other weights or shapes", async () => {
    const all = makeModel();
    await train(all, [], 1);
    const state = await getOptimizerState(all);
    const frozen = makeModel(["a"]);
    assert.throws(
      () => setOptimizerState(frozen, state),
      /^RangeError: Cannot set the state of Adam: it belongs to other weights than the model trains; not trained are 'a\/kernel'/,
    );
    const [slot] = state.slots.accumulatedFirstMoment;
    slot.value = { shape: [1], dtype: "float32", values: new Float32Array(1) };
    assert.throws(() => setOptimizerState(makeModel(), state), /'a\/kernel' has \[2,2\]/);
  });
});

describe("ModelCheckpoint in a resumed run", () => {
  const run = (fs: FileSystem, callbacks: object[], epochs: number) =>
    train(makeModel(), [new BackupAndRestore("b", { fs }), ...callbacks], epochs);
  const best = (fs: FileSystem) =>
    new ModelCheckpoint("best", { fs, monitor: "loss", saveBestOnly: true, mode: "max" });

  it("ModelCheckpoint in a resumed run does not touch the checkpoints of another folder", async () => {
    const fs = memoryFileSystem();
    const last = (dir: string) => new ModelCheckpoint(`${dir}/{epoch}`, { fs, maxToKeep: 1 });
    await assert.rejects(run(fs, [last("./one"), powerCut(2)], 4));
    const { warned } = await captured(() => run(fs, [last("two")], 4));
    assert.deepEqual((await fs.readDir("one")).map(({ name }) => name), ["2"]);
    assert.match(
      warned.join(),
      /state of ModelCheckpoint \(one\/\{epoch\}\) is ignored.*; ModelCheckpoint \(two\/\{epoch\}\) starts from scratch/,
    );
  });

  it("ModelCheckpoint in a resumed run recognizes its folder under another spelling of the path", async () => {
    const fs = memoryFileSystem();
    const last = (dir: string) => new ModelCheckpoint(`${dir}/{epoch}`, { fs, maxToKeep: 1 });
    await assert.rejects(run(fs, [last("./one"), powerCut(2)], 4));
    const { warned } = await captured(() => run(fs, [last("x/..//one")], 4));
    assert.deepEqual((await fs.readDir("one")).map(({ name }) => name), ["4"]);
    assert.deepEqual(warned, []);
  });

  it("ModelCheckpoint in a resumed run saves again if the best checkpoint is missing, and warns", async () => {
    const fs = memoryFileSystem();
    await assert.rejects(run(fs, [best(fs), powerCut(2)], 3));
    await fs.remove("best", { recursive: true });
    const { warned } = await captured(() => run(fs, [best(fs)], 3));
    assert.match(warned.join(), /the best checkpoint best is missing: the next one is saved/);
    assert.ok(await exists("best/model.json", { fs }));
  });

  it("ModelCheckpoint in a resumed run repeats a background write that a kill interrupted, and removes surplus checkpoints", async () => {
    const real = memoryFileSystem();
    let isStuck = false;
    // Writes below checkpoints/ never end after the disk is stuck.
    const slow: FileSystem = {
      ...real,
      writeFile: (path, data) =>
        isStuck && String(path).startsWith("checkpoints")
          ? new Promise(() => {})
          : real.writeFile(path, data),
    };
    const model = makeModel();
    const start = async (fs: FileSystem) => {
      const list = new CallbackList([
        new ModelCheckpoint("checkpoints/{epoch}", { fs, maxToKeep: 1, saveOnBackground: true }),
        new BackupAndRestore("backup", { fs }),
      ], { model: model as never });
      await list.onTrainBegin();
      return list;
    };
    const first = await start(slow);
    await first.onEpochBegin(0);
    await first.onEpochEnd(0, { loss: 1 });
    await waitFor(() => exists("checkpoints/1/model.json", { fs: real }));
    isStuck = true;
    await first.onEpochBegin(1);
    await first.onEpochEnd(1, { loss: 0.5 });

    const second = await start(real);
    assert.equal(second.initialEpoch, 2);
    await second.onTrainEnd();
    await second.close();
    const names = (await real.readDir("checkpoints")).map(({ name }) => name);
    assert.deepEqual(names, ["2"]);
    const { userDefinedMetadata } = await checkpointHandler("checkpoints/2", { fs: real }).load();
    assert.deepEqual(userDefinedMetadata, { epoch: 1, logs: { loss: 0.5 } });
  });
});

/** Wait for a condition that has no event. */
async function waitFor(isDone: () => Promise<boolean>): Promise<void> {
  while (!await isDone()) await new Promise((resolve) => setTimeout(resolve, 1));
}
