import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { evaluate, fit, predict } from "keepfit";
import { tensorsLeft, twins, warned } from "../training/fixtures.ts";
import { drawingFrom } from "./random_seed.ts";

const quiet = { verbose: 0 } as const;
const loss = "meanSquaredError";

/** Encoder and decoder, and behind them an LSTM with or without the encoder's state. */
function decoder(giveState: boolean): tf.LayersModel {
  const seeded = (seed: number) => tf.initializers.glorotUniform({ seed });
  const lstm = (seed: number, args = {}) =>
    tf.layers.lstm({
      units: 3,
      kernelInitializer: seeded(seed),
      recurrentInitializer: seeded(seed + 1),
      ...args,
    });
  const encoded = tf.input({ shape: [4, 2] });
  const decoded = tf.input({ shape: [5, 2] });
  const [, h, c] = lstm(1, { returnState: true }).apply(encoded) as tf.SymbolicTensor[];
  const all = { returnSequences: true };
  const first = lstm(3, all).apply([decoded, h, c]) as tf.SymbolicTensor;
  const second = lstm(5, all).apply(giveState ? [first, h, c] : first);
  const outputs = tf.layers.dense({ units: 1 }).apply(second) as tf.SymbolicTensor;
  const model = tf.model({ inputs: [encoded, decoded], outputs });
  model.compile({ optimizer: "sgd", loss });
  return model;
}

/** A padded sequence, an RNN that keeps the last value, and what is wrapped around it. */
function masked(wrap: (layers: tf.layers.Layer[]) => tf.layers.Layer[] = (layers) => layers) {
  const layers = [
    tf.layers.embedding({
      inputDim: 5,
      outputDim: 2,
      maskZero: true,
      inputLength: 4,
      embeddingsInitializer: "ones",
    }),
    tf.layers.simpleRNN({
      units: 1,
      returnSequences: true,
      kernelInitializer: "ones",
      recurrentInitializer: "zeros",
      activation: "linear",
    }),
    tf.layers.dense({ units: 1, kernelInitializer: "ones" }),
  ];
  const model = tf.sequential({ layers: wrap(layers) });
  model.compile({ optimizer: tf.train.sgd(0), loss, metrics: ["mae"] });
  return model;
}

const padded = tf.tensor2d([[1, 2, 0, 0], [1, 0, 0, 0], [3, 3, 3, 0], [1, 1, 1, 1], [2, 0, 0, 0]]);
const steps = tf.range(0, 20).reshape([5, 4, 1]);

describe("forwardPass", () => {
  const x = [tf.randomUniform([2, 4, 2], -1, 1), tf.randomUniform([2, 5, 2], -1, 1)];
  const y = tf.ones([2, 5, 1]);

  for (const giveState of [false, true]) {
    it(`forwardPass computes recurrent layers after one with a state, ${giveState ? "with" : "without"} a state`, async () => {
      const model = decoder(giveState);
      const uncompiled = { ...quiet, jitCompile: false };
      const expected = (model.predict(x) as tf.Tensor).arraySync();
      assert.deepEqual(((await predict(model, x, uncompiled)) as tf.Tensor).arraySync(), expected);
      const [before] = (model.evaluate(x, y) as tf.Scalar).dataSync();
      assert.equal((await evaluate(model, x, y, uncompiled)).loss, before);
      // TensorFlow.js's own fit fails here.
      const { history } = await fit(model, x, y, { ...uncompiled, validationData: [x, y] });
      assert.equal(history.loss[0], before);
      assert(history.val_loss[0] < before);
    });
  }

  it("forwardPass leaks no tensor, even with layers of several outputs", async () => {
    const model = decoder(true);
    await fit(model, x, y, quiet);
    assert.equal(await tensorsLeft(() => fit(model, x, y, quiet)), 0);
    assert.equal(await tensorsLeft(async () => tf.dispose(await predict(model, x, quiet))), 0);
  });

  it("forwardPass draws random numbers in the order of TensorFlow.js, even in nested models", async () => {
    const make = () => {
      const inputs = tf.input({ shape: [8] });
      const dropped = (rate: number) => tf.layers.dropout({ rate }).apply(inputs);
      const inner = tf.sequential({
        layers: [tf.layers.dropout({ rate: 0.5, inputShape: [8] }), tf.layers.dense({ units: 2 })],
      });
      const parts = [inner.apply(dropped(0.1)), tf.layers.dense({ units: 2 }).apply(dropped(0.5))];
      const outputs = tf.layers.concatenate().apply(parts as never) as tf.SymbolicTensor;
      const model = tf.model({ inputs, outputs });
      model.compile({ optimizer: "sgd", loss });
      return model;
    };
    const [ours, theirs] = twins(make);
    const data = [tf.ones([4, 8]), tf.ones([4, 4])] as const;
    await fit(ours, ...data, {
      ...quiet,
      shuffle: false,
      batchSize: 2,
      seed: 1,
      noise: "tfjs",
    });
    const { makeTrainFunction } = theirs as unknown as Record<
      string,
      () => (data: tf.Tensor[]) => void
    >;
    const trainBatch = makeTrainFunction.call(theirs);
    for (const step of [0, 1]) {
      const batch = data.map((all) => all.slice([2 * step, 0], [2, -1]));
      drawingFrom(tf.engine(), 1, step, () => trainBatch(batch), "tfjs");
    }
    const values = (model: tf.LayersModel) => model.getWeights().map((one) => one.arraySync());
    assert.deepEqual(values(ours), values(theirs));
  });

  it("forwardPass uses the call of a model whose class has its own", async () => {
    class Doubled extends tf.LayersModel {
      override call(inputs: tf.Tensor | tf.Tensor[], kwargs: never): tf.Tensor {
        return (super.call(inputs, kwargs) as tf.Tensor[])[0].mul(2);
      }
    }
    const inputs = tf.input({ shape: [1] });
    const outputs = tf.layers.dense({ units: 1, kernelInitializer: "ones" }).apply(inputs);
    const model = new Doubled({ inputs, outputs: outputs as tf.SymbolicTensor });
    const found = await predict(model, tf.ones([1, 1]), quiet) as tf.Tensor;
    assert.deepEqual(found.arraySync(), [[2]]);
  });
});

describe("A masked step", () => {
  // Keras 3.15.1 returns 79.42857 for these rows.
  it("A masked step counts neither in the loss nor in metrics", async () => {
    const options = { ...quiet, batchSize: 2, shuffle: false };
    const { history } = await fit(masked(), padded, steps, options);
    assert(Math.abs(history.loss[0] - 79.4285736) < 1e-4);
    assert(Math.abs(history.mae[0] - 86 / 11) < 1e-6);
    const logs = await evaluate(masked(), padded, steps, { ...quiet, batchSize: 5 });
    assert(Math.abs(logs.mae - 86 / 11) < 1e-6);
  });

  it("A masked step does not count if a nested model computes or passes the mask", async () => {
    const wraps: ((layers: tf.layers.Layer[]) => tf.layers.Layer[])[] = [
      ([embedding, rnn, dense]) => [tf.sequential({ layers: [embedding, rnn] }), dense],
      (layers) => [tf.sequential({ layers })],
    ];
    const [expected, ...found] = await Promise.all(
      [undefined, ...wraps].map((wrap) => evaluate(masked(wrap), padded, steps, quiet)),
    );
    for (const logs of found) assert.deepEqual(logs, expected);
  });

  it("A masked step multiplies with the weights of rows and of steps", async () => {
    const x = tf.tensor2d([[1, 2, 0, 0]]);
    const y = tf.tensor3d([[[1], [1], [9], [9]]]);
    for (const sampleWeight of [tf.tensor1d([3]), tf.tensor2d([[3, 3, 7, 7]])]) {
      assert.equal((await evaluate(masked(), x, y, { ...quiet, sampleWeight })).loss, 3);
    }
  });

  it("A masked step counts, with one warning, in a loss without a value for each step", async () => {
    const model = masked();
    const own = (yTrue: tf.Tensor, yPred: tf.Tensor) => yTrue.sub(yPred).square().mean([1, 2]);
    model.compile({ optimizer: tf.train.sgd(0), loss: own });
    const warnings = await warned(() => evaluate(model, padded, steps, { ...quiet, batchSize: 1 }));
    assert.equal(warnings.filter((text) => /masked steps count in the loss/.test(text)).length, 1);
  });
});

describe("A frozen BatchNormalization", () => {
  const make = (freeze: (outer: tf.layers.Layer) => void, nests: boolean) => {
    const layer = tf.layers.batchNormalization({ inputShape: [2] });
    const inputs = tf.input({ shape: [2] });
    const outer = nests ? tf.sequential({ layers: [layer] }) : layer;
    const normalized = outer.apply(inputs) as tf.SymbolicTensor;
    const outputs = tf.layers.dense({ units: 1 }).apply(normalized) as tf.SymbolicTensor;
    const model = tf.model({ inputs, outputs });
    freeze(outer);
    model.compile({ optimizer: "sgd", loss });
    return { model, layer };
  };
  const x = tf.tensor2d([[10, 20], [30, 40]]);
  const averages = (layer: tf.layers.Layer) =>
    layer.weights.filter(({ name }) => name.includes("moving"))
      .map((weight) => Array.from(weight.read().dataSync()));

  it("A frozen BatchNormalization keeps and uses its averages, like Keras", async () => {
    for (const nests of [false, true]) {
      const { model, layer } = make((outer) => void (outer.trainable = false), nests);
      const expected = (model.evaluate(x, tf.zeros([2, 1])) as tf.Scalar).dataSync()[0];
      const { history } = await fit(model, x, tf.zeros([2, 1]), quiet);
      assert(Math.abs(history.loss[0] as number - expected) < 1e-6 * expected);
      assert.deepEqual(averages(layer), [[0, 0], [1, 1]]);
    }
  });

  it("A trainable BatchNormalization updates its averages", async () => {
    for (const nests of [false, true]) {
      const { model, layer } = make(() => {}, nests);
      await fit(model, x, tf.zeros([2, 1]), quiet);
      assert.notDeepEqual(averages(layer), [[0, 0], [1, 1]]);
    }
  });
});
