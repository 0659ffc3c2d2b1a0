import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { around, planAgrees } from "../fixtures.ts";

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
      planAgrees("upSampling2d", around([3, 2, 5], () => layers.upSampling2d({ size }))));
    it(`upSampling2d by [${size}] with interpolation matches TensorFlow.js`, () =>
      planAgrees(
        "upSampling2d",
        around([3, 2, 5], () => layers.upSampling2d({ size, interpolation: "bilinear" })),
      ));
  }
  it("rescaling matches TensorFlow.js, for integers too", async () => {
    const rescaling = () => layers.rescaling({ scale: 1 / 127.5, offset: -1 });
    await planAgrees("rescaling", around([3, 2, 3], rescaling));
    const input = (shape: number[]) => tf.randomUniform(shape, 0, 256, "int32", 3);
    const make = () =>
      tf.sequential({
        layers: [
          layers.rescaling({ scale: 1 / 255, inputShape: [2, 3, 3] }),
          layers.conv2d({ filters: 2, kernelSize: 2 }),
        ],
      });
    await planAgrees("rescaling", make, { input });
  });
});
