import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { describeStep, fit } from "keepfit";
import { furthest, twins, weightsOf } from "../../../training/fixtures.ts";
import { planAgrees, planThrows, seeded, seedWeights, start } from "../fixtures.ts";

const { layers } = tf;

/** Indices of words, padded with 0 at the end of each row. */
const words = (dtype: "int32" | "float32") => (shape: number[], random: () => number) => {
  const [rows, steps] = shape;
  const values = Array.from({ length: rows }, () => {
    const length = Math.floor(random() * (steps + 1));
    return Array.from({ length: steps }, (_, i) => i < length ? 1 + Math.floor(random() * 8) : 0);
  });
  return tf.tensor2d(values, [rows, steps], dtype);
};

/** Sequences padded with zeros at the end. */
const padded = (shape: number[], random: () => number): tf.Tensor => {
  const [rows, steps, size] = shape;
  return tf.tensor(
    Array.from({ length: rows }, () => {
      const length = Math.floor(random() * (steps + 1));
      return Array.from(
        { length: steps },
        (_, i) => Array.from({ length: size }, () => i < length ? random() * 2 - 1 : 0),
      );
    }),
    shape,
  );
};

const embedding = (outputDim: number, maskZero = false) =>
  layers.embedding({ inputDim: 9, outputDim, inputLength: 6, maskZero });

describe("A compiled Embedding", () => {
  for (const dtype of ["int32", "float32"] as const) {
    for (const outputDim of [1, 3, 8]) {
      it(`Embedding of ${dtype} indices with outputDim ${outputDim} matches TensorFlow.js`, () =>
        planAgrees("embedding", () =>
          tf.sequential({
            layers: [embedding(outputDim), layers.flatten(), layers.dense({ units: 2 })],
          }), { input: words(dtype) }));
    }
  }

  it("Embedding rejects indices outside of its table, as TensorFlow.js does", async () => {
    for (const backend of ["cpu", "wasm"] as const) {
      await start(backend);
      for (const jitCompile of ["auto", false] as const) {
        const model = tf.sequential({
          layers: [embedding(2), layers.flatten(), layers.dense({ units: 1 })],
        });
        model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
        for (const wrong of [9, -1]) {
          const x = tf.tensor2d([[0, 1, 2, 3, 4, wrong]], [1, 6], "int32");
          await assert.rejects(
            fit(model, x, tf.zeros([1, 1]), { verbose: 0, jitCompile }),
            new RegExp(`${wrong}`),
          );
        }
      }
    }
    await start("cpu");
  });
});

describe("A compiled mask", () => {
  const kinds = ["lstm", "gru", "simpleRNN"] as const;
  for (const kind of kinds) {
    const recurrent = (args = {}) => layers[kind]({ units: 5, ...args } as never) as tf.RNN;
    for (
      const [name, above] of Object.entries<() => tf.layers.Layer[]>({
        "one layer": () => [recurrent()],
        "two layers": () => [recurrent({ returnSequences: true }), recurrent()],
        "with layers between": () => [
          layers.timeDistributed({ layer: layers.dense({ units: 4 }) }),
          layers.dropout({ rate: 0.2 }),
          layers.activation({ activation: "tanh" }),
          recurrent(),
        ],
        "bidirectional": () => [
          layers.bidirectional({ layer: recurrent({ returnSequences: true }) }),
          layers.bidirectional({ layer: recurrent() }),
        ],
        "going backwards": () => [recurrent({ goBackwards: true })],
      })
    ) {
      const top = () => [...above(), layers.dense({ units: 2 })];
      it(`A mask of Embedding with ${kind}, ${name}, matches TensorFlow.js`, () =>
        planAgrees(kind, () => tf.sequential({ layers: [embedding(3, true), ...top()] }), {
          input: words("int32"),
        }));
      it(`A mask of Masking with ${kind}, ${name}, matches TensorFlow.js`, () =>
        planAgrees(
          kind,
          () => tf.sequential({ layers: [layers.masking({ inputShape: [5, 3] }), ...top()] }),
          {
            input: padded,
          },
        ));
    }
  }

  for (const backend of ["cpu", "wasm"] as const) {
    for (
      const [loss, metrics] of [
        ["sparseCategoricalCrossentropy", ["accuracy"]],
        ["sparseCategoricalCrossentropy", []],
        [(y: tf.Tensor, p: tf.Tensor) => p.sub(y).square().mean(-1), ["mse"]],
      ] as [string, string[]][]
    ) {
      it(
        `A mask of an output excludes time steps from ${
          typeof loss === "string" ? loss : "a custom loss"
        } and [${metrics}] on ${backend}`,
        async () => {
          await start(backend);
          const [compiled, plain] = twins(() => {
            const model = tf.sequential({
              layers: [
                embedding(3, true),
                layers.lstm({ units: 4, returnSequences: true }),
                layers.dense({ units: 3, activation: "softmax" }),
              ],
            });
            model.compile({ optimizer: tf.train.sgd(0.1), loss, metrics });
            return model;
          });
          for (const model of [compiled, plain]) seedWeights(model);
          const random = seeded(3);
          const x = words("int32")([20, 6], random);
          const classes = tf.tensor(Array.from({ length: 120 }, () => Math.floor(random() * 3)));
          const y = typeof loss === "string" ? classes.reshape([20, 6, 1]) : tf.ones([20, 6, 3]);
          const options = { epochs: 3, batchSize: 8, seed: 1, verbose: 0 } as const;
          const own = await fit(compiled, x, y, { ...options, jitCompile: true });
          const theirs = await fit(plain, x, y, { ...options, jitCompile: false });
          assert.deepEqual(Object.keys(own.history), Object.keys(theirs.history));
          for (const [key, values] of Object.entries(theirs.history)) {
            assert(furthest(own.history[key] as number[], values as number[]) < 2e-6, key);
          }
          assert(furthest(weightsOf(compiled), weightsOf(plain)) < 1e-6);
          assert.deepEqual(describeStep(compiled), { isCompiled: true });
          await start("cpu");
        },
      );
    }
  }

  it("A mask computed by a merge layer is not compiled", () =>
    planThrows(() => {
      const inputs = tf.input({ shape: [6] });
      const parts = [embedding(3, true), embedding(3, true)].map((one) => one.apply(inputs));
      const merged = layers.add().apply(parts as tf.SymbolicTensor[]);
      const outputs = layers.lstm({ units: 2 }).apply(merged) as tf.SymbolicTensor;
      return tf.model({ inputs, outputs });
    }, /the mask computed by the layer add_\S+/));
});

describe("A compiled TimeDistributed", () => {
  for (
    const [name, inputShape, layer] of [
      ["dense", [4, 3], () => layers.dense({ units: 5, activation: "tanh" })],
      ["flatten", [4, 2, 3], () => layers.flatten()],
      ["conv2d", [3, 5, 5, 2], () => layers.conv2d({ filters: 3, kernelSize: 2 })],
      ["maxPooling2d", [3, 5, 4, 2], () => layers.maxPooling2d({ poolSize: 2 })],
      ["lstm", [3, 4, 2], () => layers.lstm({ units: 3 })],
      ["swish", [3, 4], () => layers.activation({ activation: "swish" as never })],
    ] as [string, number[], () => tf.layers.Layer][]
  ) {
    it(`TimeDistributed ${name} matches TensorFlow.js`, () =>
      planAgrees(name, () =>
        tf.sequential({
          layers: [
            layers.dense({ units: inputShape.at(-1)!, inputShape, activation: "tanh" }),
            layers.timeDistributed({ layer: layer() }),
            layers.dense({ units: 2 }),
          ],
        })));
  }

  it("TimeDistributed BatchNormalization and Dropout are not compiled", async () => {
    for (const layer of [layers.batchNormalization(), layers.dropout({ rate: 0.5 })]) {
      const wrapper = layers.timeDistributed({ layer, inputShape: [3, 2] });
      await planThrows(
        () => tf.sequential({ layers: [wrapper] }),
        /TimeDistributed \S+ is not compiled/,
      );
    }
  });
});
