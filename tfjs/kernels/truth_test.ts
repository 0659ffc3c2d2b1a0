import * as tf from "@tensorflow/tfjs";
import { after, describe, it } from "node:test";
import { sameGradients, seeded, values } from "./fixtures.ts";

const shape = [2, 5];
const comparisons: Record<string, (x: tf.Tensor) => tf.Tensor> = {
  "x > y": (x) => tf.greater(x, 0.5),
  "x < y": (x) => tf.less(x, tf.tensor1d([0, 1, 0.5, -1, 2])),
  "x <= y": (x) => tf.lessEqual(x, 0),
  "x >= y": (x) => tf.greaterEqual(x, 0),
  "x = y": (x) => tf.equal(x, x.round()),
  "x = y of whole numbers": (x) => tf.equal(x.toInt(), tf.scalar(1, "int32")),
  "x ≠ y": (x) => tf.notEqual(0, x),
  "and, or, not": (x) =>
    tf.logicalOr(tf.logicalAnd(x.greater(0), x.less(1)), tf.logicalNot(x.greater(-1))),
  "exclusive or": (x) => tf.logicalXor(x.greater(0), x.less(1)),
  any: (x) => tf.any(x.greater(1), 1, true),
  all: (x) => tf.all(x.greater(-1), 1, true),
};

describe("Comparisons and logic", () => {
  after(() => tf.setBackend("cpu"));

  for (const [name, compare] of Object.entries(comparisons)) {
    it(`A comparison has a zero gradient, and keeps the gradient of the values it masks: ${name}`, async () => {
      const x = { shape, values: values(shape, seeded(4)) };
      await sameGradients(name, [x], (x) => x.square().mul(compare(x).toFloat()));
    });
  }
});
