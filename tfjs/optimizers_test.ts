import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AdamW, HeavyBall, makeOptimizer } from "./optimizer_fixtures.ts";
import { optimizerClasses, optimizerClassOf, slotFieldsOf } from "./optimizers.ts";

describe("optimizerClassOf", () => {
  it("optimizerClassOf finds every optimizer of TensorFlow.js", () => {
    const found = Object.entries(makeOptimizer).map(([name, make]) => {
      const optimizer = make();
      const known = optimizerClasses[optimizer.getClassName()];
      assert.ok(known, name);
      assert.equal(optimizerClassOf(optimizer), known);
      return optimizer.getClassName();
    });
    assert.deepEqual([...new Set(found)].sort(), Object.keys(optimizerClasses).sort());
  });

  it("optimizerClassOf finds an optimizer whose class a minifier has renamed", () => {
    const minified = { e: class extends tf.AdamOptimizer {} };
    assert.equal(optimizerClassOf(new minified.e(0.1, 0.9, 0.999)), optimizerClasses.Adam);
  });

  it("optimizerClassOf treats a subclass as the class that keeps its state", () => {
    assert.equal(optimizerClassOf(new AdamW(0.1, 0.9, 0.999)), optimizerClasses.Adam);
    class WithMore extends tf.AdamOptimizer {
      override async getWeights(): ReturnType<tf.Optimizer["getWeights"]> {
        return [...await super.getWeights(), { name: "more", tensor: tf.scalar(1) }];
      }
    }
    assert.equal(optimizerClassOf(new WithMore(0.1, 0.9, 0.999)), undefined);
  });

  it("optimizerClassOf returns undefined for a custom optimizer, and for one with other fields", () => {
    assert.equal(optimizerClassOf(new HeavyBall()), undefined);
    const changed = tf.train.adam();
    Reflect.deleteProperty(changed, "accumulatedFirstMoment");
    assert.equal(optimizerClassOf(changed), undefined);
  });
});

describe("optimizerClasses", () => {
  for (const [name, make] of Object.entries(makeOptimizer)) {
    it(`optimizerClasses has the slots of ${name} in the order of getWeights()`, async () => {
      const optimizer = make() as tf.Optimizer & Record<string, unknown>;
      const known = optimizerClasses[optimizer.getClassName()];
      const weight = tf.variable(tf.ones([2]));
      optimizer.minimize(() => weight.square().sum() as tf.Scalar, false, [weight]);
      const slots = slotFieldsOf(optimizer, known).flatMap((field) =>
        (optimizer[field] as { variable: tf.Variable }[]).map(({ variable }) => variable)
      );
      // Adamax cannot tell.
      if (known.isLoadedByTfjs) {
        const [, ...weights] = await optimizer.getWeights();
        assert.deepEqual(weights.map(({ tensor }) => tensor), slots);
      } else await assert.rejects(optimizer.getWeights(), /not implemented/);
      assert.equal(slots.length, slotFieldsOf(optimizer, known).length);
    });

    it(`optimizerClasses computes the scalars of ${name} like its updates`, () => {
      const optimizer = make() as tf.Optimizer & Record<string, tf.Variable>;
      const weight = tf.variable(tf.ones([2]));
      for (let step = 0; step < 20; step++) {
        optimizer.minimize(() => weight.square().sum() as tf.Scalar, false, [weight]);
      }
      const { scalars } = optimizerClasses[optimizer.getClassName()];
      for (const [field, rule] of Object.entries(scalars)) {
        assert.equal(rule(optimizer as never, 20), optimizer[field].dataSync()[0], field);
      }
    });
  }

  it("optimizerClasses lists the hyperparameters of every class", () => {
    for (const make of Object.values(makeOptimizer)) {
      const optimizer = make();
      const { hyperparameters } = optimizerClasses[optimizer.getClassName()];
      assert.deepEqual(Object.keys(optimizer.getConfig()), hyperparameters);
      for (const name of hyperparameters) assert.ok(name in optimizer, name);
    }
  });
});
