import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BackupAndRestore, type DatasetLike, fitDataset } from "keepfit";
import { memoryFileSystem } from "keepfit/runtime";
import { captured } from "../callbacks/fixtures.ts";

const rows = () => {
  const items = Array.from({ length: 12 }, (_, i) => ({ xs: [i / 12], ys: [i % 3] }));
  return tf.data.array(items as never) as unknown as tf.data.Dataset<tf.TensorContainerObject>;
};

function* generated(count: number) {
  for (let i = 0; i < count; i++) yield { xs: tf.fill([1, 1], i), ys: tf.ones([1, 1]) };
}

/** Datasets of every kind, with the batches of an epoch; 4 epochs are trained. */
const datasets: Record<string, { make: () => unknown; stepsPerEpoch?: number }> = {
  "a generator function with a continuing iterator": {
    make: () => () => generated(8),
    stepsPerEpoch: 2,
  },
  "one generator": { make: () => generated(8), stepsPerEpoch: 2 },
  "a function that ends within an epoch and restarts": {
    make: () => () => generated(3),
    stepsPerEpoch: 2,
  },
  "a repeated dataset": { make: () => rows().batch(4).repeat(), stepsPerEpoch: 2 },
  "a dataset with a seeded order": { make: () => rows().shuffle(12, "seed").batch(4) },
  "a repeated dataset with a seeded order": {
    make: () => rows().shuffle(12, "seed").batch(4).repeat(),
    stepsPerEpoch: 2,
  },
  "a plain dataset": { make: () => rows().batch(4) },
};

async function train(dataset: unknown, stepsPerEpoch: number | undefined, callbacks: object[]) {
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "ones" })],
  });
  model.compile({ optimizer: tf.train.sgd(0.05), loss: "meanSquaredError" });
  const { epoch, history } = await fitDataset(model, dataset as DatasetLike, {
    epochs: 4,
    stepsPerEpoch,
    verbose: 0,
    callbacks: callbacks as never,
  });
  const weights = model.getWeights().map((weight) => weight.dataSync()[0]);
  return { epoch, loss: history.loss, weights };
}

const powerCut = (at: number) => ({
  onEpochBegin(epoch: number) {
    if (epoch === at) throw new Error("power cut");
  },
});

describe("A resumed run on a dataset", () => {
  for (const [name, { make, stepsPerEpoch }] of Object.entries(datasets)) {
    it(`A resumed run on a dataset equals an uninterrupted run: ${name}`, async () => {
      await captured(async () => {
        const whole = await train(make(), stepsPerEpoch, []);
        for (const at of [1, 2, 3]) {
          const fs = memoryFileSystem();
          const backup = () => new BackupAndRestore("backup", { fs });
          const cut = train(make(), stepsPerEpoch, [backup(), powerCut(at)]);
          await assert.rejects(cut, /power cut/);
          assert.deepEqual(await train(make(), stepsPerEpoch, [backup()]), whole);
        }
      });
    });
  }

  it("A resumed run on a dataset ends with a warning if the dataset has no more batches", async () => {
    const fs = memoryFileSystem();
    const backup = () => new BackupAndRestore("backup", { fs });
    await assert.rejects(train(generated(4), 2, [backup(), powerCut(2)]), /power cut/);
    const { warned } = await captured(async () => {
      assert.deepEqual((await train(generated(4), 2, [backup()])).epoch, [0, 1]);
    });
    assert.match(warned.join(), /has no batch in epoch 2, so training ends/);
  });

  it("A resumed run on a dataset restarts the dataset if initialEpoch is set without a backup", async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    let read = 0;
    await fitDataset(model, function* () {
      for (const batch of generated(9)) {
        read++;
        yield batch;
      }
    }, { initialEpoch: 3, epochs: 4, stepsPerEpoch: 2, verbose: 0 });
    assert.equal(read, 2);
  });

  it("A resumed run on a dataset leaks no tensor of skipped batches", async () => {
    const fs = memoryFileSystem();
    const backup = () => new BackupAndRestore("backup", { fs });
    await assert.rejects(train(() => generated(8), 2, [backup(), powerCut(3)]), /power cut/);
    const { numTensors } = tf.memory();
    await train(() => generated(8), 2, [backup()]);
    // Only the tensors of the model.
    assert.equal(tf.memory().numTensors - numTensors, 3);
  });
});
