import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { fit, type FitOptions } from "keepfit";
import { furthest, twins, weightsOf } from "../fixtures.ts";

/** y = 2x - 1 with one weight and one bias. */
function line(compile: Partial<tf.ModelCompileArgs> = {}): tf.Sequential {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError", ...compile });
  return model;
}

const x = tf.tensor2d([[0], [1], [2], [3], [4], [5]]);
const y = x.mul(2).sub(1);
const quiet = { verbose: 0 } as const;

describe("fit with weights of rows", () => {
  const trained = async (options: FitOptions, targets: tf.Tensor = y) => {
    const model = line();
    tf.tidy(() => model.setWeights([tf.zeros([1, 1]), tf.zeros([1])]));
    const { history } = await fit(model, x, targets, { ...quiet, shuffle: false, ...options });
    return [...history.loss, ...weightsOf(model)];
  };

  it("fit weights rows by sampleWeight, through shuffling and splitting", async () => {
    const weight = tf.tensor1d([1, 2, 0, 0.5, 3, 0]);
    // A weight is a factor of the row's loss.
    const loss = (yTrue: tf.Tensor, yPred: tf.Tensor) =>
      yTrue.sub(yPred).square().mul(weight.reshape([6, 1])).mean(-1);
    const [one, two] = twins(line);
    two.compile({ optimizer: tf.train.sgd(0.1), loss });
    await fit(one, x, y, { ...quiet, seed: 4, sampleWeight: weight });
    await fit(two, x, y, { ...quiet, shuffle: false });
    assert(furthest(weightsOf(one), weightsOf(two)) < 1e-5);
    const shuffled = await trained({ sampleWeight: weight, shuffle: true, seed: 3 });
    assert(furthest(await trained({ sampleWeight: weight }), shuffled) < 1e-5);
    const split = { sampleWeight: weight, validationSplit: 0.5 };
    const zero = line({ optimizer: tf.train.sgd(0), loss: "meanAbsoluteError" });
    tf.tidy(() => zero.setWeights([tf.zeros([1, 1]), tf.zeros([1])]));
    const validated = await fit(zero, x, x, { ...quiet, ...split });
    assert.deepEqual(validated.history.val_loss, [(0.5 * 3 + 3 * 4 + 0 * 5) / 3]);
    const half = { sampleWeight: weight.slice([0], [3]), batchSize: 3 };
    const model = line();
    tf.tidy(() => model.setWeights([tf.zeros([1, 1]), tf.zeros([1])]));
    const { history } = await fit(model, x.slice([0], [3]), y.slice([0], [3]), {
      ...quiet,
      ...half,
    });
    assert(furthest([...history.loss, ...weightsOf(model)], await trained(split)) < 1e-6);
  });

  it("fit weights rows by class, times the weight of the row", async () => {
    const targets = tf.tensor2d([[0], [1], [1], [0], [1], [0]]);
    const both = await trained({
      sampleWeight: tf.tensor1d([1, 2, 3, 4, 5, 6]),
      classWeight: { 0: 10, 1: 1 },
    }, targets);
    const product = await trained({ sampleWeight: tf.tensor1d([10, 2, 3, 40, 5, 60]) }, targets);
    assert.deepEqual(both, product);
  });

  it("fit weights steps if the targets have steps", async () => {
    const model = tf.sequential({
      layers: [tf.layers.timeDistributed({
        layer: tf.layers.dense({ units: 1, kernelInitializer: "ones" }),
        inputShape: [2, 1],
      })],
    });
    model.compile({ optimizer: tf.train.sgd(0), loss: "meanAbsoluteError" });
    const steps = tf.tensor3d([[[1], [2]], [[3], [4]]]);
    const { history } = await fit(model, steps, tf.zerosLike(steps), {
      ...quiet,
      sampleWeight: tf.tensor2d([[1, 0], [0, 1]]),
    });
    assert.deepEqual(history.loss, [(1 + 4) / 4]);
  });
});
