import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  BackupAndRestore,
  type DatasetLike,
  evaluateDataset,
  fitDataset,
  type FitDatasetOptions,
  shuffledDataset,
  type ShuffledDatasetOptions,
} from "keepfit";
import { memoryFileSystem } from "keepfit/runtime";
import { captured } from "../callbacks/fixtures.ts";

const rows = () => {
  const items = Array.from({ length: 12 }, (_, i) => ({ xs: [i], ys: [i % 3] }));
  return tf.data.array(items as never) as unknown as tf.data.Dataset<tf.TensorContainerObject>;
};

const shuffled = (options: Partial<ShuffledDatasetOptions> = {}) =>
  shuffledDataset(rows(), { bufferSize: 12, prepare: (rows) => rows.batch(4), ...options });

/** Train, and return the first column of each batch by epoch, and the weights. */
async function train(dataset: DatasetLike, options: FitDatasetOptions = {}) {
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "ones" })],
  });
  model.compile({ optimizer: tf.train.sgd(0.001), loss: "meanSquaredError" });
  const { epoch, history } = await fitDataset(model, dataset, {
    epochs: 4,
    verbose: 0,
    ...options,
  });
  const weights = model.getWeights().map((weight) => weight.dataSync()[0]);
  return { epoch, loss: history.loss, weights };
}

/** The rows in the order of a dataset, pass by pass. */
async function orders(dataset: ReturnType<typeof shuffled>, seed = 0): Promise<number[][]> {
  const all = [];
  for (const pass of [0, 1, 2]) {
    const iterator = await dataset.iterator({ pass, seed });
    const order: number[] = [];
    for (;;) {
      const { value, done } = await iterator.next() as IteratorResult<{ xs: tf.Tensor }>;
      if (done) break;
      order.push(...value.xs.dataSync());
    }
    all.push(order);
  }
  return all;
}

const powerCut = (after: number) => {
  let batches = 0;
  return {
    onTrainBatchEnd() {
      if (++batches === after) throw new Error("power cut");
    },
  };
};

describe("shuffledDataset", () => {
  it("shuffledDataset has a different order in each pass, which depends only on seed and pass", async () => {
    const [first, second, third] = await orders(shuffled());
    for (const order of [first, second, third]) {
      assert.deepEqual(order.toSorted((a, b) => a - b), Array.from({ length: 12 }, (_, i) => i));
    }
    assert.notDeepEqual(first, second);
    assert.notDeepEqual(second, third);
    const dataset = shuffled();
    assert.deepEqual(await orders(dataset), [first, second, third]);
    assert.deepEqual(await orders(dataset), [first, second, third]);
    assert.notDeepEqual(await orders(dataset, 1), [first, second, third]);
    const own = await orders(shuffled({ seed: 7 }));
    assert.deepEqual(await orders(shuffled({ seed: 7 }), 1), own);
  });

  it("shuffledDataset has a different order in each round of a repeated pass", async () => {
    const [order] = await orders(shuffled({ prepare: (rows) => rows.repeat(2).batch(4) }));
    assert.equal(order.length, 24);
    assert.notDeepEqual(order.slice(0, 12), order.slice(12));
  });

  it("shuffledDataset reports its number of batches", () => {
    assert.equal(shuffled().size, 3);
    assert.equal(shuffled({ prepare: (rows) => rows.batch(5, false) }).size, 2);
  });

  const runs: [name: string, prepare: ShuffledDatasetOptions["prepare"], FitDatasetOptions][] = [
    ["", (rows) => rows.batch(4), {}],
    [" that continues across epochs", (rows) => rows.batch(4), { stepsPerEpoch: 2 }],
    [" that is repeated", (rows) => rows.repeat().batch(4), { stepsPerEpoch: 2 }],
  ];
  for (const [name, prepare, options] of runs) {
    it(`shuffledDataset resumes exactly after any batch of a dataset${name}, with the seed of the backup`, async () => {
      await captured(async () => {
        const whole = await train(shuffled({ prepare }), { ...options, seed: 5 });
        for (let after = 1; after < 6; after++) {
          const fs = memoryFileSystem();
          const backup = () => new BackupAndRestore("backup", { fs, saveFreq: 1 });
          // One dataset for both runs, because the number of earlier passes does not matter.
          const dataset = shuffled({ prepare });
          const callbacks = [powerCut(after), backup()];
          await assert.rejects(train(dataset, { ...options, seed: 5, callbacks }), /power cut/);
          assert.deepEqual(await train(dataset, { ...options, callbacks: [backup()] }), whole);
        }
      });
    });
  }

  it("shuffledDataset creates no iterators of completed epochs", async () => {
    const fs = memoryFileSystem();
    const backup = () => new BackupAndRestore("backup", { fs, saveFreq: 1 });
    const passes: number[] = [];
    const dataset = () => {
      const { iterator, size } = shuffled();
      return {
        size,
        iterator: (pass: Parameters<typeof iterator>[0]) => {
          passes.push(pass.pass);
          return iterator(pass);
        },
      };
    };
    await assert.rejects(train(dataset(), { callbacks: [powerCut(8), backup()] }), /power cut/);
    passes.length = 0;
    await train(dataset(), { callbacks: [backup()] });
    assert.deepEqual(passes, [2, 3]);
  });

  it("shuffledDataset works in evaluateDataset and validation", async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    const { loss } = await evaluateDataset(model, shuffled(), { verbose: 0 });
    const plain = await evaluateDataset(model, rows().batch(4), { verbose: 0 });
    assert.ok(Math.abs(Number(loss) / Number(plain.loss) - 1) < 1e-5);
  });

  it("shuffledDataset rejects other datasets and invalid options", () => {
    assert.throws(() => shuffledDataset([1] as never, {} as never), /expected a tf.data.Dataset/);
    assert.throws(
      () => shuffled({ bufferSize: 0 }),
      /bufferSize 0: it must be a whole number >= 1/,
    );
    assert.throws(() => shuffled({ seed: 0.5 }), /seed 0.5: it must be a whole number >= 0/);
    assert.throws(() => shuffled({ prepare: () => undefined as never }), /prepare must return/);
    assert.throws(() => shuffled({ prepare: undefined }), /prepare must be a function/);
  });
});

describe("A resumed run on a shuffled tf.data dataset", () => {
  /** Warnings of a run that is resumed after `after` batches. */
  async function warnings(make: () => DatasetLike, after: number): Promise<string[]> {
    const fs = memoryFileSystem();
    const backup = () => new BackupAndRestore("backup", { fs, saveFreq: 1 });
    await assert.rejects(train(make(), { callbacks: [powerCut(after), backup()] }), /power cut/);
    const { warned } = await captured(() => train(make(), { callbacks: [backup()] }));
    return warned;
  }

  it("A resumed run on a shuffled tf.data dataset warns if the shuffle has no seed, wherever it was interrupted", async () => {
    for (const after of [2, 4, 5]) {
      const warned = await warnings(() => rows().shuffle(12).batch(4), after);
      assert.equal(warned.length, 1);
      assert.match(
        warned[0],
        /another order than .*: pass a seed to shuffle, or use shuffledDataset$/,
      );
    }
  });

  it("A resumed run on a shuffled tf.data dataset does not warn about a dataset that has the same order", async () => {
    const twice = () =>
      tf.data.zip({ xs: tf.data.array([[1], [2]]), ys: tf.data.array([[1], [2]]) });
    const datasets: (() => DatasetLike)[] = [
      () => rows().shuffle(12, "1").batch(4),
      () => rows().shuffle(12, "1").shuffle(3, "2").batch(4).prefetch(2),
      () => twice().shuffle(2, "1").batch(1) as unknown as DatasetLike,
      () => rows().batch(4),
      () => shuffled({ seed: 3 }),
    ];
    for (const make of datasets) assert.deepEqual(await warnings(make, 5), []);
  });

  it("A resumed run on a shuffled tf.data dataset has the same order as without keepfit", async () => {
    const expected: number[] = [];
    await rows().shuffle(12, "4").batch(4).forEachAsync((batch) => {
      expected.push(...(batch as { xs: tf.Tensor }).xs.dataSync());
    });
    const seen: number[] = [];
    const seeing = rows().shuffle(12, "4").batch(4).map((batch) => {
      seen.push(...(batch as { xs: tf.Tensor }).xs.dataSync());
      return batch;
    });
    await train(seeing, { epochs: 1 });
    assert.deepEqual(seen, expected);
  });
});
