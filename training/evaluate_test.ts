import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { evaluate, evaluateDataset, type EvaluateOptions, fit, type Params } from "keepfit";
import { furthest, tensorsLeft, warned } from "./fixtures.ts";

const x = tf.tensor2d([[1], [2], [3], [4], [5]]);
const zeros = tf.zeros([5, 1]);
const quiet = { verbose: 0 } as const;

/** A model that returns its input. */
function identity(compile: Partial<tf.ModelCompileArgs> = {}): tf.Sequential {
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "ones" })],
  });
  model.compile({ optimizer: "sgd", loss: "meanAbsoluteError", metrics: ["mse"], ...compile });
  return model;
}

describe("evaluate returning numbers", () => {
  it("evaluate returns numbers by name, the same for every batch size", async () => {
    for (const batchSize of [undefined, 1, 2, 5, 100]) {
      assert.deepEqual(await evaluate(identity(), x, zeros, { ...quiet, batchSize }), {
        loss: 3,
        mse: 11,
      });
    }
  });

  it("evaluate returns tfjs's numbers, plus regularizers", async () => {
    const make = (kernelRegularizer?: ReturnType<typeof tf.regularizers.l2>) => {
      const model = tf.sequential({
        layers: [tf.layers.dense({
          units: 3,
          inputShape: [1],
          activation: "softmax",
          kernelInitializer: "ones",
          kernelRegularizer,
        })],
      });
      model.compile({ optimizer: "sgd", loss: "categoricalCrossentropy", metrics: ["accuracy"] });
      return model;
    };
    const y = tf.oneHot(tf.tensor1d([0, 1, 2, 0, 1], "int32"), 3).toFloat();
    const expected = (make().evaluate(x, y, { batchSize: 2 }) as tf.Scalar[])
      .map((one) => one.dataSync()[0]);
    const logs = await evaluate(make(), x, y, { ...quiet, batchSize: 2 });
    assert(furthest([logs.loss, logs.accuracy], expected) < 1e-6);
    assert.equal(logs.acc, logs.accuracy);
    const penalized = await evaluate(make(tf.regularizers.l2({ l2: 1 })), x, y, quiet);
    assert(furthest([penalized.loss], [expected[0] + 3]) < 1e-6);
  });

  it("evaluate returns weighted means with sampleWeight, even for a dataset", async () => {
    const sampleWeight = tf.tensor1d([1, 0, 0, 0, 2]);
    const expected = { loss: 11 / 5, mse: 11 };
    assert(
      furthest([(await evaluate(identity(), x, zeros, { ...quiet, sampleWeight })).loss], [2.2]) <
        1e-6,
    );
    const logs = await evaluateDataset(identity(), function* () {
      yield { xs: x.clone(), ys: zeros.clone(), sampleWeight: sampleWeight.clone() };
    }, quiet);
    assert(furthest(Object.values(logs), Object.values(expected)) < 1e-6);
  });

  it("evaluate evaluates some batches with steps, and warns if there are fewer", async () => {
    const run = (options: EvaluateOptions) =>
      evaluate(identity(), x, zeros, { ...quiet, batchSize: 2, ...options });
    assert.equal((await run({ steps: 1 })).loss, 1.5);
    const messages = await warned(async () => assert.equal((await run({ steps: 9 })).loss, 3));
    assert.equal(messages.length, 1);
    assert.match(messages[0], /the evaluation data has 3 batches, fewer than the requested 9/);
  });

  it("evaluate evaluates a dataset, or some of its batches with either option, and closes it", async () => {
    const seen: string[] = [];
    const dataset = function* () {
      try {
        for (const value of [1, 2, 6]) {
          yield { xs: tf.tensor2d([[value]]), ys: tf.tensor2d([[0]]) };
        }
      } finally {
        seen.push("end");
      }
    };
    assert.equal((await evaluateDataset(identity(), dataset, quiet)).loss, 3);
    assert.equal((await evaluateDataset(identity(), dataset, { ...quiet, steps: 2 })).loss, 1.5);
    assert.equal((await evaluateDataset(identity(), dataset, { ...quiet, batches: 1 })).loss, 1);
    assert.deepEqual(seen, ["end", "end", "end"]);
  });
});

describe("evaluate calling hooks", () => {
  it("evaluate calls only the test hooks", async () => {
    const seen: unknown[] = [];
    let params: Params | undefined;
    await evaluate(identity(), x, zeros, {
      ...quiet,
      batchSize: 4,
      callbacks: {
        setParams: (given) => void (params = given),
        onTrainBegin: () => seen.push("never"),
        onEpochEnd: () => seen.push("never"),
        onTestBegin: (logs) => seen.push(["begin", logs]),
        onTestBatchBegin: (batch, logs) => seen.push([batch, logs]),
        onTestBatchEnd: (batch, logs) => seen.push([batch, logs]),
        onTestEnd: (logs) => seen.push(["end", logs]),
        close: () => seen.push("closed"),
      },
    });
    assert.deepEqual(seen, [
      ["begin", {}],
      [0, {}],
      [0, { loss: 2.5, mse: 7.5 }],
      [1, {}],
      [1, { loss: 3, mse: 11 }],
      ["end", { loss: 3, mse: 11 }],
      "closed",
    ]);
    assert.deepEqual(params, {
      verbose: 0,
      epochs: 1,
      steps: 2,
      batchSize: 4,
      samples: 5,
      metrics: ["loss", "mse"],
      directions: { mse: "min" },
    });
  });

  it("evaluate can be called in a hook of fit without changing the running means", async () => {
    const model = identity({ optimizer: tf.train.sgd(0) });
    const nested: number[] = [];
    const { history } = await fit(model, x, zeros, {
      ...quiet,
      batchSize: 2,
      callbacks: {
        async onTrainBatchEnd() {
          nested.push((await evaluate(model, x.mul(10), zeros, quiet)).loss);
        },
      },
    });
    assert.deepEqual(nested, [30, 30, 30]);
    assert.deepEqual(history.loss, [3]);
  });

  it("evaluate calls only the end hooks after stopEvaluating", async () => {
    const model = identity();
    const logs = await evaluate(model, x, zeros, {
      ...quiet,
      batchSize: 1,
      callbacks: {
        onTestBatchEnd: (batch) => {
          if (batch === 1) (model as { stopEvaluating?: boolean }).stopEvaluating = true;
        },
      },
    });
    assert.equal(logs.loss, 1.5);
    assert.equal((await evaluate(model, x, zeros, { ...quiet, batchSize: 1 })).loss, 3);
  });
});

describe("evaluate and tensors", () => {
  it("evaluate leaks no tensor", async () => {
    const model = identity();
    assert.equal(await tensorsLeft(() => evaluate(model, x, zeros, { ...quiet, batchSize: 2 })), 0);
  });
});
