import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { around, planAgrees } from "../fixtures.ts";

const { layers } = tf;

describe("A compiled DepthwiseConv2D", () => {
  const table: [shape: number[], Parameters<typeof layers.depthwiseConv2d>[0]][] = [
    [[5, 6, 8], { kernelSize: 3 }],
    [[5, 4, 3], { kernelSize: [2, 3], padding: "same", depthMultiplier: 2 }],
    [[7, 8, 9], { kernelSize: 3, strides: [2, 2], padding: "same", activation: "relu" }],
    [[6, 6, 1], { kernelSize: 2, strides: 3, depthMultiplier: 5, useBias: false }],
    [[20, 18, 4], { kernelSize: 3, padding: "same", activation: "swish" }],
  ];
  for (const [shape, args] of table) {
    it(`DepthwiseConv2D of [${shape}] with ${JSON.stringify(args)} matches TensorFlow.js`, () =>
      planAgrees("depthwiseConv2d", around(shape, () => layers.depthwiseConv2d(args))));
  }
});

describe("A compiled SeparableConv2D", () => {
  const table: [shape: number[], Parameters<typeof layers.separableConv2d>[0]][] = [
    [[5, 6, 4], { filters: 5, kernelSize: 3 }],
    [[6, 5, 3], { filters: 8, kernelSize: 3, padding: "same", depthMultiplier: 3 }],
    [[7, 7, 2], { filters: 3, kernelSize: 2, strides: 2, activation: "relu", useBias: false }],
    [[7, 6, 9], { filters: 4, kernelSize: 2, dilationRate: 2, activation: "tanh" }],
  ];
  for (const [shape, args] of table) {
    it(`SeparableConv2D of [${shape}] with ${JSON.stringify(args)} matches TensorFlow.js`, () =>
      planAgrees("separableConv2d", around(shape, () => layers.separableConv2d(args))));
  }
});
