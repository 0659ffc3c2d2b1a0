import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { getLearningRate, setLearningRate } from "keepfit";
import {
  assignWeights,
  cloneWeights,
  disposeWeights,
  readWeights,
  type TrainableModel,
  weightsFromHost,
  weightsOf,
} from "./model.ts";

/** A model whose weights count up from `first`. */
function modelFrom(first: number): tf.Sequential {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [2] })] });
  tf.tidy(() =>
    model.setWeights([tf.range(first, first + 4).reshape([2, 2]), tf.range(first + 4, first + 6)])
  );
  return model;
}

const trainable = (model: tf.LayersModel) => model as unknown as TrainableModel;

async function valuesOf(model: tf.LayersModel): Promise<number[]> {
  const weights = await readWeights(weightsOf(trainable(model)));
  return weights.flatMap(({ values }) => Array.from(values));
}

describe("Weights", () => {
  it("Weights that are cloned on the device survive training and can be restored", async () => {
    const model = modelFrom(1);
    const kept = cloneWeights(trainable(model));
    tf.tidy(() => model.setWeights(model.getWeights().map((weight) => weight.mul(0))));
    assert.deepEqual(await valuesOf(model), [0, 0, 0, 0, 0, 0]);
    const before = tf.memory().numTensors;
    assignWeights(trainable(model), kept);
    assert.equal(tf.memory().numTensors, before);
    disposeWeights(kept);
    assert.deepEqual(await valuesOf(model), [1, 2, 3, 4, 5, 6]);
  });

  it("Weights that are read to the host are copies from the moment of the call", async () => {
    const model = modelFrom(1);
    const before = tf.memory().numTensors;
    const reading = readWeights(weightsOf(trainable(model)));
    tf.tidy(() => model.setWeights(model.getWeights().map((weight) => weight.mul(0))));
    const weights = await reading;
    assert.deepEqual(weights.map(({ shape, dtype }) => [shape, dtype]), [
      [[2, 2], "float32"],
      [[2], "float32"],
    ]);
    assert.deepEqual(weights.map(({ values }) => Array.from(values)), [[1, 2, 3, 4], [5, 6]]);
    weights[0].values.fill(9);
    assert.deepEqual(await valuesOf(model), [0, 0, 0, 0, 0, 0]);
    assert.equal(tf.memory().numTensors, before);
  });

  it("Weights from the host can be assigned to another model, and stay unchanged", async () => {
    const host = await readWeights(weightsOf(trainable(modelFrom(1))));
    const model = modelFrom(100);
    const weights = await weightsFromHost(trainable(model), host);
    assert.deepEqual(await valuesOf(model), [100, 101, 102, 103, 104, 105]);
    assignWeights(trainable(model), weights);
    disposeWeights(weights);
    model.setWeights(tf.tidy(() => model.getWeights().map((weight) => weight.add(1))));
    assert.deepEqual(await valuesOf(model), [2, 3, 4, 5, 6, 7]);
    assert.deepEqual(Array.from(host[0].values), [1, 2, 3, 4]);
  });

  it("Weights that do not match are rejected by number or shape, without leaking tensors", async () => {
    const host = await readWeights(weightsOf(trainable(modelFrom(1))));
    const model = modelFrom(1);
    const before = tf.memory().numTensors;
    await assert.rejects(weightsFromHost(trainable(model), host.slice(1)), {
      name: "RangeError",
      message:
        "Cannot restore weights: 1 were kept, the model has 2; missing are 'dense_Dense1/kernel'",
    });
    await assert.rejects(
      weightsFromHost(trainable(model), [host[0], { ...host[1], shape: [3] }]),
      {
        message: "Cannot restore 'dense_Dense1/bias': kept with shape [3], the model has [2]",
      },
    );
    assert.equal(tf.memory().numTensors, before);
  });

  it("A model without weights is rejected", () => {
    assert.throws(() => cloneWeights({}), /Cannot keep weights: the model has no getWeights/);
    assert.throws(
      () => assignWeights({}, []),
      /Cannot restore weights: the model has no setWeights/,
    );
  });
});

describe("The learning rate", () => {
  const optimizers: Record<string, (rate: number) => tf.Optimizer> = {
    SGD: (rate) => tf.train.sgd(rate),
    Momentum: (rate) => tf.train.momentum(rate, 0.9),
    Adagrad: (rate) => tf.train.adagrad(rate),
    Adadelta: (rate) => tf.train.adadelta(rate),
    Adam: (rate) => tf.train.adam(rate),
    Adamax: (rate) => tf.train.adamax(rate),
    RMSProp: (rate) => tf.train.rmsprop(rate),
  };
  for (const [name, make] of Object.entries(optimizers)) {
    it(`The learning rate of ${name} can be read and set, and the next update uses it`, () => {
      const optimizer = make(0.125);
      const variable = tf.variable(tf.tensor1d([1, 2]));
      const step = () => {
        const before = Array.from(variable.dataSync());
        optimizer.minimize(() => tf.tidy(() => variable.square().sum() as tf.Scalar));
        return Array.from(variable.dataSync()).map((value, i) => Math.abs(value - before[i]));
      };
      assert.equal(getLearningRate(optimizer), 0.125);
      assert(step().every((change) => change > 0));
      setLearningRate(optimizer, 0);
      assert.equal(getLearningRate(optimizer), 0);
      assert.deepEqual(step(), [0, 0]);
      setLearningRate(optimizer, 0.25);
      assert(step().every((change) => change > 0));
    });
  }

  it("The learning rate of a compiled model is its optimizer's", () => {
    const model = modelFrom(1);
    const optimizer = tf.train.adam(0.01);
    model.compile({ optimizer, loss: "meanSquaredError" });
    setLearningRate(model, 0.125);
    assert.equal(getLearningRate(model), 0.125);
    assert.equal(getLearningRate(optimizer), 0.125);
  });

  it("The learning rate must be a finite number that is not negative", () => {
    for (const rate of [-1, NaN, Infinity, "0.1" as never]) {
      assert.throws(() => setLearningRate(tf.train.sgd(1), rate), {
        name: "RangeError",
        message: `Cannot set the learning rate to ${rate}: it must be a finite number >= 0`,
      });
    }
  });

  it("The learning rate is missing before compile, and without an optimizer", () => {
    assert.throws(
      () => getLearningRate(modelFrom(1)),
      /no optimizer; call model.compile\(\) first/,
    );
    assert.throws(
      () => setLearningRate({}, 1),
      /Cannot set the learning rate: the optimizer has no/,
    );
    assert.throws(() => getLearningRate(null), TypeError);
  });
});
