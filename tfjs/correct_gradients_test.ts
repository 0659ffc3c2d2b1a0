import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { describeStep, fit } from "keepfit";
import { furthest, twins, weightsOf } from "../training/fixtures.ts";
import { sameGradients, seeded, values } from "./kernels/fixtures.ts";

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

const { layers } = tf;
const following: Record<string, { shape: number[]; make: () => tf.layers.Layer }> = {
  thresholdedReLU: { shape: [5], make: () => layers.thresholdedReLU({ theta: 0.1 }) },
  masking: { shape: [2, 5], make: () => layers.masking({ maskValue: 0 }) },
  simpleRNN: { shape: [1, 5], make: () => layers.simpleRNN({ units: 3 }) },
  gru: { shape: [1, 5], make: () => layers.gru({ units: 3, returnSequences: true }) },
  lstm: { shape: [1, 5], make: () => layers.lstm({ units: 3, goBackwards: true }) },
};

describe("After a trained layer on cpu", () => {
  before(() => {
    tf.setBackend("cpu");
    // As in a program that never starts wasm.
    for (const name of ["Any", "Greater", "NotEqual"]) {
      if (tf.getGradient(name)) tf.unregisterGradient(name);
    }
  });

  for (const [name, { shape, make }] of Object.entries(following)) {
    it(`After a trained layer on cpu, ${name} trains, compiled or not`, async () => {
      const model = () => {
        const flat = shape.length > 1 && name !== "simpleRNN" && name !== "lstm";
        const all = [
          layers.dense({ units: 5, inputShape: shape }),
          make(),
          ...(flat ? [layers.flatten()] : []),
          layers.dense({ units: 1 }),
        ];
        const made = tf.sequential({ layers: all });
        made.compile({ optimizer: tf.train.sgd(0.05), loss: "meanSquaredError" });
        return made;
      };
      const [compiled, plain] = twins(model);
      const start = weightsOf(compiled);
      const x = tf.randomNormal([8, ...shape], 0, 1, "float32", 1);
      const y = tf.ones([8, 1]);
      const options = { verbose: 0, epochs: 3, batchSize: 4, seed: 1 } as const;
      await fit(plain, x, y, { ...options, jitCompile: false });
      await fit(compiled, x, y, { ...options, jitCompile: true });
      assert.deepEqual(describeStep(compiled), { isCompiled: true });
      assert.ok(furthest(weightsOf(compiled), weightsOf(plain)) < 1e-5);
      assert.ok(furthest(weightsOf(compiled).slice(0, 25), start.slice(0, 25)) > 1e-5);
    });
  }
});
