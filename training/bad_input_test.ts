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
  predict,
  type Tensors,
} from "keepfit";
import { warned } from "./fixtures.ts";

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

function twoOutputs(): tf.LayersModel {
  const inputs = tf.input({ shape: [3], name: "in" });
  const output = (name: string) =>
    tf.layers.dense({ units: 1, name }).apply(inputs) as tf.SymbolicTensor;
  const model = tf.model({ inputs, outputs: [output("a"), output("b")] });
  model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
  return model;
}

/** One run that must fail before its first batch, once and clearly. */
function refuses(what: string, run: () => Promise<unknown>, name: string, message: RegExp): void {
  it(what, () => assert.rejects(run(), { name, message }));
}

describe("fit refuses a model", () => {
  const bare = () => tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [3] })] });
  refuses(
    "that is not compiled",
    () => fit(bare(), x, y, quiet),
    "TypeError",
    /^Cannot fit: the model is not compiled; call model.compile\(\{ optimizer, loss \}\) first$/,
  );
  refuses(
    "to evaluate it as well",
    () => evaluate(bare(), x, y),
    "TypeError",
    /^Cannot evaluate: .* not compiled/,
  );
  refuses(
    "that has no layer yet",
    () => fit(tf.sequential(), x, y, quiet),
    "TypeError",
    /^Cannot fit: the model is not built; add a layer with inputShape first$/,
  );
  for (
    const [model, got] of [[null, "null"], [undefined, "undefined"], [{}, "Object"], [5, "number"]]
  ) {
    refuses(
      `that is none: ${got}`,
      () => fit(model as never, x, y, quiet),
      "TypeError",
      new RegExp(`expected a tf.LayersModel or tf.Sequential, got ${got}`),
    );
  }
  refuses(
    "that is in a fit already",
    async () => {
      const model = dense();
      await fit(model, x, y, {
        ...quiet,
        callbacks: { onEpochEnd: () => fit(model, x, y, quiet) },
      });
    },
    "CallbackError",
    /Cannot fit: the model is in another fit already/,
  );
});

describe("fit refuses data", () => {
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
      "an object that is no tensor",
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
    ["a number", () => [5 as never, y], "TypeError", /training x: .* got the number 5$/],
    ["a path", () => ["a.csv" as never, y], "TypeError", /got the string "a.csv"$/],
    ["another name", () => [x, { other: y }], "TypeError", /training y: nothing was given for out/],
    ["a scalar", () => [tf.scalar(1), y], "RangeError", /training x of shape \[\]/],
  ];
  for (const [what, data, name, message] of refused) {
    refuses(what, () => fit(dense(), ...data(), quiet), name, message);
  }
  refuses(
    "a missing output",
    () => fit(twoOutputs(), x, { a: y }, quiet),
    "TypeError",
    /nothing was given for b/,
  );
  refuses(
    "one tensor for two outputs",
    () => fit(twoOutputs(), x, y, quiet),
    "TypeError",
    /one tensor as training y: the model has 2, a, b/,
  );
  refuses(
    "arrays for two outputs",
    () => fit(twoOutputs(), x, [[1, 2], [3, 4]] as never, quiet),
    "TypeError",
    /training y: expected a tf.Tensor for a, got an array of 2 numbers; write tf.tensor1d\(...\)/,
  );
  refuses(
    "one array for two outputs",
    () => fit(twoOutputs(), x, [1, 2, 3] as never, quiet),
    "TypeError",
    /training y: expected a tf.Tensor for each of a, b, got an array of 3 numbers/,
  );
  refuses(
    "one-hot rows for class numbers",
    () => fit(dense({ loss: "sparseCategoricalCrossentropy" }, 3), x, tf.ones([4, 3]), quiet),
    "RangeError",
    /training y of shape \[4,3\]: out needs \[rows, 1\] \(class numbers, because the loss is/,
  );
  refuses(
    "class numbers for one-hot rows",
    () => fit(dense({ loss: "categoricalCrossentropy" }, 3), x, y, quiet),
    "RangeError",
    /out needs \[rows, 3\]; for class numbers compile with sparseCategoricalCrossentropy, or write tf.oneHot\(y, 3\)/,
  );
  refuses(
    "validation data that does not fit",
    () => fit(dense(), x, y, { ...quiet, validationData: [x, tf.ones([4, 9])] }),
    "RangeError",
    /validation y of shape \[4,9\]/,
  );
  for (const validationData of [[x], x, [x, y, y, y], 5]) {
    refuses(
      `validation data that is ${
        Array.isArray(validationData) ? validationData.length : "no"
      } tensors in an array`,
      () => fit(dense(), x, y, { ...quiet, validationData: validationData as never }),
      "TypeError",
      /it must be \[x, y\], \[x, y, sampleWeight\] or a dataset/,
    );
  }
  refuses(
    "a dataset",
    () => fit(dense(), function* () {} as never, y, quiet),
    "TypeError",
    /call fitDataset\(/,
  );
  refuses(
    "tensors, in fitDataset,",
    () => fitDataset(dense(), x as never, quiet),
    "TypeError",
    /for tensors call fit\(/,
  );
});

describe("fit refuses options", () => {
  const refused: [FitOptions, RegExp][] = [
    [{ epochs: -1 }, /Cannot use epochs -1: it must be a whole number >= 0/],
    [{ epochs: 1.5 }, /epochs 1.5/],
    [{ epochs: NaN }, /epochs NaN/],
    [{ epochs: "3" as never }, /epochs 3: it must be a whole number/],
    [{ initialEpoch: -1 }, /initialEpoch -1/],
    [{ batchSize: 0 }, /Cannot use batchSize 0: it must be a whole number >= 1/],
    [{ batchSize: 2.5 }, /batchSize 2.5/],
    [{ validationData: [x, y], validationBatchSize: 0 }, /batchSize 0/],
    [{ stepsPerEpoch: 0 }, /stepsPerEpoch 0/],
    [{ validationData: [x, y], validationSteps: 0 }, /validationSteps 0/],
    [{ seed: -1 }, /seed -1/],
    [
      { validationSplit: 1 },
      /validationSplit 1 of 4 rows: it must leave at least one row to train/,
    ],
    [{ validationSplit: -0.5 }, /validationSplit -0.5 of 4 rows/],
    [{ validationSplit: NaN }, /validationSplit NaN/],
    [{ validationSplit: 0.99 }, /validationSplit 0.99 of 4 rows/],
    [{ validationFreq: 0 }, /validationFreq 0/],
    [{ validationFreq: 1.5 }, /validationFreq 1.5/],
    [{ validationFreq: [1, 0] }, /validationFreq 0/],
    [{ yieldEvery: -1 }, /yieldEvery -1: it must be milliseconds, "auto"/],
    [{ yieldEvery: "always" as never }, /yieldEvery always/],
    [
      { classWeight: { 0: 1 } },
      /classWeight for out: class 1 is in the data and not among the weights \(0\)/,
    ],
    [{ sampleWeight: tf.ones([3]) }, /training sampleWeight of shape \[3\]: x has 4 rows/],
    [{ sampleWeight: tf.ones([4, 2]) }, /weights of shape \[4,2\] for a loss of shape \[4\]/],
  ];
  for (const [options, message] of refused) {
    refuses(
      JSON.stringify(options).slice(0, 60),
      () => fit(dense(), x, y, { ...quiet, ...options }),
      "RangeError",
      message,
    );
  }
  const shapes: [FitOptions, RegExp][] = [
    [{ sampleWeight: y }, /one training sampleWeight for 2 outputs: give one for each of a, b/],
    [{ sampleWeight: { c: y } }, /training sampleWeight for c: the model's outputs are a, b/],
    [{ sampleWeight: [y] }, /training sampleWeight for 1 outputs/],
    [{ sampleWeight: { a: 5 } as never }, /training sampleWeight for a: got number/],
    [{ classWeight: { 1: 1 } }, /one classWeight for 2 outputs/],
    [{ classWeight: { c: { 1: 1 } } }, /classWeight for c/],
    [{ classWeight: 5 as never }, /Cannot use 5 as classWeight/],
  ];
  for (const [options, message] of shapes) {
    refuses(
      `${Object.entries(options)}`,
      () => fit(twoOutputs(), x, [y, y], { ...quiet, ...options }),
      "TypeError",
      message,
    );
  }
  refuses(
    "class weights for targets with steps",
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
    /its targets have shape \[4,2,1\], class numbers or one-hot rows are needed/,
  );
});

describe("an option that nobody reads", () => {
  function* clones() {
    // The loop disposes what a dataset gives.
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
    it(`is warned about by ${name}, with the nearest name`, async () => {
      assert.deepEqual(await warned(() => run({ ...quiet, callback: [] })), [
        `keepfit: ${name} has no option 'callback', it is ignored: did you mean 'callbacks'?`,
      ]);
      assert.deepEqual(await warned(() => run(quiet)), []);
    });
  }

  it("is told what there is when no name is near", async () => {
    const [warning] = await warned(() =>
      fitDataset(dense(), () => clones(), { ...quiet, batchSize: 2 } as object)
    );
    assert.match(warning, /^keepfit: fitDataset has no option 'batchSize'.* there are callbacks, /);
  });
});

describe("fit refuses callbacks", () => {
  const history = new History();
  const refused: [unknown, RegExp][] = [
    [History, /History is a class; write new History/],
    [{ onEpochsEnd() {} }, /none of the hooks/],
    [[history, history], /Cannot use History twice/],
  ];
  for (const [callbacks, message] of refused) {
    refuses(
      `${message}`,
      () => fit(dense(), x, y, { ...quiet, callbacks: callbacks as never }),
      "CallbackError",
      message,
    );
  }
});

describe("predict refuses", () => {
  refuses(
    "a typed array",
    () => predict(dense(), new Float32Array(3) as never, quiet),
    "TypeError",
    /prediction x: expected a tf.Tensor, got a Float32Array of 3 values/,
  );
  refuses(
    "inputs that do not fit",
    () => predict(dense(), tf.ones([4, 2]), quiet),
    "RangeError",
    /prediction x of shape \[4,2\]/,
  );
  refuses(
    "no rows",
    () => predict(dense(), tf.ones([0, 3]), quiet),
    "RangeError",
    /prediction data without rows/,
  );
  refuses(
    "what is no model",
    () => predict(undefined as never, x),
    "TypeError",
    /^Cannot predict: expected a tf.LayersModel/,
  );
});
