import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { planAgrees } from "../fixtures.ts";

const { layers } = tf;

describe("A compiled Dense", () => {
  const shapes: [number[], number][] = [[[1], 1], [[5], 3], [[9], 17], [[4, 6], 8], [[2, 3, 5], 4]];
  for (const [inputShape, units] of shapes) {
    it(`Dense of [${inputShape}] to ${units} units matches TensorFlow.js`, () =>
      planAgrees("dense", () =>
        tf.sequential({
          layers: [
            layers.dense({ inputShape, units: 7, activation: "tanh" }),
            layers.dense({ units, useBias: units !== 3 }),
          ],
        })));
  }

  const activations = ["elu", "hardSigmoid", "linear", "relu", "relu6", "selu", "sigmoid"]
    .concat(["softmax", "softplus", "softsign", "tanh", "swish"]);
  for (const activation of activations as "elu"[]) {
    it(`Dense with ${activation} matches TensorFlow.js`, () =>
      planAgrees(activation, () =>
        tf.sequential({
          layers: [
            layers.dense({ inputShape: [3], units: 10, activation }),
            layers.dense({ units: 2 }),
          ],
        })));
  }

  it("Dense adds up the gradients of its calls", () =>
    planAgrees("shared", () => {
      const shared = layers.dense({ units: 4, activation: "tanh" });
      const inputs = tf.input({ shape: [4] });
      const outputs = shared.apply(shared.apply(inputs)) as tf.SymbolicTensor;
      return tf.model({ inputs, outputs });
    }));
});
