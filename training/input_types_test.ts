import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { describeStep, fit, predict, setRandomSeed } from "keepfit";
import { useBackend } from "keepfit/backend";
import { furthest, twins, weightsOf } from "./fixtures.ts";

const { layers } = tf;
const rows = 12;
const options = { verbose: 0, epochs: 2, batchSize: 4, seed: 1 } as const;

/** A type that a model declares, and one of its data. */
type DataType = "float32" | "int32" | "bool";

/** A layer that TensorFlow.js computes wrong, or not at all, unless its input is float32. */
const strict: Record<string, () => tf.layers.Layer> = {
  "an elu": () => layers.elu() as unknown as tf.layers.Layer,
  "a leakyReLU": () => layers.leakyReLU(),
  "a softmax": () => layers.activation({ activation: "softmax" }),
  "a convolution": () => layers.conv1d({ filters: 2, kernelSize: 2 }),
  "a transposed convolution": () => layers.conv2dTranspose({ filters: 2, kernelSize: 2 }),
};

function network(shape: number[], dtype: DataType, layer: tf.layers.Layer): tf.LayersModel {
  const input = tf.input({ shape, dtype });
  const flat = layers.flatten().apply(layer.apply(input));
  const output = layers.dense({ units: 1 }).apply(flat) as tf.SymbolicTensor;
  const model = tf.model({ inputs: input, outputs: output });
  model.compile({ optimizer: tf.train.sgd(0.002), loss: "meanSquaredError" });
  return model;
}

function data(shape: number[], dtype: DataType): [tf.Tensor, tf.Tensor] {
  const x = tf.tidy(() => {
    const numbers = tf.randomUniform([rows, ...shape], -3, 3, "float32", 2);
    return dtype === "bool" ? numbers.greater(0) : numbers.cast(dtype);
  });
  return [x, tf.ones([rows, 1])];
}

for (const backend of ["cpu", "wasm"] as const) {
  describe(`Inputs on ${backend}`, () => {
    before(() => useBackend(tf, backend));
    after(() => useBackend(tf, "cpu"));

    /** Compare fit and predict with those of TensorFlow.js. */
    const compare = async (make: () => tf.LayersModel, x: tf.Tensor, y: tf.Tensor) => {
      for (const jitCompile of [true, false]) {
        setRandomSeed(tf, 3);
        const [own, theirs] = twins(make);
        const predicted = await predict(own, x, { verbose: 0, jitCompile }) as tf.Tensor;
        const expected = theirs.predict(x) as tf.Tensor;
        assert.ok(furthest(predicted.dataSync(), expected.dataSync()) < 1e-5, "predictions");
        await fit(own, x, y, { ...options, shuffle: false, jitCompile });
        assert.equal(describeStep(own).isCompiled, jitCompile);
        await theirs.fit(x, y, { ...options, shuffle: false });
        assert.ok(furthest(weightsOf(own), weightsOf(theirs)) < 1e-5, "weights");
      }
    };

    for (const [name, layer] of Object.entries(strict)) {
      it(`Inputs of another type become float32, as TensorFlow.js makes them, before ${name}`, async () => {
        const shape = name === "a transposed convolution" ? [3, 3, 2] : [4, 2];
        for (const dtype of ["int32", "bool"] as const) {
          await compare(() => network(shape, "float32", layer()), ...data(shape, dtype));
        }
      });
    }

    it("Inputs become whole numbers if the model declares them so, as in TensorFlow.js", async () => {
      const make = () => network([4, 2], "int32", layers.dense({ units: 3 }));
      await compare(make, ...data([4, 2], "float32"));
    });

    it("Inputs that are only passed on have the type that the model declares", async () => {
      const input = tf.input({ shape: [2] });
      const model = tf.model({ inputs: input, outputs: input });
      for (const jitCompile of [true, false]) {
        const x = tf.ones([3, 2], "int32");
        const out = await predict(model, x, { verbose: 0, jitCompile }) as tf.Tensor;
        assert.equal(out.dtype, "float32");
        assert.deepEqual([...out.dataSync()], [1, 1, 1, 1, 1, 1]);
        assert.equal(x.isDisposed, false);
      }
    });

    it("Inputs that are bool in the model are computed by TensorFlow.js", async () => {
      const model = network([4, 2], "bool", layers.dense({ units: 2 }));
      const [x, y] = data([4, 2], "float32");
      await assert.rejects(fit(model, x, y, { ...options, jitCompile: true }), /an input is bool/);
      await fit(model, x, y, options);
    });

    it("Inputs of whole numbers get the same noise, compiled or not", async () => {
      const noises = [
        () => layers.dropout({ rate: 0.5 }),
        () => layers.gaussianNoise({ stddev: 1 }),
        () => layers.gaussianDropout({ rate: 0.5 }),
        () => layers.alphaDropout({ rate: 0.5 }),
      ];
      for (const declared of ["float32", "int32"] as const) {
        for (const noise of noises) {
          const [compiled, plain] = twins(() => network([4, 2], declared, noise()));
          const [x, y] = data([4, 2], "int32");
          await fit(compiled, x, y, { ...options, jitCompile: true });
          await fit(plain, x, y, { ...options, jitCompile: false });
          assert.ok(furthest(weightsOf(compiled), weightsOf(plain)) < 1e-5, String(noise));
        }
      }
    });
  });
}
