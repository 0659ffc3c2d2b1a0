import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { type CallbackLike, exponentialMovingAverage, fit } from "keepfit";

const x = tf.range(0, 8).reshape([8, 1]).div(8);
const y = x.mul(2);
const options = { batchSize: 2, shuffle: false, verbose: 0 } as const;
const loss = "meanSquaredError";

/** Two layers of one weight each, all ones. */
function chain(): tf.LayersModel {
  const layer = () => tf.layers.dense({ units: 1, useBias: false, kernelInitializer: "ones" });
  const inputs = tf.input({ shape: [1] });
  const outputs = layer().apply(layer().apply(inputs)) as tf.SymbolicTensor;
  return tf.model({ inputs, outputs });
}

/** In the order of the layers; getWeights() has frozen ones last. */
function weightsOf(model: tf.LayersModel): number[] {
  return model.layers.slice(1).map((layer) => layer.getWeights()[0].dataSync()[0]);
}

/** Weights after each batch of a fit. */
async function weightsOfBatches(
  model: tf.LayersModel,
  callbacks: CallbackLike[] = [],
): Promise<number[][]> {
  const seen: number[][] = [];
  const record = { onTrainBatchEnd: () => void seen.push(weightsOf(model)) };
  await fit(model, x, y, { ...options, callbacks: [...callbacks, record] });
  return seen;
}

describe("A training step", () => {
  it("leaves out from the next batch on a layer that a callback freezes", async () => {
    for (const compilesAgain of [true, false]) {
      const model = chain();
      model.compile({ optimizer: tf.train.sgd(0.1), loss });
      const freeze = (batch: number) => {
        if (batch !== 1) return;
        model.layers[1].trainable = false;
        if (compilesAgain) model.compile({ optimizer: tf.train.sgd(0.1), loss });
      };
      const seen = await weightsOfBatches(model, [{ onTrainBatchEnd: freeze }]);
      const [first, second] = [0, 1].map((layer) => seen.map((weights) => weights[layer]));
      assert(first[0] !== first[1]);
      assert.deepEqual(first.slice(2), [first[1], first[1]]);
      assert.equal(new Set(second).size, 4);
    }
  });

  it("trains from the next batch on a layer that a callback thaws and compiles", async () => {
    const model = chain();
    model.layers[1].trainable = false;
    const optimizer = tf.train.sgd(0.1);
    model.compile({ optimizer, loss });
    const thaw = (batch: number) => {
      if (batch !== 1) return;
      model.layers[1].trainable = true;
      model.compile({ optimizer, loss });
    };
    const first = (await weightsOfBatches(model, [{ onTrainBatchEnd: thaw }])).map(([one]) => one);
    assert.equal(first[1], first[0]);
    assert.equal(new Set(first.slice(1)).size, 3);
  });

  it("trains a layer again in the next run, when it was thawed and compiled", async () => {
    const model = chain();
    model.layers[1].trainable = false;
    model.compile({ optimizer: tf.train.sgd(0.1), loss });
    assert.equal(new Set((await weightsOfBatches(model)).map(([weight]) => weight)).size, 1);
    model.layers[1].trainable = true;
    model.compile({ optimizer: tf.train.sgd(0.1), loss });
    assert.equal(new Set((await weightsOfBatches(model)).map(([weight]) => weight)).size, 4);
  });

  it("takes the optimizer that a callback compiles the model with", async () => {
    const model = chain();
    model.compile({ optimizer: tf.train.sgd(0.1), loss });
    const swap = (batch: number) => {
      if (batch === 1) model.compile({ optimizer: tf.train.sgd(0), loss });
    };
    const seen = await weightsOfBatches(model, [{ onTrainBatchEnd: swap }]);
    assert.notDeepEqual(seen[1], seen[0]);
    assert.deepEqual(seen.slice(2), [seen[1], seen[1]]);
  });

  it("leaves an optimizer that has its own minimize to it", async () => {
    const model = chain();
    const optimizer = tf.train.sgd(0.1);
    let calls = 0;
    const { minimize } = optimizer;
    optimizer.minimize = (...given) => {
      calls++;
      return minimize.apply(optimizer, given);
    };
    model.compile({ optimizer, loss });
    const own = await weightsOfBatches(model);
    assert.equal(calls, 4);
    const other = chain();
    other.compile({ optimizer: tf.train.sgd(0.1), loss });
    assert.deepEqual(await weightsOfBatches(other), own);
  });

  it("updates through what is wrapped around applyGradients in mid-run, an average too", async () => {
    const model = chain();
    const optimizer = exponentialMovingAverage(tf.train.sgd(0.1), { momentum: 0 });
    model.compile({ optimizer, loss });
    const stop = (batch: number) => {
      if (batch === 1) optimizer.applyGradients = () => {};
    };
    const seen = await weightsOfBatches(model, [{ onTrainBatchEnd: stop }]);
    assert.notDeepEqual(seen[1], seen[0]);
    assert.deepEqual(seen.slice(2), [seen[1], seen[1]]);
    // With momentum 0 the average is the last weight that an update left.
    assert.deepEqual(weightsOf(model), seen[1]);
  });
});
