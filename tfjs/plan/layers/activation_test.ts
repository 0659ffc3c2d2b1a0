import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { around, planAgrees } from "../fixtures.ts";

const { layers } = tf;

describe("Compiled activation layers", () => {
  const names = ["gelu", "gelu_new", "mish", "relu", "selu", "softmax", "swish", "linear"];
  for (const activation of names as "elu"[]) {
    it(`Activation with ${activation} matches TensorFlow.js`, () =>
      planAgrees(activation, around([3, 5], () => layers.activation({ activation })), {
        input: (shape, random) =>
          tf.tidy(() =>
            tf.tensor(Float32Array.from(tf.ones(shape).dataSync(), () => random() * 8 - 4), shape)
          ),
      }));
  }

  const table: Record<string, () => tf.layers.Layer> = {
    "reLU": () => layers.reLU(),
    "reLU up to a limit": () => layers.reLU({ maxValue: 0.3 }),
    "reLU up to 6": () => layers.reLU({ maxValue: 6 }),
    "leakyReLU": () => layers.leakyReLU({ alpha: 0.2 }),
    "elu": () => layers.elu(),
    "softmax": () => layers.softmax({ axis: -1 }),
    "thresholdedReLU": () => layers.thresholdedReLU({ theta: 0.3 }),
    "thresholdedReLU below zero": () => layers.thresholdedReLU({ theta: -0.2 }),
    "prelu": () => layers.prelu(),
    "prelu that shares an axis": () => layers.prelu({ sharedAxes: [1] } as object),
    "prelu that shares two axes": () => layers.prelu({ sharedAxes: [1, 3] } as object),
    "prelu that shares all axes": () => layers.prelu({ sharedAxes: [1, 2, 3] } as object),
  };
  for (const [name, layer] of Object.entries(table)) {
    it(`${name} matches TensorFlow.js`, () => planAgrees(name, around([3, 2, 5], layer)));
  }
});
