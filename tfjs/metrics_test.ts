import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { evaluate, fit, ratioMetric } from "keepfit";
import { ratioOf } from "./metrics.ts";
import { furthest } from "../training/fixtures.ts";

// Predictions are the inputs. By rows: hit, hit, false alarm, miss, hit, miss, -, false alarm.
const x = tf.tensor2d([1, 1, 1, 0, 1, 0, 0, 1], [8, 1]);
const y = tf.tensor2d([1, 1, 0, 1, 1, 1, 0, 0], [8, 1]);
const quiet = { verbose: 0 } as const;

type Metric = string | ((yTrue: tf.Tensor, yPred: tf.Tensor) => tf.Tensor);

function identity(metrics: Metric[]): tf.Sequential {
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 1, inputShape: [1], kernelInitializer: "ones" })],
  });
  model.compile({ optimizer: tf.train.sgd(0), loss: "meanSquaredError", metrics });
  return model;
}

describe("tfjs's ratio metrics", () => {
  const r2 = 1 - 4 / (8 * (5 / 8) * (3 / 8));
  const metrics: [string, Metric, number][] = [
    ["precision", "precision", 3 / 5],
    ["precision", tf.metrics.precision, 3 / 5],
    ["recall", tf.metrics.recall, 3 / 5],
    ["r2Score", tf.metrics.r2Score, r2],
  ];
  for (const [name, metric, expected] of metrics) {
    it(`${name}, passed as a ${typeof metric}, is computed over all rows for every batch size`, async () => {
      for (const batchSize of [8, 4, 3, 1]) {
        const logs = await evaluate(identity([metric]), x, y, { ...quiet, batchSize });
        assert(furthest([logs[name]], [expected]) < 1e-6, `${batchSize}: ${logs[name]}`);
      }
      const { history } = await fit(identity([metric]), x, y, { ...quiet, batchSize: 3, seed: 1 });
      assert(furthest(history[name], [expected]) < 1e-6);
    });
  }

  it("A ratio metric of tfjs has tfjs's value within one batch", async () => {
    const metrics = [tf.metrics.precision, tf.metrics.recall, tf.metrics.r2Score];
    const logs = await evaluate(identity(metrics), x, y, quiet);
    for (const metric of metrics) {
      assert(furthest([logs[metric.name]], metric(y, x).dataSync()) < 1e-6, metric.name);
    }
  });

  it("A ratio metric of tfjs is 0 if there is nothing to find", async () => {
    const zeros = tf.zeros([2, 1]);
    const logs = await evaluate(identity(["precision", tf.metrics.recall]), zeros, zeros, quiet);
    assert.deepEqual([logs.precision, logs.recall], [0, 0]);
  });

  it("A ratio metric of tfjs is not confused with a custom function of the same name", async () => {
    function recall(yTrue: tf.Tensor, yPred: tf.Tensor) {
      return yTrue.mul(yPred).mean();
    }
    assert.equal(ratioOf(recall, recall), undefined);
    const logs = await evaluate(identity([recall]), x, y, { ...quiet, batchSize: 4 });
    assert.equal(logs.recall, 3 / 8);
  });
});

describe("ratioMetric", () => {
  const wape = ratioMetric("wape", {
    sums: (yTrue, yPred) => tf.stack([yTrue.sub(yPred).abs().sum(), yTrue.abs().sum()]),
    result: ([error, total]) => error / total,
  }, "min");

  it("ratioMetric is computed over all rows, under its name", async () => {
    for (const batchSize of [8, 3]) {
      const logs = await evaluate(identity([wape]), x, y, { ...quiet, batchSize });
      assert.equal(logs.wape, 4 / 5);
    }
  });

  it("ratioMetric tells callbacks its direction of improvement", async () => {
    let directions: unknown;
    await evaluate(identity([wape, "precision", "mae"]), x, y, {
      ...quiet,
      callbacks: { setParams: (params) => void (directions = params.directions) },
    });
    assert.deepEqual(directions, { wape: "min", precision: "max", mae: "min" });
  });

  it("ratioMetric works in tfjs's own loops, within a batch", async () => {
    const [, value] = identity([wape]).evaluate(x, y) as tf.Scalar[];
    assert(furthest(value.dataSync(), [4 / 5]) < 1e-6);
  });

  it("ratioMetric rejects an unknown direction", () => {
    assert.throws(() => ratioMetric("wape", {} as never, "minimize" as never), {
      name: "RangeError",
      message: 'Cannot create ratioMetric wape: expected direction "min" or "max", got "minimize"',
    });
  });
});
