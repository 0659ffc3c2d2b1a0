import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { type CallbackLike, evaluate, exponentialMovingAverage, fit } from "keepfit";
import { tensorsLeft, warned } from "./fixtures.ts";

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

/** Weights in the order of the layers; getWeights() lists frozen ones last. */
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
  it("A training step omits a layer from the batch after a callback has frozen it", async () => {
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

  it("A training step trains a layer from the batch after a callback has unfrozen it and compiled the model", async () => {
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

  it("A training step trains a layer again in the next run after it was unfrozen and the model compiled", async () => {
    const model = chain();
    model.layers[1].trainable = false;
    model.compile({ optimizer: tf.train.sgd(0.1), loss });
    assert.equal(new Set((await weightsOfBatches(model)).map(([weight]) => weight)).size, 1);
    model.layers[1].trainable = true;
    model.compile({ optimizer: tf.train.sgd(0.1), loss });
    assert.equal(new Set((await weightsOfBatches(model)).map(([weight]) => weight)).size, 4);
  });

  it("A training step uses the optimizer with which a callback compiles the model", async () => {
    const model = chain();
    model.compile({ optimizer: tf.train.sgd(0.1), loss });
    const swap = (batch: number) => {
      if (batch === 1) model.compile({ optimizer: tf.train.sgd(0), loss });
    };
    const seen = await weightsOfBatches(model, [{ onTrainBatchEnd: swap }]);
    assert.notDeepEqual(seen[1], seen[0]);
    assert.deepEqual(seen.slice(2), [seen[1], seen[1]]);
  });

  it("A training step calls the minimize of an optimizer that overrides it", async () => {
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

  it("A training step calls a wrapper of applyGradients that is added during a run, such as a moving average", async () => {
    const model = chain();
    const optimizer = exponentialMovingAverage(tf.train.sgd(0.1), { momentum: 0 });
    model.compile({ optimizer, loss });
    const stop = (batch: number) => {
      if (batch === 1) optimizer.applyGradients = () => {};
    };
    const seen = await weightsOfBatches(model, [{ onTrainBatchEnd: stop }]);
    assert.notDeepEqual(seen[1], seen[0]);
    assert.deepEqual(seen.slice(2), [seen[1], seen[1]]);
    // With momentum 0, the average is the weight after the last update.
    assert.deepEqual(weightsOf(model), seen[1]);
  });

  it("A training step uses the new inner model after a callback compiles a Sequential", async () => {
    const base = tf.layers.dense({ units: 1, inputShape: [1], useBias: false, trainable: false });
    const model = tf.sequential({ layers: [base, tf.layers.dense({ units: 1 })] });
    model.compile({ optimizer: tf.train.sgd(0.1), loss });
    const before = base.getWeights()[0].dataSync()[0];
    const seen: number[] = [];
    const { history } = await fit(model, x, y, {
      ...options,
      epochs: 3,
      validationData: [x, y],
      callbacks: {
        onEpochBegin(epoch) {
          seen.push(base.getWeights()[0].dataSync()[0]);
          if (epoch !== 1) return;
          base.trainable = true;
          model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanAbsoluteError" });
        },
      },
    });
    assert.deepEqual(seen.slice(0, 2), [before, before]);
    assert.notEqual(seen[2], before);
    // The new loss applies to training and validation from the next batch.
    const logs = await evaluate(model, x, y, { verbose: 0 });
    assert(Math.abs(logs.loss - history.val_loss[2]) < 1e-6);
  });

  it("A training step ends a run if a callback compiles a loss for other targets", async () => {
    const model = chain();
    model.compile({ optimizer: "sgd", loss });
    const sparse = () => model.compile({ optimizer: "sgd", loss: (() => {}) as never });
    await assert.rejects(
      fit(model, x, y, { ...options, callbacks: { onEpochBegin: sparse } }),
      /new loss needs targets of a different shape/,
    );
  });

  it("A training step marks a Sequential as training even after it was compiled again", async () => {
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    const compile = () => model.compile({ optimizer: "sgd", loss });
    compile();
    const again = async () => {
      compile();
      await fit(model, x, y, options);
    };
    await assert.rejects(
      fit(model, x, y, { ...options, callbacks: { onEpochEnd: again } }),
      /already in another fit/,
    );
    await fit(model, x, y, options);
  });

  it("A training step changes nothing if all layers are frozen, and warns once", async () => {
    for (const freezesLate of [false, true]) {
      const model = chain();
      const freeze = () => model.layers.forEach((layer) => layer.trainable = false);
      if (!freezesLate) freeze();
      model.compile({ optimizer: "adam", loss });
      const callbacks = freezesLate ? { onTrainBegin: freeze } : undefined;
      let losses: number[] = [];
      const warnings = await warned(async () => {
        ({ history: { loss: losses } } = await fit(model, x, y, {
          ...options,
          epochs: 2,
          callbacks,
        }));
      });
      assert.equal(warnings.filter((text) => /no trainable weights/.test(text)).length, 1);
      assert.deepEqual(weightsOf(model), [1, 1]);
      assert.equal(losses[0], losses[1]);
    }
  });

  it("A training step warns once about a layer that was unfrozen after the model was compiled", async () => {
    for (const inRun of [false, true]) {
      const model = chain();
      model.layers[1].trainable = false;
      model.compile({ optimizer: "sgd", loss });
      const thaw = () => void (model.layers[1].trainable = true);
      if (!inRun) thaw();
      const warnings = await warned(() =>
        fit(model, x, y, { ...options, epochs: 3, callbacks: { onEpochBegin: thaw } })
      );
      assert.equal(warnings.filter((text) => /was unfrozen after/.test(text)).length, 1);
      assert.equal(weightsOf(model)[0], 1);
    }
  });

  it("A training step applies constraints after each update, like Keras", async () => {
    const make = (kernelConstraint: "nonNeg" | "unitNorm" | undefined) => {
      const layer = tf.layers.dense({
        units: 1,
        inputShape: [1],
        useBias: false,
        kernelInitializer: "ones",
        kernelConstraint,
      });
      const model = tf.sequential({ layers: [layer] });
      model.compile({ optimizer: tf.train.sgd(0.1), loss });
      return model;
    };
    const kernel = (model: tf.LayersModel) => model.getWeights()[0].dataSync()[0];
    for (const [constraint, least, most] of [["nonNeg", 0, 0], ["unitNorm", 0.99, 1]] as const) {
      const model = make(constraint);
      await fit(model, x, y.mul(-3), { ...options, epochs: 5 });
      assert(kernel(model) >= least && kernel(model) <= most, `${constraint}: ${kernel(model)}`);
    }
    // Optimizers with and without a custom minimize.
    const own = make("nonNeg");
    const { minimize } = own.optimizer;
    own.optimizer.minimize = (...given) => minimize.apply(own.optimizer, given);
    await fit(own, x, y.mul(-3), options);
    assert.equal(kernel(own), 0);
    assert.equal(await tensorsLeft(() => fit(own, x, y, options)), 0);
  });

  it("A training step reports a loss or metric that does not return a tensor", async () => {
    for (
      const [compile, message] of [
        [{ loss: () => 5 }, /^Cannot use the loss of dense\S*: .* got the number 5$/],
        [{ loss: async () => tf.scalar(1) }, /the loss of .* got a promise; await it first$/],
        [{ loss, metrics: [function mine() {}] }, /the metric mine: .* got undefined$/],
      ] as const
    ) {
      const model = chain();
      model.compile({ optimizer: "sgd", ...compile } as never);
      await assert.rejects(fit(model, x, y, options), { name: "TypeError", message });
      await assert.rejects(evaluate(model, x, y, { verbose: 0 }), { name: "TypeError", message });
    }
  });
});

describe("Two outputs of a shared layer", () => {
  it("Two outputs of a shared layer have separate keys, like in Keras, in order and by name", async () => {
    const inputs = [0, 1].map((i) => tf.input({ shape: [1], name: `in${i}` }));
    const shared = tf.layers.dense({ units: 1, name: "head", kernelInitializer: "ones" });
    const outputs = inputs.map((input) => shared.apply(input) as tf.SymbolicTensor);
    const model = tf.model({ inputs, outputs });
    model.compile({ optimizer: "sgd", loss, metrics: ["mae"] });
    const [two, four] = [tf.ones([2, 1]).mul(2), tf.ones([2, 1]).mul(4)];
    const xs = [tf.ones([2, 1]), tf.ones([2, 1])];
    const logs = await evaluate(model, xs, [two, four], { verbose: 0 });
    assert.deepEqual(logs, {
      head_1_loss: 9,
      head_1_mae: 3,
      head_loss: 1,
      head_mae: 1,
      loss: 10,
    });
    const named = await evaluate(model, xs, { head: two, head_1: four }, { verbose: 0 });
    assert.deepEqual(named, logs);
  });
});

describe("Integer targets", () => {
  // TensorFlow.js's functions fail with some of these, and return NaN for others.
  const losses = [
    "meanSquaredError",
    "meanAbsoluteError",
    "meanAbsolutePercentageError",
    "meanSquaredLogarithmicError",
    "squaredHinge",
    "hinge",
    "categoricalHinge",
    "logcosh",
    "categoricalCrossentropy",
    "binaryCrossentropy",
    "kullbackLeiblerDivergence",
    "poisson",
    "cosineProximity",
  ];
  const metrics = ["accuracy", "mse", "mae", "mape", "precision", tf.metrics.recall];

  it("Integer targets count as floats in each loss and metric of TensorFlow.js", async () => {
    const x = tf.tensor2d([[0.1, 0.9], [0.7, 0.2], [0.4, 0.6]]);
    const onehot = tf.tensor2d([[0, 1], [1, 0], [1, 0]]);
    for (const loss of losses) {
      const model = tf.sequential({
        layers: [tf.layers.dense({ units: 2, inputShape: [2], activation: "sigmoid" })],
      });
      model.compile({ optimizer: tf.train.sgd(0), loss, metrics });
      const expected = await evaluate(model, x, onehot, { verbose: 0 });
      assert(Object.values(expected).every(Number.isFinite), loss);
      for (const dtype of ["int32", "bool"] as const) {
        const y = onehot.cast(dtype);
        assert.deepEqual(await evaluate(model, x, y, { verbose: 0 }), expected, `${loss} ${dtype}`);
        const { history } = await fit(model, x, y, { verbose: 0, shuffle: false });
        assert.equal(history.loss[0], expected.loss, `${loss} ${dtype}`);
      }
    }
  });

  it("Integer targets are passed unchanged to custom functions", async () => {
    const seen = new Set<string>();
    const see =
      (what: string, result: (yTrue: tf.Tensor, yPred: tf.Tensor) => tf.Tensor) =>
      (yTrue: tf.Tensor, yPred: tf.Tensor) => {
        seen.add(`${what} ${yTrue.dtype}`);
        return result(yTrue, yPred);
      };
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    model.compile({
      optimizer: "sgd",
      loss: see("loss", (yTrue, yPred) => yTrue.sub(yPred).square().mean(-1)),
      metrics: [see("metric", (yTrue) => yTrue.toFloat())],
    });
    await fit(model, tf.ones([2, 1]), tf.ones([2, 1], "int32"), { verbose: 0 });
    assert.deepEqual([...seen].sort(), ["loss int32", "metric int32"]);
  });
});
