import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import {
  evaluate,
  evaluateDataset,
  fit,
  fitDataset,
  type FitOptions,
  History,
  type Params,
  predict,
  type Tensors,
} from "keepfit";
import { tensorsLeft, warned } from "./fixtures.ts";

const x = tf.ones([4, 3]);
const y = tf.ones([4, 1]);
const quiet = { verbose: 0 } as const;

function dense(compile: Partial<tf.ModelCompileArgs> = {}, units = 1): tf.Sequential {
  const model = tf.sequential({
    layers: [tf.layers.dense({ units, inputShape: [3], name: "out" })],
  });
  model.compile({ optimizer: "sgd", loss: "meanSquaredError", ...compile });
  return model;
}

function twoOutputs(compile: Partial<tf.ModelCompileArgs> = {}): tf.LayersModel {
  const inputs = tf.input({ shape: [3], name: "in" });
  const output = (name: string) =>
    tf.layers.dense({ units: 1, name }).apply(inputs) as tf.SymbolicTensor;
  const model = tf.model({ inputs, outputs: [output("a"), output("b")] });
  model.compile({ optimizer: "sgd", loss: "meanSquaredError", ...compile });
  return model;
}

/** Test that a run fails before its first batch. */
function rejects(title: string, run: () => Promise<unknown>, name: string, message: RegExp): void {
  it(title, () => assert.rejects(run(), { name, message }));
}

describe("fit with an invalid model", () => {
  const bare = () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [3] })] });
  rejects(
    "fit rejects a model that is not compiled",
    () => fit(bare(), x, y, quiet),
    "TypeError",
    /^Cannot fit: the model is not compiled; call model.compile\(\{ optimizer, loss \}\) first$/,
  );
  rejects(
    "evaluate rejects a model that is not compiled",
    () => evaluate(bare(), x, y),
    "TypeError",
    /^Cannot evaluate: .* not compiled/,
  );
  rejects(
    "fit rejects a model without layers",
    () => fit(tf.sequential(), x, y, quiet),
    "TypeError",
    /^Cannot fit: the model is not built; add a layer with inputShape first$/,
  );
  for (
    const [model, got] of [[null, "null"], [undefined, "undefined"], [{}, "Object"], [5, "number"]]
  ) {
    rejects(
      `fit rejects a value that is not a model: ${got}`,
      () => fit(model as never, x, y, quiet),
      "TypeError",
      new RegExp(`expected a tf.LayersModel or tf.Sequential, got ${got}`),
    );
  }
  rejects(
    "fit rejects a model that is already in a fit",
    async () => {
      const model = dense();
      await fit(model, x, y, {
        ...quiet,
        callbacks: { onEpochEnd: () => fit(model, x, y, quiet) },
      });
    },
    "CallbackError",
    /Cannot fit: the model is already in another fit/,
  );
});

describe("fit with invalid data", () => {
  const refused: [string, () => [Tensors, Tensors], string, RegExp][] = [
    [
      "x of another width",
      () => [tf.ones([4, 2]), y],
      "RangeError",
      /training x of shape \[4,2\]: out_input needs \[rows, 3\]/,
    ],
    [
      "x of another rank",
      () => [tf.ones([4]), y],
      "RangeError",
      /training x of shape \[4\]: out_input needs/,
    ],
    [
      "y of another width",
      () => [x, tf.ones([4, 2])],
      "RangeError",
      /training y of shape \[4,2\]: out needs \[rows, 1\]/,
    ],
    [
      "fewer targets",
      () => [x, tf.ones([3, 1])],
      "RangeError",
      /the first x has 4 rows, another tensor has 3 \(shapes \[4,3\] \[3,1\]\)/,
    ],
    [
      "no rows",
      () => [tf.ones([0, 3]), tf.ones([0, 1])],
      "RangeError",
      /training data without rows/,
    ],
    [
      "no x",
      () => [undefined as never, y],
      "TypeError",
      /^Cannot use training x: expected a tf.Tensor, got undefined$/,
    ],
    ["no y", () => [x, undefined as never], "TypeError", /Cannot use training y: .*got undefined/],
    [
      "an array of numbers",
      () => [[1, 2] as never, y],
      "TypeError",
      /expected a tf.Tensor, got an array of 2 numbers; write tf.tensor1d\(x\)/,
    ],
    [
      "an object that is not a tensor",
      () => [{ out_input: 5 } as never, y],
      "TypeError",
      /expected a tf.Tensor for out_input, got the number 5/,
    ],
    [
      "nested arrays",
      () => [[[1, 2, 3], [4, 5, 6]] as never, y],
      "TypeError",
      /training x: expected a tf.Tensor, got a nested array of shape \[2, 3\]; write tf.tensor2d\(x\)/,
    ],
    [
      "one nested row",
      () => [[[1, 2, 3]] as never, y],
      "TypeError",
      /got a nested array of shape \[1, 3\]; write tf.tensor2d\(x\)/,
    ],
    [
      "nested arrays as y",
      () => [x, [[true], [false]] as never],
      "TypeError",
      /training y: .* got a nested array of shape \[2, 1\]; write tf.tensor2d\(y\)/,
    ],
    [
      "rows of typed arrays",
      () => [[new Float32Array(3), new Float32Array(3)] as never, y],
      "TypeError",
      /got a nested array of shape \[2, 3\]; write tf.tensor2d\(x\)/,
    ],
    [
      "rows of different lengths",
      () => [[[1, 2, 3], [4, 5]] as never, y],
      "TypeError",
      /got a nested array whose parts differ in length/,
    ],
    [
      "a typed array",
      () => [new Float32Array(12) as never, y],
      "TypeError",
      /got a Float32Array of 12 values; write tf.tensor\(x, \[rows, ...\]\)/,
    ],
    ["a promise", () => [Promise.resolve(x) as never, y], "TypeError", /got a promise; await it/],
    ["a number", () => [5 as never, y], "TypeError", /training x: .* got the number 5$/],
    ["a path", () => ["a.csv" as never, y], "TypeError", /got the string "a.csv"$/],
    ["an unknown name", () => [x, { other: y }], "TypeError", /training y: it lacks out/],
    ["a scalar", () => [tf.scalar(1), y], "RangeError", /training x of shape \[\]/],
  ];
  for (const [what, data, name, message] of refused) {
    rejects(`fit rejects ${what}`, () => fit(dense(), ...data(), quiet), name, message);
  }
  rejects(
    "fit rejects a missing output",
    () => fit(twoOutputs(), x, { a: y }, quiet),
    "TypeError",
    /it lacks b/,
  );
  rejects(
    "fit rejects one tensor for two outputs",
    () => fit(twoOutputs(), x, y, quiet),
    "TypeError",
    /one tensor as training y: the model has 2, a, b/,
  );
  rejects(
    "fit rejects arrays for two outputs",
    () => fit(twoOutputs(), x, [[1, 2], [3, 4]] as never, quiet),
    "TypeError",
    /training y: expected a tf.Tensor for a, got an array of 2 numbers; write tf.tensor1d\(...\)/,
  );
  rejects(
    "fit rejects one array for two outputs",
    () => fit(twoOutputs(), x, [1, 2, 3] as never, quiet),
    "TypeError",
    /training y: expected a tf.Tensor for each of a, b, got an array of 3 numbers/,
  );
  rejects(
    "fit rejects one-hot rows for class numbers",
    () => fit(dense({ loss: "sparseCategoricalCrossentropy" }, 3), x, tf.ones([4, 3]), quiet),
    "RangeError",
    /training y of shape \[4,3\]: out needs \[rows, 1\] \(class numbers, because the loss is/,
  );
  rejects(
    "fit rejects class numbers for one-hot rows",
    () => fit(dense({ loss: "categoricalCrossentropy" }, 3), x, y, quiet),
    "RangeError",
    /out needs \[rows, 3\]; for class numbers compile with sparseCategoricalCrossentropy, or write tf.oneHot\(y, 3\)/,
  );
  rejects(
    "fit rejects validation data of the wrong shape",
    () => fit(dense(), x, y, { ...quiet, validationData: [x, tf.ones([4, 9])] }),
    "RangeError",
    /validation y of shape \[4,9\]/,
  );
  for (const validationData of [[x], x, [x, y, y, y], 5]) {
    rejects(
      `fit rejects validation data that is ${
        Array.isArray(validationData) ? validationData.length : "no"
      } tensors in an array`,
      () => fit(dense(), x, y, { ...quiet, validationData: validationData as never }),
      "TypeError",
      /it must be \[x, y\], \[x, y, sampleWeight\] or a dataset/,
    );
  }
  rejects(
    "fit rejects a dataset",
    () => fit(dense(), function* () {} as never, y, quiet),
    "TypeError",
    /call fitDataset\(/,
  );
  rejects(
    "fitDataset rejects tensors",
    () => fitDataset(dense(), x as never, quiet),
    "TypeError",
    /for tensors call fit\(/,
  );
});

describe("fit with invalid options", () => {
  const refused: [FitOptions, RegExp][] = [
    [{ epochs: -1 }, /Cannot use epochs -1: it must be a whole number >= 0/],
    [{ epochs: 1.5 }, /epochs 1.5/],
    [{ epochs: NaN }, /epochs NaN/],
    [{ epochs: "3" as never }, /epochs the string "3": it must be a whole number/],
    [{ batchSize: "32" as never }, /batchSize "32": it must be a whole number/],
    [{ shuffle: "batches" as never }, /shuffle: expected true, false or "batch", got .* "batches"/],
    [{ shuffle: {} as never }, /shuffle: .* got an empty object/],
    [{ shuffle: 1 as never }, /shuffle: .* got the number 1/],
    [{ verbose: 3 as never }, /verbose: expected 0, 1, 2 or "auto", got the number 3/],
    [{ verbose: -1 as never }, /verbose: .* got the number -1/],
    [{ verbose: NaN as never }, /verbose: .* got the number NaN/],
    [{ verbose: "1" as never }, /verbose: .* got the string "1"/],
    [{ validationSplit: "0.2" as never }, /validationSplit: expected a number .* got .* "0.2"/],
    [{ validationFreq: [] }, /validationFreq \[\]: it names no epoch/],
    [{ validationFreq: {} as never }, /validationFreq an empty object: it must be a whole number/],
    [{ validationFreq: ["2"] as never }, /validationFreq the string "2"/],
    [{ initialEpoch: -1 }, /initialEpoch -1/],
    [{ batchSize: 0 }, /Cannot use batchSize 0: it must be a whole number >= 1/],
    [{ batchSize: 2.5 }, /batchSize 2.5/],
    [{ validationData: [x, y], validationBatchSize: 0 }, /validationBatchSize 0/],
    [{ stepsPerEpoch: 0 }, /stepsPerEpoch 0/],
    [{ validationData: [x, y], validationSteps: 0 }, /validationSteps 0/],
    [{ seed: -1 }, /seed -1/],
    [
      { validationSplit: 1 },
      /validationSplit 1 of 4 rows: it must leave at least one row for training/,
    ],
    [{ validationSplit: -0.5 }, /validationSplit -0.5 of 4 rows/],
    [{ validationSplit: NaN }, /validationSplit NaN/],
    [{ validationSplit: 0.99 }, /validationSplit 0.99 of 4 rows/],
    [{ validationFreq: 0 }, /validationFreq 0/],
    [{ validationFreq: 1.5 }, /validationFreq 1.5/],
    [{ validationFreq: [1, 0] }, /validationFreq 0/],
    [{ yieldEvery: -1 }, /yieldEvery -1: it must be milliseconds, "auto"/],
    [{ yieldEvery: "always" as never }, /yieldEvery the string "always"/],
    [{ yieldEvery: "toString" as never }, /yieldEvery the string "toString"/],
    [{ yieldEvery: Symbol("s") as never }, /yieldEvery the symbol Symbol\(s\)/],
    [{ validationSplit: Symbol("s") as never }, /validationSplit: .* got the symbol/],
    [{ epochs: 3n as never }, /epochs the bigint 3/],
    [
      { classWeight: { 0: 1 } },
      /classWeight for out: class 1 is in the data but not among the weights \(0\)/,
    ],
    [
      { classWeight: { 1: NaN } },
      /classWeight of class 1 for out: expected a finite number, got NaN/,
    ],
    [{ classWeight: { 1: Infinity } }, /classWeight of class 1 for out: .* got Infinity/],
    [
      { sampleWeight: tf.tensor1d([1, 1, NaN, 1]) },
      /training sampleWeight of row 2: expected a finite number, got NaN/,
    ],
    [{ sampleWeight: tf.tensor1d([1, Infinity, 1, 1]) }, /sampleWeight of row 1: .* Infinity/],
    [{ sampleWeight: tf.ones([3]) }, /training sampleWeight of shape \[3\]: x has 4 rows/],
    [{ sampleWeight: tf.ones([4, 2]) }, /weights of shape \[4,2\] for a loss of shape \[4\]/],
  ];
  for (const [options, message] of refused) {
    rejects(
      `fit rejects callbacks: ${message}`.slice(0, 60),
      () => fit(dense(), x, y, { ...quiet, ...options }),
      "RangeError",
      message,
    );
  }
  const shapes: [FitOptions, RegExp][] = [
    [{ sampleWeight: y }, /one training sampleWeight for 2 outputs: pass one for each of a, b/],
    [{ sampleWeight: { c: y } }, /training sampleWeight for c: the model's outputs are a, b/],
    [{ sampleWeight: [y] }, /training sampleWeight for 1 outputs/],
    [
      { sampleWeight: { a: 5 } as never },
      /training sampleWeight for a: expected a tf.Tensor, got the number 5/,
    ],
    [{ classWeight: { 1: 1 } }, /one classWeight for 2 outputs/],
    [{ classWeight: { c: { 1: 1 } } }, /classWeight for c/],
    [
      { classWeight: 5 as never },
      /Cannot use classWeight: expected \{ 0: .* for each of a, b, got the number 5/,
    ],
  ];
  for (const [options, message] of shapes) {
    rejects(
      `fit rejects an option for two outputs: ${Object.entries(options)}`,
      () => fit(twoOutputs(), x, [y, y], { ...quiet, ...options }),
      "TypeError",
      message,
    );
  }
  rejects(
    "fit rejects class weights for targets with steps",
    async () => {
      const model = tf.sequential({
        layers: [
          tf.layers.timeDistributed({ layer: tf.layers.dense({ units: 1 }), inputShape: [2, 3] }),
        ],
      });
      model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
      await fit(model, tf.ones([4, 2, 3]), tf.ones([4, 2, 1]), { ...quiet, classWeight: { 1: 1 } });
    },
    "RangeError",
    /its targets have shape \[4,2,1\], expected class numbers or one-hot rows/,
  );
});

describe("fit with invalid weights", () => {
  const disposed = tf.ones([4]);
  disposed.dispose();
  const refused: [FitOptions, RegExp][] = [
    [
      { sampleWeight: [1, 2, 1, 2] as never },
      /training sampleWeight: expected a tf.Tensor, got an array of 4 numbers; write tf.tensor1d\(sampleWeight\)/,
    ],
    [{ sampleWeight: tf.tensor1d(["a", "b", "c", "d"]) }, /expected numbers, got .* dtype string/],
    [{ sampleWeight: disposed }, /training sampleWeight: the tensor is disposed/],
    [{ sampleWeight: { other: y } as never }, /expected a tf.Tensor, got \{ other \}/],
    [
      { classWeight: [1, 1, 1] as never },
      /classWeight: expected \{ 0: weight, .* got an array of 3 numbers; write \{ ...classWeight \}/,
    ],
    [{ classWeight: { 0: "1" } as never }, /classWeight: expected .*, got 0: the string "1"/],
    [
      { classWeight: new Map([[0, 1]]) as never },
      /classWeight: .* got a Map; write Object.fromEntries\(classWeight\)/,
    ],
    [{ classWeight: { cat: 1 } as never }, /classWeight: .* got cat: the number 1/],
  ];
  for (const [options, message] of refused) {
    rejects(
      `fit rejects weights ${message}`.slice(0, 70),
      () => fit(dense(), x, y, { ...quiet, ...options }),
      "TypeError",
      message,
    );
  }
  rejects(
    "fit rejects class weights for a dataset before its first batch",
    () =>
      fitDataset(
        dense(),
        () => {
          throw new Error("the dataset was read");
        },
        { ...quiet, classWeight: { 0: NaN } },
      ),
    "RangeError",
    /classWeight of class 0 for out/,
  );

  it("fit warns once about negative weights", async () => {
    const sampleWeight = tf.tensor1d([1, -1, 1, -2]);
    for (const options of [{ sampleWeight }, { classWeight: { 1: -1 } }]) {
      const warnings = await warned(() => fit(dense(), x, y, { ...quiet, ...options, epochs: 2 }));
      assert.equal(warnings.length, 1);
      assert.match(warnings[0], /training increases a loss with a negative weight/);
    }
  });

  it("fit requires no weights for classes or rows that occur only in validation", async () => {
    const model = dense({ loss: "sparseCategoricalCrossentropy" }, 3);
    const labels = tf.tensor1d([0, 1, 1, 2]);
    const options = { ...quiet, validationSplit: 0.25 };
    await fit(model, x, labels, { ...options, classWeight: { 0: 1, 1: 2 } });
    await assert.rejects(
      fit(model, x, labels, { ...options, classWeight: { 0: 1, 2: 2 } }),
      /class 1 is in the data but not among the weights/,
    );
  });
});

describe("fit with invalid tensors", () => {
  const gone = tf.ones([4, 3]);
  gone.dispose();
  const texts = tf.tensor2d([["a"], ["b"], ["c"], ["d"]]);
  const complex = tf.complex(tf.ones([4, 3]), tf.ones([4, 3]));
  const model = dense();
  const refused: [string, () => Promise<unknown>, RegExp][] = [
    [
      "that are disposed",
      () => fit(model, gone, y, quiet),
      /training x: the tensor is disposed$/,
    ],
    [
      "that are disposed, by name",
      () => fit(model, x, { out: gone }, quiet),
      /training y for out: the tensor is disposed$/,
    ],
    ["of text", () => fit(model, x, texts, quiet), /training y: expected numbers, .* string/],
    ["of complex numbers", () => fit(model, complex, y, quiet), /training x: .* complex64/],
    ["of text, in evaluate", () => evaluate(model, x, texts, quiet), /evaluation y: .* string/],
    [
      "that are disposed, in predict",
      () => predict(model, gone, quiet),
      /prediction x: .*disposed/,
    ],
  ];
  for (const [what, run, message] of refused) {
    it(`fit rejects tensors ${what}`, async () => {
      await assert.rejects(run(), { name: "TypeError", message });
      assert.equal(await tensorsLeft(run), 0);
    });
  }

  it("fit ignores data for unknown names, with one warning", async () => {
    const inputs = { out_input: x, another: y };
    const warnings = await warned(async () => {
      await fit(dense(), { ...inputs, out_input: x }, { out: y, ouput: y }, quiet);
      await fit(dense(), inputs, y, quiet);
    });
    assert.deepEqual(warnings.map((text) => /data for "(\w+)", which is ignored/.exec(text)?.[1]), [
      "another",
      "ouput",
    ]);
  });
});

describe("fit with invalid labels", () => {
  const sparse = () => dense({ loss: "sparseCategoricalCrossentropy" }, 3);
  const cases: [number[], RegExp][] = [
    [
      [1, 2, 3, 1],
      /row 2 is 3, but out has the classes 0 to 2; class numbers count from 0: write y.s/,
    ],
    [[0, 1, 2, 7], /row 3 is 7, but out has the classes 0 to 2$/],
    [[0, -1, 2, 1], /row 1 is -1, but out has the classes 0 to 2$/],
    [[0, 0.5, 2, 1], /row 1 is 0.5/],
    [[1.5, 1, 2, 1], /row 0 is 1.5, but out has the classes 0 to 2$/],
    [[NaN, 0, 2, 1], /row 0 is NaN/],
  ];
  for (const [labels, message] of cases) {
    for (const dtype of ["float32", "int32"] as const) {
      if (dtype === "int32" && !labels.every(Number.isInteger)) continue;
      it(`fit rejects the labels ${labels} as ${dtype} in every run`, async () => {
        const y = tf.tensor1d(labels, dtype);
        const refused = { name: "RangeError", message };
        await assert.rejects(fit(sparse(), x, y, quiet), refused);
        await assert.rejects(evaluate(sparse(), x, y, quiet), refused);
        const validationData = [x, y] as const;
        const good = tf.tensor1d([0, 1, 2, 0]);
        await assert.rejects(fit(sparse(), x, good, { ...quiet, validationData }), refused);
        const dataset = function* () {
          yield { xs: x.clone(), ys: tf.tensor1d([0, 1, 2, 0]) };
          yield { xs: x.clone(), ys: y.clone() };
        };
        const { source } = message;
        await assert.rejects(fitDataset(sparse(), dataset, quiet), {
          name: "RangeError",
          message: new RegExp(`ys in batch 1 of the training dataset: ${source}`),
        });
      });
    }
  }

  it("fit rejects invalid labels only in used rows", async () => {
    const late = tf.tensor1d([0, 1, 2, 3]);
    await assert.rejects(
      fit(sparse(), x, late, { ...quiet, validationSplit: 0.25 }),
      /validation y: row 3 is 3/,
    );
  });

  it("fit rejects invalid labels of single steps", async () => {
    const steps = tf.layers.timeDistributed({
      layer: tf.layers.dense({ units: 3, activation: "softmax" }),
      inputShape: [2, 3],
    });
    const model = tf.sequential({ layers: [steps] });
    model.compile({ optimizer: "sgd", loss: "sparseCategoricalCrossentropy" });
    const labels = tf.tensor3d([[[0], [1]], [[2], [3]]], undefined, "int32");
    await assert.rejects(
      fit(model, tf.ones([2, 2, 3]), labels, quiet),
      /training y: row 1 is 3/,
    );
  });

  it("fit accepts labels if it does not know the classes, or with another loss", async () => {
    await fit(dense(), x, tf.tensor1d([7, -1, 0.5, 3]), quiet);
  });

  it("fit warns about probabilities outside 0 to 1", async () => {
    const runs: [tf.Sequential, tf.Tensor, RegExp][] = [
      [
        dense({ loss: "binaryCrossentropy" }),
        tf.tensor1d([1, 2, 1, 2]),
        /training y contains 2 for out in row 1, binaryCrossentropy needs values from 0 to 1/,
      ],
      [
        dense({ loss: "categoricalCrossentropy" }, 2),
        tf.tensor2d([[0, 1], [1, 0], [1, 0], [-1, 1]]),
        /training y contains -1 for out in row 3, categoricalCrossentropy needs/,
      ],
    ];
    for (const [model, y, message] of runs) {
      const warnings = await warned(() => fit(model, x, y, quiet));
      assert.equal(warnings.filter((text) => message.test(text)).length, 1);
    }
  });
});

describe("fit with a stateful model", () => {
  const stateful = () => {
    const model = tf.sequential({
      layers: [
        tf.layers.lstm({ units: 2, batchInputShape: [4, 5, 2], stateful: true }),
        tf.layers.dense({ units: 1 }),
      ],
    });
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    return model;
  };
  const xOf = (rows: number) => tf.ones([rows, 5, 2]);
  const yOf = (rows: number) => tf.ones([rows, 1]);
  const options = { ...quiet, batchSize: 4, callbacks: { onTrainBatchBegin: fail } };
  function fail() {
    throw new Error("a batch has begun");
  }
  const divisible = (role: string, rows: number) =>
    new RegExp(`${role} data of ${rows} rows: .* divisible by the batch size, 4`);
  const refused: [string, () => Promise<unknown>, RegExp][] = [
    ["in training", () => fit(stateful(), xOf(6), yOf(6), options), divisible("training", 6)],
    [
      "by its own batch size",
      () => fit(stateful(), xOf(6), yOf(6), { ...options, batchSize: undefined }),
      divisible("training", 6),
    ],
    [
      "in one batch that is too small",
      () => predict(stateful(), xOf(3), { ...quiet, batchSize: 32 }),
      /batchSize 32: the model is stateful and made for batches of 4 rows/,
    ],
    [
      "after a split",
      () => fit(stateful(), xOf(10), yOf(10), { ...options, validationSplit: 0.2 }),
      divisible("validation", 2),
    ],
    [
      "in validation",
      () => fit(stateful(), xOf(4), yOf(4), { ...options, validationData: [xOf(6), yOf(6)] }),
      divisible("validation", 6),
    ],
    [
      "in evaluation",
      () => evaluate(stateful(), xOf(6), yOf(6), { ...quiet, batchSize: 4 }),
      divisible("evaluation", 6),
    ],
    [
      "in prediction",
      () => predict(stateful(), xOf(6), { ...quiet, batchSize: 4 }),
      divisible("prediction", 6),
    ],
    [
      "of another batch size",
      () => fit(stateful(), xOf(8), yOf(8), { ...options, batchSize: 2 }),
      /batchSize 2: the model is stateful and made for batches of 4 rows; pass batchSize: 4/,
    ],
    [
      "of a dataset",
      () =>
        fitDataset(stateful(), function* () {
          yield { xs: xOf(3), ys: yOf(3) };
        }, { ...quiet, callbacks: options.callbacks }),
      /batch 0 of the training dataset: it has 3 rows, the model is stateful and made for batches of 4/,
    ],
  ];
  for (const [what, run, message] of refused) {
    rejects(`A stateful model rejects rows ${what}`, run, "RangeError", message);
  }

  it("A stateful model determines the default batch size, everywhere", async () => {
    const model = stateful();
    const sizes: unknown[] = [];
    const history = await fit(model, xOf(12), yOf(12), {
      ...quiet,
      validationSplit: 4 / 12,
      callbacks: {
        setParams: ({ batchSize }: Params) => void sizes.push(batchSize),
        onTrainBatchBegin: (batch: number) => void sizes.push(batch),
      },
    });
    assert.deepEqual(sizes, [4, 0, 1]);
    assert.equal(history.history.val_loss.length, 1);
    await fitDataset(model, function* () {
      yield { xs: xOf(4), ys: yOf(4) };
    }, { ...quiet, validationData: [xOf(8), yOf(8)] });
    const { loss } = await evaluate(model, xOf(8), yOf(8), quiet);
    assert(Number.isFinite(loss));
    const predicted = await predict(model, xOf(8), quiet) as tf.Tensor;
    assert.deepEqual(predicted.shape, [8, 1]);
    predicted.dispose();
  });

  it("A stateful model accepts one batch of all rows below the batch size, as TensorFlow.js predicts it", async () => {
    const model = stateful();
    const ours = await predict(model, xOf(4), { ...quiet, batchSize: 32 }) as tf.Tensor;
    model.resetStates();
    const theirs = model.predict(xOf(4), { batchSize: 32 }) as tf.Tensor;
    assert.deepEqual(Array.from(ours.dataSync()), Array.from(theirs.dataSync()));
    await fit(model, xOf(4), yOf(4), { ...quiet, batchSize: 32 });
  });

  it("Rows need not be divisible without a state, or if steps exclude the rest", async () => {
    await fit(dense(), tf.ones([5, 3]), tf.ones([5, 1]), { ...quiet, batchSize: 2 });
    await evaluate(stateful(), xOf(6), yOf(6), { ...quiet, batchSize: 4, steps: 1 });
  });
});

describe("fit with an invalid compiled model", () => {
  rejects(
    "fit rejects a model with metrics for an unknown output",
    () => fit(twoOutputs({ metrics: { a: "mae", c: "mae" } }), x, [y, y], quiet),
    "TypeError",
    /model.compile was given metrics for "c", the model's outputs are a, b/,
  );
  it("fit rejects a model without a loss for an output", async () => {
    await warned(() =>
      assert.rejects(fit(twoOutputs({ loss: { a: "meanSquaredError" } }), x, [y, y], quiet), {
        name: "TypeError",
        message: /^Cannot fit: the output b has no loss; give each of a, b one/,
      })
    );
  });
  rejects(
    "fit rejects a model that is disposed",
    () => {
      const model = dense();
      model.dispose();
      return fit(model, x, y, quiet);
    },
    "TypeError",
    /^Cannot fit: the model is disposed; create it again$/,
  );
  rejects(
    "fit rejects a model whose variables are disposed",
    () => {
      const model = dense();
      tf.disposeVariables();
      return fit(model, x, y, quiet);
    },
    "TypeError",
    /^Cannot fit: the model is disposed; create it again$/,
  );
  for (const make of [tf.train.sgd, tf.train.adam, tf.train.adamax, tf.train.rmsprop] as const) {
    rejects(
      `fit rejects a model with a disposed optimizer, ${make.name}`,
      async () => {
        const optimizer = make(0.1);
        const model = dense({ optimizer });
        await fit(model, x, y, quiet);
        optimizer.dispose();
        await fit(model, x, y, quiet);
      },
      "TypeError",
      /^Cannot fit: the optimizer \w+ is disposed; compile the model with a new one$/,
    );
  }
});

describe("An argument in place of the options", () => {
  const calls: { [name: string]: (options: never) => Promise<unknown> } = {
    fit: (options) => fit(dense(), x, y, options),
    fitDataset: (options) => fitDataset(dense(), () => one(), options),
    evaluate: (options) => evaluate(dense(), x, y, options),
    evaluateDataset: (options) => evaluateDataset(dense(), () => one(), options),
    predict: (options) => predict(dense(), x, options),
  };
  function* one() {
    yield { xs: x.clone(), ys: y.clone() };
  }
  for (const [name, run] of Object.entries(calls)) {
    it(`${name} rejects an argument in place of the options`, async () => {
      for (const given of [5, [], "fast", true, y, () => {}]) {
        await assert.rejects(run(given as never), {
          name: "TypeError",
          message: new RegExp(`^Cannot ${name}: expected an object of options, .*, got `),
        });
      }
    });
    it(`${name} rejects an invalid signal`, async () => {
      for (const signal of [{}, "stop", new AbortController()]) {
        await assert.rejects(run({ verbose: 0, signal } as never), {
          name: "TypeError",
          message: /^Cannot use signal: expected an AbortSignal, got /,
        });
      }
      await assert.rejects(
        run({ verbose: 0, signal: new AbortController() } as never),
        /write controller.signal$/,
      );
    });
    it(`${name} accepts null for the options and for each option`, async () => {
      const names = [
        ...["batchSize", "epochs", "validationSplit", "validationData", "shuffle", "classWeight"],
        ...["sampleWeight", "initialEpoch", "stepsPerEpoch", "validationFreq", "seed", "steps"],
        ...["yieldEvery", "onError", "signal", "callbacks", "validationBatchSize", "batches"],
      ];
      const options = Object.fromEntries(names.map((name) => [name, null]));
      const warnings = await warned(() => run({ ...options, verbose: 0 } as never));
      // Unknown options still cause a warning.
      for (const text of warnings) assert.match(text, /has no option '\w+', which is ignored/);
    });
  }

  it("fit accepts true and false for verbose", async () => {
    assert.deepEqual(await warned(() => fit(dense(), x, y, { verbose: false as never })), []);
  });

  it("Two names of one option are rejected if their values differ", async () => {
    const runs: [Promise<unknown>, RegExp][] = [
      [fitDataset(dense(), one, { ...quiet, stepsPerEpoch: 1, batchesPerEpoch: 2 }), /batchesPer/],
      [fitDataset(dense(), one, { ...quiet, validationSteps: 1, validationBatches: 2 }), /validat/],
      [evaluateDataset(dense(), one, { ...quiet, steps: 1, batches: 2 }), /steps 1 and batches 2/],
    ];
    for (const [run, message] of runs) await assert.rejects(run, { name: "RangeError", message });
    await fitDataset(dense(), one, { ...quiet, stepsPerEpoch: 1, batchesPerEpoch: 1 });
  });
});

describe("An unknown option", () => {
  function* clones() {
    // The loop disposes the batches of a dataset.
    yield { xs: x.clone(), ys: y.clone() };
  }
  const runs: [name: string, run: (options: object) => Promise<unknown>][] = [
    ["fit", (options) => fit(dense(), x, y, options)],
    ["fitDataset", (options) => fitDataset(dense(), () => clones(), options)],
    ["evaluate", (options) => evaluate(dense(), x, y, options)],
    ["evaluateDataset", (options) => evaluateDataset(dense(), () => clones(), options)],
    ["predict", (options) => predict(dense(), x, options)],
  ];
  for (const [name, run] of runs) {
    it(`${name} warns about an unknown option, with the nearest name`, async () => {
      assert.deepEqual(await warned(() => run({ ...quiet, callback: [] })), [
        `keepfit: ${name} has no option 'callback', which is ignored: did you mean 'callbacks'?`,
      ]);
      assert.deepEqual(await warned(() => run(quiet)), []);
    });
  }

  it("An unknown option without a near name lists the available ones", async () => {
    const [warning] = await warned(() =>
      fitDataset(dense(), () => clones(), { ...quiet, workers: 2 } as object)
    );
    assert.match(
      warning,
      /^keepfit: fitDataset has no option 'workers'.* available are callbacks, /,
    );
  });

  it("An option that only applies to tensors suggests a method of the dataset", async () => {
    const warnings = await warned(async () => {
      const options = { ...quiet, batchSize: 2, shuffle: true } as object;
      await fitDataset(dense(), () => clones(), options);
      await evaluateDataset(dense(), () => clones(), { ...quiet, batchSize: 2 } as object);
    });
    const told = (name: string, option: string, advice: string) =>
      `keepfit: ${name} has no option '${option}', which is ignored: a dataset has its own ${advice}`;
    const order = "order; write dataset.shuffle(n, seed)";
    assert.deepEqual(warnings, [
      told("fitDataset", "batchSize", "batches; write dataset.batch(n)"),
      told("fitDataset", "shuffle", order),
      told("evaluateDataset", "batchSize", "batches; write dataset.batch(n)"),
    ]);
  });

  it("A batch size for a dataset causes a warning", async () => {
    const data = () => clones();
    const warnings = await warned(async () => {
      (await predict(dense(), data, { ...quiet, batchSize: 2 }) as tf.Tensor).dispose();
      const options = { ...quiet, validationData: data, validationBatchSize: 2 };
      await fit(dense(), x, y, options);
      await fitDataset(dense(), data, options);
    });
    const told = (name: string) =>
      `keepfit: ${name} is ignored: a dataset has its own batches; write dataset.batch(n)`;
    const validation = told("validationBatchSize");
    assert.deepEqual(warnings, [told("batchSize"), validation, validation]);
  });

  const ofTensors: [object, RegExp][] = [
    [{ validationSplit: 0.2 }, /validationSplit with a dataset: .* pass validationData$/],
    [{ sampleWeight: tf.ones([4]) }, /sampleWeight with a dataset: .* \{ xs, ys, sampleWeight \}$/],
  ];
  for (const [options, message] of ofTensors) {
    const [name] = Object.keys(options);
    const given = { ...quiet, ...options };
    for (const [verb, run] of runs.filter(([verb]) => verb.endsWith("Dataset"))) {
      rejects(
        `fit rejects ${name} of ${verb}, which would change the run`,
        () => run(given),
        "TypeError",
        message,
      );
    }
  }
});

describe("fit with invalid callbacks", () => {
  const history = new History();
  const refused: [unknown, RegExp][] = [
    [History, /History is a class; write new History/],
    [{ onEpochsEnd() {} }, /none of the hooks/],
    [[history, history], /Cannot use History twice/],
  ];
  for (const [callbacks, message] of refused) {
    rejects(
      `fit rejects callbacks: ${message}`,
      () => fit(dense(), x, y, { ...quiet, callbacks: callbacks as never }),
      "CallbackError",
      message,
    );
  }
});

describe("predict with invalid data", () => {
  rejects(
    "predict rejects a typed array",
    () => predict(dense(), new Float32Array(3) as never, quiet),
    "TypeError",
    /prediction x: expected a tf.Tensor, got a Float32Array of 3 values/,
  );
  rejects(
    "predict rejects inputs of the wrong shape",
    () => predict(dense(), tf.ones([4, 2]), quiet),
    "RangeError",
    /prediction x of shape \[4,2\]/,
  );
  rejects(
    "predict rejects no rows",
    () => predict(dense(), tf.ones([0, 3]), quiet),
    "RangeError",
    /prediction data without rows/,
  );
  rejects(
    "predict rejects a value that is not a model",
    () => predict(undefined as never, x),
    "TypeError",
    /^Cannot predict: expected a tf.LayersModel/,
  );
});
