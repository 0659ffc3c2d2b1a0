import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import {
  type CallbackHooks,
  type CallbackLike,
  type DatasetBatch,
  evaluate,
  evaluateDataset,
  fit,
  fitDataset,
  type FitOptions,
  predict,
  ratioMetric,
  type ValidationTensors,
} from "keepfit";
import { tensorsLeft } from "./fixtures.ts";

const x = tf.range(0, 6).reshape([6, 1]);
const y = x.mul(2);
const weight = tf.ones([6]);
const validationData: ValidationTensors = [x, [y, y]];
const quiet = { verbose: 0, batchSize: 4 } as const;

/**
 * A model with two outputs, metrics, a regularizer, and an optimizer that has created its slots.
 */
async function grownModel(): Promise<tf.LayersModel> {
  const input = tf.input({ shape: [1] });
  const hidden = tf.layers.dense({
    units: 2,
    kernelRegularizer: tf.regularizers.l2({ l2: 0.01 }),
  }).apply(input);
  const outputs = ["a", "b"].map((name) =>
    tf.layers.dense({ units: 1, name }).apply(hidden) as tf.SymbolicTensor
  );
  const model = tf.model({ inputs: input, outputs });
  model.compile({
    optimizer: "adam",
    loss: "meanSquaredError",
    metrics: [
      "mae",
      tf.metrics.recall,
      ratioMetric("sum", {
        sums: (yTrue) => yTrue.sum(),
        result: ([sum]) => sum,
      }),
    ],
  });
  await fit(model, x, [y, y], quiet);
  return model;
}

const batches = function* (): Generator<DatasetBatch> {
  // A tensor that is passed twice, and an unused one.
  for (let i = 0; i < 3; i++) {
    const values = tf.ones([2]);
    yield {
      xs: values,
      ys: [values, tf.ones([2, 1])],
      other: { deep: tf.zeros([1]) },
    } as DatasetBatch;
  }
};

/** A callback for each hook, which throws in it. */
function failing(hooks: readonly (keyof CallbackHooks)[]): CallbackLike[] {
  return hooks.flatMap((hook) => [
    {
      [hook]() {
        throw new Error("oh");
      },
    },
    { [hook]: () => Promise.reject(new Error("oh, later")) },
  ]);
}

const test = ["onTestBegin", "onTestBatchBegin", "onTestBatchEnd", "onTestEnd", "close"] as const;
const train = [
  "onTrainBegin",
  "onEpochBegin",
  "onTrainBatchBegin",
  "onTrainBatchEnd",
  "onEpochEnd",
  "onTrainEnd",
  ...test,
] as const;

describe("Tensors", () => {
  it("No tensor leaks from fit and fitDataset with all options", async () => {
    const model = await grownModel();
    const callbacks = { onTrainBatchEnd() {}, onTestBatchEnd() {} };
    const options = { ...quiet, epochs: 2, callbacks, sampleWeight: [weight, weight] };
    assert.equal(
      await tensorsLeft(() => fit(model, x, [y, y], { ...options, validationSplit: 0.5 })),
      0,
    );
    const more = { ...options, validationData: batches, shuffle: "batch" } as const;
    assert.equal(await tensorsLeft(() => fit(model, x, [y, y], more)), 0);
    const data = { ...quiet, epochs: 2, validationData };
    assert.equal(await tensorsLeft(() => fitDataset(model, batches, data)), 0);
  });

  it("No tensor leaks from a stop within an epoch", async () => {
    const model = await grownModel();
    const callbacks = { onTrainBatchEnd: () => void (model.stopTraining = true) };
    for (const stepsPerEpoch of [undefined, 2]) {
      const options = { ...quiet, callbacks, stepsPerEpoch };
      assert.equal(await tensorsLeft(() => fitDataset(model, batches, options)), 0);
      assert.equal(await tensorsLeft(() => fit(model, x, [y, y], options)), 0);
    }
  });

  it("No tensor leaks from any hook that throws or rejects in fit", async () => {
    const model = await grownModel();
    for (const callbacks of failing(train)) {
      const options: FitOptions = { ...quiet, callbacks, validationData };
      const runs: (() => Promise<void>)[] = [
        () => assert.rejects(fit(model, x, [y, y], options), /oh/),
        () => assert.rejects(fitDataset(model, batches, options), /oh/),
      ];
      for (const run of runs) {
        assert.equal(await tensorsLeft(run), 0, Object.keys(callbacks)[0]);
      }
    }
  });

  it("No tensor leaks from any hook that throws or rejects in evaluate and predict", async () => {
    const model = await grownModel();
    for (const callbacks of failing(test)) {
      const options = { ...quiet, callbacks };
      assert.equal(
        await tensorsLeft(() => assert.rejects(evaluate(model, x, [y, y], options), /oh/)),
        0,
      );
      assert.equal(
        await tensorsLeft(() => assert.rejects(evaluateDataset(model, batches, options), /oh/)),
        0,
      );
    }
    const hooks = [
      "onPredictBegin",
      "onPredictBatchBegin",
      "onPredictBatchEnd",
      "onPredictEnd",
      "close",
    ] as const;
    for (const callbacks of failing(hooks)) {
      const run = () => assert.rejects(predict(model, x, { ...quiet, callbacks }), /oh/);
      assert.equal(await tensorsLeft(run), 0, Object.keys(callbacks)[0]);
    }
  });

  it("No tensor leaks from a loss, a metric or a layer that throws", async () => {
    const broken = () => {
      tf.ones([3]);
      throw new Error("oh");
    };
    for (const compile of [{ loss: broken }, { loss: "meanSquaredError", metrics: [broken] }]) {
      const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
      model.compile({ optimizer: "sgd", ...compile } as tf.ModelCompileArgs);
      assert.equal(await tensorsLeft(() => assert.rejects(fit(model, x, y, quiet), /oh/)), 0);
      assert.equal(await tensorsLeft(() => assert.rejects(evaluate(model, x, y, quiet), /oh/)), 0);
    }
  });

  it("No tensor leaks from invalid data", async () => {
    const model = await grownModel();
    const wrong = tf.ones([6, 2]);
    const disposed = tf.ones([6, 1]);
    disposed.dispose();
    const runs = [
      () => fit(model, wrong, [y, y], quiet),
      () => fit(model, x, [y, disposed], quiet),
      () => fit(model, x, [y, y], { ...quiet, validationData: [x, [y, wrong]] }),
      () => fit(model, x, [y, y], { ...quiet, sampleWeight: [wrong, wrong] }),
      () => fit(model, x, [y, y], { ...quiet, validationSplit: 2 }),
      () => evaluate(model, x, [y, wrong], quiet),
      () => predict(model, wrong, quiet),
    ];
    for (const run of runs) {
      assert.equal(await tensorsLeft(() => assert.rejects(run())), 0, `${run}`);
    }
  });
});
