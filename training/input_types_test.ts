import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { describeStep, evaluate, fit, predict, setRandomSeed } from "keepfit";
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

    it("Inputs of whole numbers are computed by TensorFlow.js where it rounds them or fails, whatever the first rows contain", async () => {
      const rounding: [() => tf.layers.Layer, shape: number[]][] = [
        [() => layers.layerNormalization(), [4, 2]],
        [() => layers.batchNormalization(), [4, 2]],
        [() => layers.activation({ activation: "selu" }), [4, 2]],
        [() => layers.reLU({ maxValue: 1.5 }), [4, 2]],
        [() => layers.timeDistributed({ layer: layers.layerNormalization() }), [4, 2]],
      ];
      for (const [layer, shape] of rounding) {
        for (const isPassedOn of [false, true]) {
          const input = tf.input({ shape, dtype: "int32" });
          const passed = isPassedOn ? layers.reLU().apply(input) : input;
          const make = () => tf.model({ inputs: input, outputs: layer().apply(passed) as never });
          const [x] = data(shape, "int32");
          // The rows that are compared with TensorFlow.js.
          const zeros = tf.zeros([8, ...shape], "int32");
          const all = tf.concat([zeros, x]);
          const model = make();
          model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
          const quiet = { verbose: 0, batchSize: rows + 8 } as const;
          const [predicted, expected] = await Promise.all(
            (["auto", false] as const).map((jitCompile) =>
              predict(model, all, { ...quiet, jitCompile }) as Promise<tf.Tensor>
            ),
          );
          assert.deepEqual(predicted.dataSync(), expected.dataSync());
          await assert.rejects(
            predict(model, all, { ...quiet, jitCompile: true }),
            /TensorFlow.js computes it with int32; declare the input as float32/,
          );
          const y = tf.zeros([rows + 8, ...shape]);
          const [own, theirs] = await Promise.all(
            (["auto", false] as const).map((jitCompile) =>
              evaluate(model, all, y, { ...quiet, jitCompile })
            ),
          );
          assert.deepEqual(own, theirs);
        }
      }
      const fails = network([4, 2], "int32", layers.conv1d({ filters: 2, kernelSize: 2 }));
      const [x] = data([4, 2], "int32");
      await assert.rejects(predict(fails, x, { verbose: 0 }), /must be float32 tensor/);
    });

    it("Inputs of whole numbers are compiled where they are passed on or become float32", async () => {
      const passing = [
        () => layers.permute({ dims: [2, 1] }),
        () => layers.reLU(),
        () => layers.activation({ activation: "relu6" }),
        () => layers.timeDistributed({ layer: layers.dense({ units: 2 }) }),
        () => layers.lstm({ units: 2, returnSequences: true }),
        () => layers.rescaling({ scale: 0.3 }),
      ];
      for (const layer of passing) {
        await compare(() => network([4, 2], "int32", layer()), ...data([4, 2], "int32"));
      }
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
