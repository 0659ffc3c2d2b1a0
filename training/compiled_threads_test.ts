import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { type CallbackLike, describeStep, fit, predict, setRandomSeed } from "keepfit";
import { describeBackend, useBackend } from "keepfit/backend";

const { layers } = tf;

/** Networks with products large enough for several threads. */
const networks: Record<string, { input: number[]; rows: number; layers(): tf.layers.Layer[] }> = {
  dense: {
    input: [301],
    rows: 70,
    layers: () => [
      layers.dense({ units: 1021, activation: "relu" }),
      layers.dense({ units: 333, activation: "tanh" }),
    ],
  },
  convolutional: {
    input: [29, 30, 5],
    rows: 20,
    layers: () => [
      layers.conv2d({ filters: 19, kernelSize: 3, padding: "same", activation: "relu" }),
      layers.conv2d({ filters: 33, kernelSize: 3, strides: 2 }),
      layers.flatten(),
    ],
  },
  recurrent: {
    input: [7, 150],
    rows: 50,
    layers: () => [
      layers.lstm({ units: 203, returnSequences: true, recurrentInitializer: "glorotUniform" }),
      layers.gru({ units: 62, recurrentInitializer: "glorotUniform" }),
    ],
  },
};

/** Train and predict with a number of threads; returns all weights and outputs. */
async function train(name: string, threads: number, callbacks: CallbackLike[] = []) {
  const chosen = await useBackend(tf, "wasm", { threads });
  assert.deepEqual(chosen, { backend: "wasm", reasons: [] });
  assert.equal(describeBackend(tf).wasm?.threads, threads);
  const { input, rows, layers: body } = networks[name];
  setRandomSeed(tf, 5);
  const model = tf.sequential({
    layers: [layers.inputLayer({ inputShape: input }), ...body(), layers.dense({ units: 3 })],
  });
  model.compile({ optimizer: "adam", loss: "meanSquaredError" });
  const x = tf.randomUniform([rows, ...input], -1, 1, "float32", 1);
  const y = tf.randomUniform([rows, 3], -1, 1, "float32", 2);
  const options = { batchSize: 40, epochs: 2, seed: 3, verbose: 0, jitCompile: true } as const;
  await fit(model, x, y, { ...options, callbacks });
  assert.deepEqual(describeStep(model), { isCompiled: true });
  const predicted = await predict(model, x, { verbose: 0, jitCompile: true }) as tf.Tensor;
  const results = [...model.getWeights(), predicted].map((one) => one.dataSync().slice());
  tf.dispose([x, y, predicted]);
  model.dispose();
  return results;
}

describe("A compiled step on wasm with threads", () => {
  after(async () => {
    await useBackend(tf, "wasm", { threads: 1 });
    await useBackend(tf, "cpu");
  });

  for (const name of Object.keys(networks)) {
    it(`A compiled step of a ${name} network has the bits of one thread`, async () => {
      const one = await train(name, 1);
      for (const threads of [2, 3]) assert.deepEqual(await train(name, threads), one);
    });
  }

  it("A compiled step has the bits of one thread while the heap grows", async () => {
    const one = await train("dense", 1);
    const held: tf.Tensor[] = [];
    const grow = { onTrainBatchEnd: () => void held.push(tf.zeros([2 ** 22])) };
    const several = await train("dense", 2, [grow]);
    assert.equal(held.length, 4);
    tf.dispose(held);
    assert.deepEqual(several, one);
  });
});
