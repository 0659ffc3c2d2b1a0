import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { around, planAgrees } from "../fixtures.ts";

const { layers } = tf;

for (const name of ["maxPooling2d", "averagePooling2d"] as const) {
  describe(`A compiled ${name}`, () => {
    const table: [shape: number[], Parameters<typeof layers.maxPooling2d>[0]][] = [
      [[6, 8, 4], { poolSize: 2 }],
      [[5, 7, 3], { poolSize: 2 }],
      [[5, 7, 3], { poolSize: 2, padding: "same" }],
      [[7, 6, 5], { poolSize: [3, 2], strides: [1, 2] }],
      [[7, 6, 9], { poolSize: 3, strides: [2, 1], padding: "same" }],
      [[4, 4, 1], { poolSize: [4, 1], strides: 3 }],
      [[9, 5, 8], { poolSize: 2, strides: 3, padding: "same" }],
    ];
    for (const [shape, args] of table) {
      it(`${name} of [${shape}] with ${JSON.stringify(args)} matches TensorFlow.js`, () =>
        planAgrees(name, around(shape, () => layers[name](args))));
    }
  });
}

describe("A compiled maxPooling2d of equal values", () => {
  it("maxPooling2d passes the gradient to the first of equal values, as TensorFlow.js does", () =>
    planAgrees("ties", around([4, 4, 5], () => layers.maxPooling2d({ poolSize: 2 })), {
      input: (shape) => tf.ones(shape),
    }));
});

for (const name of ["maxPooling1d", "averagePooling1d"] as const) {
  describe(`A compiled ${name}`, () => {
    const table: [shape: number[], Parameters<typeof layers.maxPooling1d>[0]][] = [
      [[8, 3], { poolSize: 2 }],
      [[9, 4], { poolSize: 3, strides: 2, padding: "same" }],
    ];
    for (const [shape, args] of table) {
      it(`${name} of [${shape}] with ${JSON.stringify(args)} matches TensorFlow.js`, () =>
        planAgrees(name, around(shape, () => layers[name](args))));
    }
  });
}

describe("Compiled global pooling", () => {
  for (const name of ["globalMaxPooling1d", "globalAveragePooling1d"] as const) {
    it(`${name} matches TensorFlow.js`, () =>
      planAgrees(name, around([7, 5], () => layers[name]())));
  }
  for (const name of ["globalMaxPooling2d", "globalAveragePooling2d"] as const) {
    it(`${name} matches TensorFlow.js`, async () => {
      await planAgrees(name, around([5, 3, 6], () => layers[name]({})));
      await planAgrees(name, around([2, 3, 3], () => layers[name]({})), {
        input: (shape) => tf.ones(shape),
      });
    });
  }
});
