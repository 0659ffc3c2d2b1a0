import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  CallbackList,
  evaluate,
  exponentialMovingAverage,
  fit,
  type FitOptions,
  loadWeights,
  ModelCheckpoint,
  type MovingAverageOptions,
  predict,
  SwapEMAWeights,
} from "keepfit";
import { memoryFileSystem } from "keepfit/runtime";

/** Results of Keras, written by tests/golden/make_ema.py. */
const { scenarios }: {
  scenarios: Record<string, { epochs: number[][]; val_loss: number[]; final: number[] }>;
} = JSON.parse(readFileSync(new URL("../tests/golden/ema.json", import.meta.url), "utf8"));

const x = tf.linspace(-1, 1, 10).reshape([10, 1]);
const y = x.mul(3).add(0.5);

function makeModel(average?: MovingAverageOptions): tf.Sequential {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  tf.tidy(() => model.setWeights([tf.tensor([[0.25]]), tf.tensor([-0.5])]));
  const sgd = tf.train.sgd(0.1);
  const optimizer = average === undefined ? sgd : exponentialMovingAverage(sgd, average);
  model.compile({ optimizer, loss: "meanSquaredError" });
  return model;
}

function train(model: tf.LayersModel, callbacks: FitOptions["callbacks"], options?: FitOptions) {
  return fit(model, x, y, {
    batchSize: 4,
    epochs: 3,
    shuffle: false,
    validationData: [x, y],
    callbacks,
    verbose: 0,
    ...options,
  });
}

function weightsOf(model: tf.LayersModel): number[] {
  return model.getWeights().flatMap((weight) => Array.from(weight.dataSync()));
}

function assertClose(actual: number[], expected: number[]): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-5, `${value}`));
}

describe("SwapEMAWeights", () => {
  const golden: [name: string, average: MovingAverageOptions, swapOnEpoch: boolean][] = [
    ["swap", { momentum: 0.9 }, false],
    ["swap on epoch", { momentum: 0.9 }, true],
    ["swap, overwrite every 2", { momentum: 0.5, overwriteFrequency: 2 }, false],
  ];
  for (const [name, average, swapOnEpoch] of golden) {
    it(`SwapEMAWeights gives Keras's validation and weights: ${name}`, async () => {
      const model = makeModel(average);
      const epochs: number[][] = [];
      const watch = { onEpochEnd: () => epochs.push(weightsOf(model)) };
      const { history } = await train(model, [new SwapEMAWeights({ swapOnEpoch }), watch]);
      assertClose(epochs.flat(), scenarios[name].epochs.flat());
      assertClose(history.val_loss, scenarios[name].val_loss);
      assertClose(weightsOf(model), scenarios[name].final);
    });
  }

  it("SwapEMAWeights leaves the averages in the model after a run that is stopped early", async () => {
    for (const swapOnEpoch of [true, false]) {
      const model = makeModel({ momentum: 0.9 });
      const stop = {
        onEpochEnd(epoch: number) {
          model.stopTraining = epoch === 1;
        },
      };
      await train(model, [new SwapEMAWeights({ swapOnEpoch }), stop], { epochs: 9 });
      assertClose(weightsOf(model), scenarios["swap on epoch"].epochs[1]);
    }
  });

  it("SwapEMAWeights evaluates and predicts with the averages, and restores the weights each time", async () => {
    const model = makeModel({ momentum: 0.5 });
    for (let i = 0; i < 4; i++) await model.trainOnBatch(x, y);
    const weights = weightsOf(model);
    const callbacks = new SwapEMAWeights();
    const plain = await evaluate(model, x, y, { verbose: 0 });
    const swapped = await evaluate(model, x, y, { verbose: 0, callbacks });
    assert.notDeepEqual(swapped, plain);
    assert.deepEqual(weightsOf(model), weights);
    const [before, after] = [
      await predict(model, x, { verbose: 0 }),
      await predict(model, x, { verbose: 0, callbacks }),
    ] as tf.Tensor[];
    assert.notDeepEqual(after.dataSync(), before.dataSync());
    assert.deepEqual(weightsOf(model), weights);
  });

  it("SwapEMAWeights restores the weights when an evaluation or a prediction ends, before it is closed", async () => {
    const model = makeModel({ momentum: 0.5 });
    for (let i = 0; i < 4; i++) await model.trainOnBatch(x, y);
    const weights = weightsOf(model);
    const list = new CallbackList(new SwapEMAWeights(), { model });
    for (const verb of ["Test", "Predict"] as const) {
      await list[`on${verb}Begin`]();
      assert.notDeepEqual(weightsOf(model), weights);
      await list[`on${verb}End`]();
      assert.deepEqual(weightsOf(model), weights);
    }
  });

  it("SwapEMAWeights lets later callbacks save the averages", async () => {
    const fs = memoryFileSystem();
    const model = makeModel({ momentum: 0.9 });
    const checkpoint = new ModelCheckpoint("{epoch}", { fs, saveWeightsOnly: true });
    await train(model, [new SwapEMAWeights({ swapOnEpoch: true }), checkpoint]);
    const loaded = makeModel();
    await loadWeights(loaded, "3", { fs });
    assert.deepEqual(weightsOf(loaded), weightsOf(model));
  });

  it("SwapEMAWeights restores the weights when validation fails", async () => {
    const model = makeModel({ momentum: 0.9 });
    let weights: number[] = [];
    const failing = {
      onTrainBatchEnd: () => void (weights = weightsOf(model)),
      onTestBatchEnd() {
        throw new Error("no");
      },
    };
    await assert.rejects(train(model, [new SwapEMAWeights(), failing]), /no/);
    assert.deepEqual(weightsOf(model), weights);
  });

  it("SwapEMAWeights fails before the first batch when the optimizer keeps no averages", async () => {
    const model = makeModel();
    const before = weightsOf(model);
    const message = /the optimizer keeps none; compile the model with exponentialMovingAverage/;
    await assert.rejects(train(model, [new SwapEMAWeights()]), message);
    await assert.rejects(
      evaluate(model, x, y, { verbose: 0, callbacks: new SwapEMAWeights() }),
      message,
    );
    assert.deepEqual(weightsOf(model), before);
  });

  it("SwapEMAWeights leaks no tensor", async () => {
    const model = makeModel({ momentum: 0.9 });
    await train(model, new SwapEMAWeights());
    const before = tf.memory().numTensors;
    await train(model, new SwapEMAWeights({ swapOnEpoch: true }));
    await evaluate(model, x, y, { verbose: 0, callbacks: new SwapEMAWeights() });
    assert.equal(tf.memory().numTensors, before);
  });
});
