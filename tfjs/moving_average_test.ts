import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  exponentialMovingAverage,
  fit,
  getOptimizerState,
  type MovingAverageOptions,
  setOptimizerState,
  toTfjs,
} from "keepfit";
import { furthest, tensorsLeft, weightsOf } from "../training/fixtures.ts";

/** Results of Keras, recorded by tests/golden/make_ema.py. */
const { scenarios }: {
  scenarios: Record<string, { batches: number[][]; epochs: number[][]; final: number[] }>;
} = JSON.parse(readFileSync(new URL("../tests/golden/ema.json", import.meta.url), "utf8"));

const x = tf.linspace(-1, 1, 10).reshape([10, 1]);
const y = x.mul(3).add(0.5);

/** The model of the golden runs, on this optimizer. */
function makeModel(optimizer: tf.Optimizer): tf.Sequential {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  tf.tidy(() => model.setWeights([tf.tensor([[0.25]]), tf.tensor([-0.5])]));
  model.compile({ optimizer, loss: "meanSquaredError" });
  return model;
}

const optimizers: Record<string, () => tf.Optimizer> = {
  SGD: () => tf.train.sgd(0.1),
  Momentum: () => tf.train.momentum(0.1, 0.9),
  Adagrad: () => tf.train.adagrad(0.1),
  Adadelta: () => tf.train.adadelta(0.1),
  Adam: () => tf.train.adam(0.1),
  Adamax: () => tf.train.adamax(0.1),
  RMSProp: () => tf.train.rmsprop(0.1, 0.9, 0.1, 1e-7, true),
};

describe("exponentialMovingAverage", () => {
  const golden: [name: string, options: MovingAverageOptions][] = [
    ["momentum 0.9", { momentum: 0.9 }],
    ["default momentum", {}],
    ["overwrite every 2", { momentum: 0.5, overwriteFrequency: 2 }],
    ["momentum 0", { momentum: 0 }],
  ];
  for (const [name, options] of golden) {
    it(`exponentialMovingAverage has the numbers of Keras after every batch and at the end: ${name}`, async () => {
      const model = makeModel(exponentialMovingAverage(tf.train.sgd(0.1), options));
      const batches: number[][] = [];
      await fit(model, x, y, {
        batchSize: 4,
        epochs: 3,
        shuffle: false,
        verbose: 0,
        callbacks: { onTrainBatchEnd: () => batches.push(weightsOf(model)) },
      });
      const expected = scenarios[name];
      assert.ok(furthest(batches.flat(), expected.batches.flat()) < 1e-6);
      assert.ok(furthest(weightsOf(model), expected.final) < 1e-6);
    });
  }

  for (const [name, make] of Object.entries(optimizers)) {
    it(`exponentialMovingAverage averages the weights of ${name}, in fit and in model.fit`, async () => {
      for (const trains of ["fit", "model.fit"]) {
        const optimizer = exponentialMovingAverage(make(), { momentum: 0.75 });
        assert.equal(optimizer.getClassName(), name);
        const model = makeModel(optimizer);
        let expected: number[] | undefined;
        const watch = {
          onTrainBatchEnd() {
            const weights = weightsOf(model);
            expected = weights.map((weight, i) =>
              expected === undefined ? weight : 0.75 * expected[i] + 0.25 * weight
            );
          },
        };
        const options = { batchSize: 4, epochs: 2, verbose: 0 } as const;
        if (trains === "fit") await fit(model, x, y, { ...options, callbacks: watch });
        else await model.fit(x, y, { ...options, callbacks: toTfjs(watch, model) });
        assert.ok(furthest(weightsOf(model), expected!) < 1e-6, trains);
      }
    });
  }

  it("exponentialMovingAverage does not change training until the averages replace the weights", async () => {
    const run = async (optimizer: tf.Optimizer) => {
      const model = makeModel(optimizer);
      const seen: number[][] = [];
      const watch = { onTrainBatchEnd: () => seen.push(weightsOf(model)) };
      await fit(model, x, y, { epochs: 2, seed: 1, verbose: 0, callbacks: watch });
      return seen;
    };
    assert.deepEqual(
      await run(exponentialMovingAverage(tf.train.adam(0.1))),
      await run(tf.train.adam(0.1)),
    );
  });

  it("exponentialMovingAverage swaps weights and averages, and back, each once", async () => {
    const optimizer = exponentialMovingAverage(tf.train.sgd(0.1), { momentum: 0.5 });
    const model = makeModel(optimizer);
    for (let i = 0; i < 3; i++) await model.trainOnBatch(x, y);
    const { movingAverage } = optimizer;
    const weights = weightsOf(model);
    const averages = (await movingAverage.getState()).map(({ values }) => values[0]);
    assert.notDeepEqual(averages, weights);
    movingAverage.swapIn(model);
    movingAverage.swapIn(model);
    assert.equal(movingAverage.isInModel, true);
    assert.deepEqual(weightsOf(model), averages);
    assert.deepEqual((await movingAverage.getState()).map(({ values }) => values[0]), averages);
    movingAverage.swapOut(model);
    movingAverage.swapOut(model);
    assert.deepEqual(weightsOf(model), weights);
    movingAverage.swapIn(model);
    movingAverage.finalize(model);
    assert.equal(movingAverage.isInModel, false);
    assert.deepEqual(weightsOf(model), averages);
  });

  it("exponentialMovingAverage does not change an untrained model", () => {
    const optimizer = exponentialMovingAverage(tf.train.sgd(0.1));
    const model = makeModel(optimizer);
    const before = weightsOf(model);
    optimizer.movingAverage.swapIn(model);
    assert.equal(optimizer.movingAverage.isInModel, false);
    optimizer.movingAverage.finalize(model);
    assert.deepEqual(weightsOf(model), before);
  });

  it("exponentialMovingAverage continues from the optimizer's state, in a model whose layers have other names", async () => {
    const make = () => exponentialMovingAverage(tf.train.adam(0.1), { momentum: 0.5 });
    const straight = makeModel(make());
    for (let i = 0; i < 5; i++) await straight.trainOnBatch(x, y);
    const first = makeModel(make());
    for (let i = 0; i < 3; i++) await first.trainOnBatch(x, y);
    const state = structuredClone(await getOptimizerState(first));
    assert.equal(state.average?.length, 2);

    const second = makeModel(make());
    second.setWeights(first.getWeights());
    setOptimizerState(second, state);
    assert.deepEqual(await getOptimizerState(second), state);
    for (let i = 0; i < 2; i++) await second.trainOnBatch(x, y);
    assert.deepEqual(
      (await getOptimizerState(second)).average,
      (await getOptimizerState(straight)).average,
    );
  });

  it("exponentialMovingAverage rejects averages of another model before it changes a weight", () => {
    const optimizer = exponentialMovingAverage(tf.train.sgd(0.1));
    const model = makeModel(optimizer);
    const before = weightsOf(model);
    optimizer.movingAverage.setState([
      { shape: [3], dtype: "float32", values: Float32Array.of(1, 2, 3) },
    ]);
    assert.throws(
      () => optimizer.movingAverage.swapIn(model),
      new RangeError(
        "Cannot restore the moving average: it is of weights [3], " +
          "trained are [1,1], [1]",
      ),
    );
    assert.deepEqual(weightsOf(model), before);
  });

  it("exponentialMovingAverage leaves only the averages, and nothing after disposal", async () => {
    const optimizer = exponentialMovingAverage(tf.train.sgd(0.1), { overwriteFrequency: 2 });
    const model = makeModel(optimizer);
    const train = () => fit(model, x, y, { epochs: 2, batchSize: 4, verbose: 0 });
    assert.equal(await tensorsLeft(train), 2);
    assert.equal(await tensorsLeft(train), 0);
    assert.equal(
      await tensorsLeft(async () => {
        setOptimizerState(optimizer, await getOptimizerState(optimizer));
        optimizer.movingAverage.swapIn(model);
        optimizer.movingAverage.swapOut(model);
      }),
      0,
    );
    const averages = 2;
    const rate = 1;
    assert.equal(await tensorsLeft(() => optimizer.dispose()), -averages - rate);
  });

  it("exponentialMovingAverage rejects options out of range, other values than an optimizer, and a second average", () => {
    const sgd = tf.train.sgd(0.1);
    for (const momentum of [-0.1, 1.1, NaN]) {
      assert.throws(() => exponentialMovingAverage(sgd, { momentum }), RangeError);
    }
    for (const overwriteFrequency of [0, 1.5, -1]) {
      assert.throws(() => exponentialMovingAverage(sgd, { overwriteFrequency }), RangeError);
    }
    assert.throws(() => exponentialMovingAverage({} as tf.Optimizer), TypeError);
    exponentialMovingAverage(sgd);
    assert.throws(() => exponentialMovingAverage(sgd), /already/);
  });
});
