import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { around, planAgrees, planThrows } from "../fixtures.ts";

const { layers } = tf;

/** Larger than the default, because subtracting the mean cancels leading digits. */
const tolerance = 5e-6;

describe("A compiled BatchNormalization", () => {
  const shapes = [[3], [9], [6, 4], [5, 7, 8], [20, 20, 3]];
  for (const shape of shapes) {
    it(`BatchNormalization of [${shape}] matches TensorFlow.js`, () =>
      planAgrees("batchNormalization", around(shape, () => layers.batchNormalization()), {
        rows: [4, 8, 3],
        tolerance,
      }));
  }

  it("BatchNormalization with another momentum and epsilon updates its averages as TensorFlow.js does", () =>
    planAgrees(
      "batchNormalization",
      around([4, 5], () => layers.batchNormalization({ momentum: 0.3, epsilon: 0.1 })),
      { rows: [4, 4, 8, 4], tolerance },
    ));

  it("BatchNormalization uses its averages while it is frozen", () =>
    planAgrees(
      "frozen",
      around([4, 3], () => layers.batchNormalization({ trainable: false })),
      { rows: [4, 3, 4], tolerance },
    ));

  it("BatchNormalization updates its averages in each of its calls", () =>
    planAgrees("shared", () => {
      const shared = layers.batchNormalization({ momentum: 0.5 });
      const inputs = tf.input({ shape: [4] });
      const dense = layers.dense({ units: 4 }).apply(shared.apply(inputs));
      return tf.model({ inputs, outputs: shared.apply(dense) as tf.SymbolicTensor });
    }, { rows: [8, 8, 4], tolerance }));

  it("BatchNormalization over another axis, or trained without scale, is not compiled", async () => {
    await planThrows(
      around([4, 3], () => layers.batchNormalization({ axis: 1 })),
      /BatchNormalization of axis 1 is not compiled/,
    );
    await planThrows(
      around([3], () => layers.batchNormalization({ scale: false })),
      /does not train a BatchNormalization without scale and center/,
    );
  });
});

describe("A compiled LayerNormalization", () => {
  for (const shape of [[3], [17], [4, 6], [3, 4, 5]]) {
    it(`LayerNormalization of [${shape}] matches TensorFlow.js`, () =>
      planAgrees("layerNormalization", around(shape, () => layers.layerNormalization()), {
        tolerance,
      }));
  }
  it("LayerNormalization without scale is not compiled, because TensorFlow.js does not train it", () =>
    planThrows(
      around([7], () => layers.layerNormalization({ scale: false })),
      /does not train a LayerNormalization without scale and center/,
    ));
  for (const axis of [[1], [1, 2], [2, 1], [1, 3], [1, 2, 3], [-2, -1], -2]) {
    it(`LayerNormalization of the axes ${axis} matches TensorFlow.js`, () =>
      planAgrees("axes", around([3, 4, 5], () => layers.layerNormalization({ axis })), {
        tolerance,
      }));
  }
});
