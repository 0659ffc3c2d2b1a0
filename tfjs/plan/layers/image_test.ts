import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { around, planAgrees, planThrows } from "../fixtures.ts";

const { layers } = tf;

describe("Compiled layers that copy pixels", () => {
  const zeroPaddings: Parameters<typeof layers.zeroPadding2d>[0][] = [
    undefined,
    { padding: 2 },
    { padding: [[0, 1], [3, 0]] },
  ];
  for (const args of zeroPaddings) {
    it(`zeroPadding2d with ${JSON.stringify(args)} matches TensorFlow.js`, () =>
      planAgrees("zeroPadding2d", around([3, 4, 3], () => layers.zeroPadding2d(args))));
  }
  const croppings: Parameters<typeof layers.cropping2D>[0][] = [
    { cropping: [[1, 1], [1, 1]] },
    { cropping: [[0, 2], [1, 0]] },
  ];
  for (const args of croppings) {
    it(`cropping2D with ${JSON.stringify(args)} matches TensorFlow.js`, () =>
      planAgrees("cropping2D", around([5, 4, 6], () => layers.cropping2D(args))));
  }
  for (const size of [[2, 2], [1, 3], [3, 2]]) {
    it(`upSampling2d by [${size}] matches TensorFlow.js`, () =>
      planAgrees("upSampling2d", around([3, 2, 5], () => layers.upSampling2d({ size })), {
        backends: ["wasm"],
      }));
  }
  it("upSampling2d is not compiled on cpu, where TensorFlow.js's gradient is wrong", () =>
    planThrows(
      around([2, 2, 1], () => layers.upSampling2d({})),
      /gradient of UpSampling2D is wrong on cpu/,
    ));
  it("upSampling2d with interpolation is not compiled", () =>
    planThrows(
      around([2, 2, 1], () => layers.upSampling2d({ interpolation: "bilinear" })),
      /UpSampling2D with bilinear is not compiled/,
    ));
});
