import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { fit, fitDataset, type FitOptions, type Tensors } from "keepfit";
import { furthest, twins, weightsOf } from "./fixtures.ts";

const rows = 10;
const x = tf.randomNormal([rows, 3], 0, 1, "float32", 1);
const y = tf.randomNormal([rows, 1], 0, 1, "float32", 2);
const classes = tf.tensor1d([0, 1, 2, 1, 0, 2, 1, 1, 0, 2]);
const oneHot = tf.oneHot(classes.toInt(), 3).toFloat();
const binary = tf.tensor2d([0, 1, 0, 1, 1, 0, 1, 1, 0, 0], [rows, 1]);

type Activation = "linear" | "softmax" | "sigmoid" | "relu";

function dense(
  compile: Partial<tf.ModelCompileArgs>,
  units = 1,
  activation: Activation = "linear",
): () => tf.Sequential {
  return () => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 4, inputShape: [3], activation: "tanh" }),
        tf.layers.dense({ units, activation }),
      ],
    });
    model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError", ...compile });
    return model;
  };
}

/** Twins with the same weights in every run of the tests. */
function seededTwins(make: () => tf.LayersModel): [tf.LayersModel, tf.LayersModel] {
  return twins(() => {
    const model = make();
    tf.tidy(() =>
      model.setWeights(
        model.getWeights().map(({ shape }, i) => tf.randomUniform(shape, 0, 0.5, "float32", i + 1)),
      )
    );
    return model;
  });
}

/**
 * Train twins with tfjs and with keepfit, and compare all logs and weights. keepfit trains with the
 * steps of TensorFlow.js and with compiled steps.
 */
async function compare(
  make: () => tf.LayersModel,
  x: Tensors,
  y: Tensors,
  options: FitOptions & tf.ModelFitArgs = {},
  tolerance = 0,
): Promise<void> {
  await compareOnce(make, x, y, { ...options, jitCompile: false }, tolerance);
  await compareOnce(make, x, y, options, 2e-6);
}

async function compareOnce(
  make: () => tf.LayersModel,
  x: Tensors,
  y: Tensors,
  options: FitOptions & tf.ModelFitArgs,
  tolerance: number,
): Promise<void> {
  const [theirs, ours] = seededTwins(make);
  const common = { epochs: 3, batchSize: 4, shuffle: false, verbose: 0, ...options } as const;
  const expected = await theirs.fit(x as tf.Tensor, y as tf.Tensor, common);
  const actual = await fit(ours, x, y, common);
  assert.deepEqual(
    Object.keys(actual.history).map((key) => key.replace("accuracy", "acc")),
    Object.keys(expected.history).sort(),
  );
  for (const [key, values] of Object.entries(expected.history)) {
    assert.ok(furthest(actual.history[key], values as number[]) < 2e-6, key);
  }
  assert.ok(furthest(weightsOf(ours), weightsOf(theirs)) <= tolerance, "weights");
}

describe("fit compared with tfjs", () => {
  const optimizers: Record<string, () => tf.Optimizer> = {
    sgd: () => tf.train.sgd(0.1),
    momentum: () => tf.train.momentum(0.1, 0.9, true),
    adagrad: () => tf.train.adagrad(0.1),
    adadelta: () => tf.train.adadelta(0.1),
    adam: () => tf.train.adam(0.1),
    adamax: () => tf.train.adamax(0.1),
    rmsprop: () => tf.train.rmsprop(0.1, 0.9, 0.5, 1e-7, true),
  };
  for (const [name, optimizer] of Object.entries(optimizers)) {
    it(`fit gives tfjs's numbers with ${name}`, () =>
      compare(() => dense({ optimizer: optimizer(), metrics: ["mae"] })(), x, y));
  }

  const losses: [string, Tensors, number, Activation][] = [
    ["meanAbsoluteError", y, 1, "linear"],
    ["hinge", binary, 1, "linear"],
    ["logcosh", y, 1, "linear"],
    ["poisson", binary, 1, "sigmoid"],
    ["binaryCrossentropy", binary, 1, "sigmoid"],
    ["categoricalCrossentropy", oneHot, 3, "softmax"],
    ["sparseCategoricalCrossentropy", classes, 3, "softmax"],
  ];
  for (const [loss, y, units, activation] of losses) {
    it(`fit gives tfjs's numbers with ${loss} and accuracy`, () =>
      compare(dense({ loss, metrics: ["accuracy"] }, units, activation), x, y));
  }

  it("fit gives tfjs's numbers with a custom loss and metric", () =>
    compare(
      dense({
        loss: (yTrue: tf.Tensor, yPred: tf.Tensor) => yTrue.sub(yPred).square().mul(2).mean(-1),
        metrics: [function bias(yTrue: tf.Tensor, yPred: tf.Tensor) {
          return yTrue.sub(yPred);
        }],
      }),
      x,
      y,
    ));

  it("fit gives tfjs's numbers with validation data, a split and class weights", async () => {
    const make = dense({ metrics: ["mae"] });
    await compare(make, x, y, { validationData: [x.slice([0], [5]), y.slice([0], [5])] });
    await compare(make, x, y, { validationSplit: 0.3 });
    await compare(dense({ loss: "categoricalCrossentropy" }, 3, "softmax"), x, oneHot, {
      classWeight: { 0: 1, 1: 0.5, 2: 3 },
    });
    await compare(dense({ loss: "binaryCrossentropy" }, 1, "sigmoid"), x, binary, {
      classWeight: { 0: 1, 1: 0.25 },
    });
  });

  it("fit gives tfjs's numbers with one batch, batches that divide the rows, and a later initial epoch", async () => {
    for (const batchSize of [rows, 100, 5, 1]) await compare(dense({}), x, y, { batchSize });
    await compare(dense({}), x, y, { initialEpoch: 2, epochs: 5 });
  });

  it("fit gives tfjs's numbers with convolution, batch normalization and regularizers", async () => {
    const regularizer = tf.regularizers.l1l2({ l1: 0.01, l2: 0.02 });
    const images = tf.randomNormal([rows, 6, 6, 1], 0, 1, "float32", 3);
    const make = () => {
      const model = tf.sequential({
        layers: [
          tf.layers.conv2d({
            filters: 2,
            kernelSize: 3,
            inputShape: [6, 6, 1],
            kernelRegularizer: regularizer,
            // Its gradient would be only rounding errors, which Adam scales up.
            useBias: false,
          }),
          tf.layers.batchNormalization(),
          tf.layers.maxPooling2d({ poolSize: 2 }),
          tf.layers.flatten(),
          tf.layers.dense({ units: 3, activation: "softmax", activityRegularizer: undefined }),
        ],
      });
      model.compile({ optimizer: "adam", loss: "categoricalCrossentropy", metrics: ["acc"] });
      return model;
    };
    await compare(make, images, oneHot);
  });

  it("fit gives tfjs's numbers with an LSTM and embedded integers", async () => {
    const words = tf.randomUniform([rows, 4], 0, 5, "int32", 4);
    const make = () => {
      const model = tf.sequential({
        layers: [
          tf.layers.embedding({ inputDim: 5, outputDim: 2, inputLength: 4 }),
          tf.layers.lstm({ units: 3 }),
          tf.layers.dense({ units: 1 }),
        ],
      });
      model.compile({ optimizer: "rmsprop", loss: "meanSquaredError" });
      return model;
    };
    await compare(make, words, y);
  });

  it("fit gives tfjs's numbers with two inputs and two outputs, in order and by name", async () => {
    const make = () => {
      const a = tf.input({ shape: [3], name: "a" });
      const b = tf.input({ shape: [1], name: "b" });
      const both = tf.layers.concatenate().apply([a, b]) as tf.SymbolicTensor;
      const hidden = tf.layers.dense({ units: 4, activation: "tanh" }).apply(both);
      const left = tf.layers.dense({ units: 1, name: "left" }).apply(hidden);
      const right = tf.layers.dense({ units: 3, activation: "softmax", name: "right" })
        .apply(hidden);
      const model = tf.model({ inputs: [a, b], outputs: [left, right] as tf.SymbolicTensor[] });
      model.compile({
        optimizer: "adam",
        loss: { left: "meanSquaredError", right: "categoricalCrossentropy" },
        metrics: { right: "accuracy", left: "mae" },
      });
      return model;
    };
    // tfjs logs the mean of a sum, keepfit the sum of means.
    await compare(make, [x, y], [y, oneHot], {}, 1e-6);
    await compare(make, { b: y, a: x }, { right: oneHot, left: y }, {}, 1e-6);
  });
});

describe("fitDataset compared with tfjs", () => {
  const dataset = () =>
    tf.data.zip({
      xs: tf.data.array(Array.from({ length: rows }, (_, i) => [i / rows, 1, -i / rows])),
      ys: tf.data.array(Array.from({ length: rows }, (_, i) => [i % 3])),
    }).batch(4);
  const make = dense({ optimizer: "adam", metrics: ["mae"] });

  it("fitDataset gives tfjs's numbers over all batches, and with steps and .repeat()", async () => {
    for (const batchesPerEpoch of [undefined, 2, 4]) {
      const [theirs, ours] = seededTwins(make);
      const data = batchesPerEpoch === undefined ? dataset() : dataset().repeat();
      const options = {
        epochs: 3,
        batchesPerEpoch,
        validationData: dataset(),
        verbose: 0 as const,
      };
      const expected = await theirs.fitDataset(
        data as tf.data.Dataset<tf.TensorContainer>,
        options,
      );
      const actual = await fitDataset(ours, data as tf.data.Dataset<tf.TensorContainer>, {
        ...options,
        jitCompile: false,
      });
      for (const [key, values] of Object.entries(expected.history)) {
        assert.ok(furthest(actual.history[key], values as number[]) < 2e-6, key);
      }
      assert.deepEqual(weightsOf(ours), weightsOf(theirs));
    }
  });

  it("fitDataset gives tfjs's numbers with class weights", async () => {
    const [theirs, ours] = seededTwins(make);
    const options = { epochs: 2, classWeight: { 0: 1, 1: 2, 2: 0.5 }, verbose: 0 as const };
    await theirs.fitDataset(dataset() as tf.data.Dataset<tf.TensorContainer>, options);
    await fitDataset(ours, dataset() as tf.data.Dataset<tf.TensorContainer>, {
      ...options,
      jitCompile: false,
    });
    assert.deepEqual(weightsOf(ours), weightsOf(theirs));
  });
});
