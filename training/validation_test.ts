import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { fit, type FitOptions } from "keepfit";

/** y = 2x - 1 with one weight and one bias. */
function line(compile: Partial<tf.ModelCompileArgs> = {}): tf.Sequential {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
  model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError", ...compile });
  return model;
}

const x = tf.tensor2d([[0], [1], [2], [3], [4], [5]]);
const y = x.mul(2).sub(1);
const quiet = { verbose: 0 } as const;

describe("fit with validation", () => {
  it("fit validates after every epoch, every n-th, or the listed ones", async () => {
    const at = async (validationFreq: FitOptions["validationFreq"]) =>
      (await fit(line(), x, y, { ...quiet, epochs: 5, validationData: [x, y], validationFreq }))
        .at("val_loss");
    assert.deepEqual(await at(undefined), [0, 1, 2, 3, 4]);
    assert.deepEqual(await at(2), [1, 3]);
    assert.deepEqual(await at([1, 4]), [0, 3]);
    assert.deepEqual(await at(9), []);
  });

  it("fit validates with weights of rows, on some of the batches, and on a dataset", async () => {
    const validate = async (options: FitOptions) => {
      const model = line({ optimizer: tf.train.sgd(0), loss: "meanAbsoluteError" });
      tf.tidy(() => model.setWeights([tf.zeros([1, 1]), tf.zeros([1])]));
      return (await fit(model, x, x, { ...quiet, epochs: 2, ...options })).history.val_loss;
    };
    const weight = tf.tensor1d([0, 0, 0, 0, 0, 6]);
    assert.deepEqual(await validate({ validationData: [x, x] }), [2.5, 2.5]);
    assert.deepEqual(await validate({ validationData: [x, x, weight] }), [5, 5]);
    const options = { validationBatchSize: 2, validationSteps: 2 };
    assert.deepEqual(await validate({ validationData: [x, x], ...options }), [1.5, 1.5]);
    const dataset = function* () {
      for (const value of [1, 2, 3]) {
        yield { xs: tf.tensor2d([[value]]), ys: tf.tensor2d([[value]]) };
      }
    };
    assert.deepEqual(await validate({ validationData: dataset }), [2, 2]);
    assert.deepEqual(await validate({ validationData: dataset, validationSteps: 2 }), [1.5, 1.5]);
  });

  it("fit includes the regularizers of training, like Keras", async () => {
    const model = tf.sequential({
      layers: [tf.layers.dense({
        units: 1,
        inputShape: [1],
        kernelInitializer: "ones",
        kernelRegularizer: tf.regularizers.l2({ l2: 0.5 }),
      })],
    });
    model.compile({ optimizer: tf.train.sgd(0), loss: "meanSquaredError" });
    const { history } = await fit(model, x, x, { ...quiet, validationData: [x, x] });
    assert.deepEqual([history.loss, history.val_loss], [[0.5], [0.5]]);
  });

  it("fit validates several outputs, each under its name", async () => {
    const input = tf.input({ shape: [1] });
    const output = (name: string, value: number) =>
      tf.layers.dense({
        units: 1,
        name,
        kernelInitializer: "zeros",
        biasInitializer: tf.initializers.constant({ value }),
      }).apply(input) as tf.SymbolicTensor;
    const model = tf.model({ inputs: input, outputs: [output("a", 10), output("b", 3)] });
    model.compile({
      optimizer: tf.train.sgd(0),
      loss: { a: "meanSquaredError", b: "meanAbsoluteError" },
      metrics: ["mae", "mse"],
    });
    const zeros = tf.zeros([4, 1]);
    const { history } = await fit(model, zeros, [zeros, zeros], {
      ...quiet,
      validationData: [zeros, { b: zeros, a: zeros }],
    });
    for (const prefix of ["", "val_"]) {
      const values = ["loss", "a_loss", "b_loss", "a_mae", "a_mse", "b_mae", "b_mse"]
        .map((name) => history[prefix + name][0]);
      assert.deepEqual(values, [103, 100, 3, 10, 100, 3, 9], prefix);
    }
  });
});
