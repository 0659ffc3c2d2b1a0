import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { around, planAgrees, planThrows } from "../fixtures.ts";

const { layers } = tf;
type Conv = Parameters<typeof layers.conv2d>[0];

describe("A compiled Conv2D", () => {
  const table: [shape: number[], Conv][] = [
    [[5, 5, 1], { filters: 8, kernelSize: 3 }],
    [[6, 4, 3], { filters: 5, kernelSize: [2, 3], padding: "same" }],
    [[7, 9, 2], { filters: 9, kernelSize: [3, 2], strides: [2, 3] }],
    [[7, 6, 4], { filters: 12, kernelSize: 3, strides: 2, padding: "same" }],
    [[5, 7, 3], { filters: 1, kernelSize: 1, strides: 2, padding: "same", useBias: false }],
    [[9, 8, 2], { filters: 3, kernelSize: [3, 2], dilationRate: 2 }],
    [[8, 9, 2], { filters: 4, kernelSize: 3, dilationRate: [2, 3], padding: "same" }],
    [[3, 1, 5], { filters: 7, kernelSize: [3, 1] }],
    [[20, 15, 3], { filters: 16, kernelSize: 5, padding: "same" }],
    [[30, 31, 1], { filters: 3, kernelSize: 2, strides: 1 }],
    // Large enough for separate phases at the borders.
    [[13, 14, 3], { filters: 9, kernelSize: 3 }],
    [[14, 15, 2], { filters: 4, kernelSize: 3, padding: "same" }],
    [[28, 27, 2], { filters: 3, kernelSize: 3, strides: 2, padding: "same" }],
    [[19, 40, 1], { filters: 2, kernelSize: [3, 2], dilationRate: [3, 1] }],
  ];
  for (const [shape, args] of table) {
    it(`Conv2D of [${shape}] with ${JSON.stringify(args)} matches TensorFlow.js`, () =>
      planAgrees("conv2d", around(shape, () => layers.conv2d(args))));
  }

  const activations = ["relu", "elu", "sigmoid", "swish", "softmax"] as const;
  for (const activation of activations) {
    it(`Conv2D with ${activation} matches TensorFlow.js`, () =>
      planAgrees(activation, () =>
        tf.sequential({
          layers: [
            layers.conv2d({ inputShape: [5, 4, 2], filters: 6, kernelSize: 2, activation }),
            layers.conv2d({ filters: 2, kernelSize: 2, activation, padding: "same" }),
          ],
        })));
  }
});

describe("A compiled Conv1D", () => {
  it("Conv1D with channelsFirst or causal padding is not compiled, as TensorFlow.js has none", async () => {
    const shared = { filters: 2, kernelSize: 2 };
    for (
      const [args, reason] of [[{ dataFormat: "channelsFirst" }, /channelsFirst/], [{
        padding: "causal",
      }, /causal/]] as const
    ) {
      const make = () => layers.conv1d({ ...shared, ...args as object });
      await planThrows(around([4, 4], make), reason);
    }
  });
  type Series = Parameters<typeof layers.conv1d>[0];
  const table: [shape: number[], Series][] = [
    [[9, 2], { filters: 5, kernelSize: 3, activation: "relu" }],
    [[8, 3], { filters: 8, kernelSize: 2, strides: 2, padding: "same", activation: "tanh" }],
    [[11, 1], { filters: 2, kernelSize: 3, dilationRate: 3 }],
  ];
  for (const [shape, args] of table) {
    it(`Conv1D of [${shape}] with ${JSON.stringify(args)} matches TensorFlow.js`, () =>
      planAgrees("conv1d", around(shape, () => layers.conv1d(args))));
  }
});

describe("A compiled Conv2DTranspose", () => {
  const table: [shape: number[], Conv][] = [
    [[3, 4, 2], { filters: 5, kernelSize: 3 }],
    [[4, 3, 9], { filters: 3, kernelSize: [2, 3], strides: 2, padding: "same" }],
    [[3, 3, 4], { filters: 8, kernelSize: 1, strides: [3, 2], activation: "relu" }],
    [[2, 5, 3], { filters: 2, kernelSize: 4, strides: [2, 1], activation: "tanh", useBias: false }],
  ];
  for (const [shape, args] of table) {
    it(`Conv2DTranspose of [${shape}] with ${JSON.stringify(args)} matches TensorFlow.js`, () =>
      planAgrees("conv2dTranspose", around(shape, () => layers.conv2dTranspose(args))));
  }
});
