import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  accumulateGradients,
  clipGradients,
  exponentialMovingAverage,
  fit,
  getOptimizerState,
  setOptimizerState,
} from "keepfit";
import { furthest, tensorsLeft, twins, weightsOf } from "../training/fixtures.ts";
import { makeOptimizer } from "./optimizer_fixtures.ts";

/** Two weights with fixed gradients; returns their values after one update from zero. */
function step(optimizer: tf.Optimizer, gradients: number[][]): number[][] {
  const variables = gradients.map((values) => tf.variable(tf.zeros([values.length])));
  optimizer.minimize(
    () => tf.addN(gradients.map((values, i) => variables[i].mul(values).sum())) as tf.Scalar,
    false,
    variables,
  );
  return variables.map((variable) =>
    Array.from(variable.dataSync(), (value) => value === 0 ? 0 : -value)
  );
}

const quiet = { verbose: 0, shuffle: false } as const;
const x = tf.tensor2d([[1, 2], [3, -1], [0, 4], [2, 2], [5, 1], [1, 1]]);
const y = tf.tensor2d([[3], [-2], [8], [1], [0], [4]]);

function model(optimizer: tf.Optimizer | "sgd"): tf.Sequential {
  const made = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
  made.compile({ optimizer, loss: "meanSquaredError" });
  return made;
}

describe("clipGradients", () => {
  const gradients = [[3, 4], [0.3, -0.4]];
  // What Keras 3.15.1 leaves of these, to seven digits.
  const cases: [string, Parameters<typeof clipGradients>[1], number[][]][] = [
    ["each norm", { clipNorm: 1 }, [[0.6, 0.8], [0.3, -0.4]]],
    ["each value", { clipValue: 0.35 }, [[0.35, 0.35], [0.3, -0.35]]],
    ["the norm of all", { globalClipNorm: 1 }, [[0.5970224, 0.7960298], [0.0597022, -0.0796030]]],
    ["nothing below the limit", { globalClipNorm: 100 }, gradients],
  ];
  for (const [what, options, expected] of cases) {
    it(`clipGradients clips ${what}, like Keras`, () => {
      const left = step(clipGradients(tf.train.sgd(1), options), gradients);
      assert(furthest(left.flat(), expected.flat()) < 1e-6, String(left));
    });
  }

  it("clipGradients works with every optimizer, in fit and in TensorFlow.js's own, without leaking tensors", async () => {
    for (const [name, make] of Object.entries(makeOptimizer)) {
      const [ours, theirs] = twins(() => model("sgd"));
      for (const one of [ours, theirs]) {
        one.compile({
          optimizer: clipGradients(make(), { clipNorm: 0.1 }),
          loss: "meanSquaredError",
        });
      }
      await fit(ours, x, y, { ...quiet, batchSize: 2, jitCompile: false });
      await theirs.fit(x, y, { verbose: 0, shuffle: false, batchSize: 2 });
      assert.deepEqual(weightsOf(ours), weightsOf(theirs), name);
      assert.equal(await tensorsLeft(() => fit(ours, x, y, quiet)), 0, name);
    }
  });

  it("clipGradients rejects other values than an optimizer, and anything but one limit above 0", () => {
    const sgd = tf.train.sgd(1);
    const refused: [() => unknown, RegExp][] = [
      [() => clipGradients({} as never, { clipNorm: 1 }), /expected a tfjs optimizer/],
      [
        () => clipGradients(sgd, {}),
        /expected one of clipNorm, clipValue, globalClipNorm, got none/,
      ],
      [() => clipGradients(sgd, { clipNorm: 1, clipValue: 1 }), /got clipNorm and clipValue/],
      [() => clipGradients(sgd, { clipnorm: 1 } as never), /got clipnorm/],
      [() => clipGradients(sgd, { clipNorm: 0 }), /clipNorm 0: expected a number above 0/],
      [() => clipGradients(sgd, { clipValue: NaN }), /clipValue NaN/],
      [
        () => clipGradients(sgd, { clipValue: "1" as never }),
        /clipValue 1: expected a number above 0/,
      ],
    ];
    for (const [run, message] of refused) assert.throws(run, { message });
  });
});

describe("accumulateGradients", () => {
  it("accumulateGradients updates like one batch of all rows, with the mean", async () => {
    for (const [name, make] of Object.entries(makeOptimizer)) {
      const [ours, whole] = twins(() => model("sgd"));
      ours.compile({ optimizer: accumulateGradients(make(), 3), loss: "meanSquaredError" });
      whole.compile({ optimizer: make(), loss: "meanSquaredError" });
      await fit(ours, x, y, { ...quiet, batchSize: 2, epochs: 3 });
      await fit(whole, x, y, { ...quiet, batchSize: 6, epochs: 3 });
      assert(furthest(weightsOf(ours), weightsOf(whole)) < 1e-5, name);
      assert.equal((ours.optimizer as tf.Optimizer).iterations, 3);
    }
  });

  it("accumulateGradients trains like Keras when updates fall within an epoch", async () => {
    // What Keras 3.15.1 leaves after four epochs of three batches, to seven digits.
    const made = model(accumulateGradients(tf.train.sgd(0.01), 4));
    made.setWeights([tf.zeros([2, 1]), tf.zeros([1])]);
    await fit(made, x, y, { ...quiet, batchSize: 2, epochs: 4 });
    const left = weightsOf(made);
    assert(furthest(left, [0.0072496, 0.4169880, 0.1233601]) < 1e-6, String(left));
  });

  it("accumulateGradients continues in the next epoch, even in TensorFlow.js's own fit, and leaks no tensor", async () => {
    const [ours, theirs] = twins(() => model("sgd"));
    for (const one of [ours, theirs]) {
      one.compile({
        optimizer: accumulateGradients(tf.train.sgd(0.01), 4),
        loss: "meanSquaredError",
      });
    }
    await fit(ours, x, y, { ...quiet, batchSize: 2, epochs: 4, jitCompile: false });
    await theirs.fit(x, y, { verbose: 0, shuffle: false, batchSize: 2, epochs: 4 });
    assert.deepEqual(weightsOf(ours), weightsOf(theirs));
    assert.equal((ours.optimizer as tf.Optimizer).iterations, 3);
    assert.equal(
      await tensorsLeft(() => fit(ours, x, y, { ...quiet, batchSize: 2, epochs: 4 })),
      0,
    );
  });

  it("accumulateGradients continues from its state as if uninterrupted", async () => {
    const make = () => accumulateGradients(tf.train.adam(0.1), 4);
    const [one, two] = twins(() => model(make()));
    two.compile({ optimizer: make(), loss: "meanSquaredError" });
    const options = { ...quiet, batchSize: 1 };
    await fit(one, x, y, { ...options, epochs: 2 });
    await fit(two, x, y, options);
    const state = structuredClone(await getOptimizerState(two));
    assert.equal(state.accumulated?.batches, 2);
    const third = model("sgd");
    third.setWeights(two.getWeights());
    third.compile({ optimizer: make(), loss: "meanSquaredError" });
    await setOptimizerState(third.optimizer as tf.Optimizer, state);
    assert.deepEqual(await getOptimizerState(third.optimizer as tf.Optimizer), state);
    await fit(third, x, y, options);
    assert.deepEqual(weightsOf(third), weightsOf(one));
  });

  it("accumulateGradients gives each weight its own sum when other layers are frozen than before", async () => {
    const make = () => {
      const layers = ["one", "two"].map((name) =>
        tf.layers.dense({ units: 2, inputShape: [2], useBias: false, name })
      );
      return tf.sequential({ layers });
    };
    const compile = (made: tf.Sequential) =>
      made.compile({
        optimizer: accumulateGradients(tf.train.sgd(0.1), 2),
        loss: "meanSquaredError",
      });
    const target = tf.ones([6, 2]);
    const train = (made: tf.Sequential, epochs: number) =>
      fit(made, x, target, { ...quiet, batchSize: 6, epochs });
    const [straight, stopped] = twins(make);
    compile(straight);
    compile(stopped);
    await train(straight, 2);
    await train(stopped, 1);
    const state = structuredClone(await getOptimizerState(stopped));
    assert.deepEqual(state.accumulated?.sums.map(({ name }) => name), ["one/kernel", "two/kernel"]);
    const frozen = make();
    frozen.setWeights(stopped.getWeights());
    frozen.layers[0].trainable = false;
    compile(frozen);
    setOptimizerState(frozen, state);
    await train(frozen, 1);
    const valuesOf = (made: tf.Sequential, layer: number) =>
      Array.from(made.layers[layer].getWeights()[0].dataSync());
    assert.deepEqual(valuesOf(frozen, 1), valuesOf(straight, 1));
    assert.deepEqual(valuesOf(frozen, 0), valuesOf(stopped, 0));
  });

  it("accumulateGradients clips the mean when it wraps clipGradients, like Keras", () => {
    const inner = accumulateGradients(clipGradients(tf.train.sgd(1), { clipValue: 1 }), 2);
    const variable = tf.variable(tf.scalar(0));
    for (const gradient of [3, -2]) {
      inner.minimize(() => variable.mul(gradient) as tf.Scalar, false, [variable]);
    }
    assert.equal(variable.dataSync()[0], -0.5);
  });

  // Weights that Keras 3.15.1 leaves with a momentum of 0.5, to seven digits.
  const averaged: [batches: number, frequency: number | undefined, number, number[]][] = [
    [4, undefined, 4, [0.0068123, 0.3616493, 0.1046586]],
    [2, undefined, 3, [-0.0043972, 0.5246699, 0.1452099]],
    [2, 2, 5, [-0.0209055, 0.6394514, 0.1740992]],
    [3, 3, 7, [-0.0132796, 0.6191967, 0.1794074]],
  ];
  for (const [batches, overwriteFrequency, epochs, expected] of averaged) {
    const every = overwriteFrequency === undefined ? "" : `, put in every ${overwriteFrequency}`;
    it(`accumulateGradients of ${batches} batches averages like Keras${every}`, async () => {
      const made = model(
        exponentialMovingAverage(accumulateGradients(tf.train.sgd(0.01), batches), {
          momentum: 0.5,
          ...(overwriteFrequency && { overwriteFrequency }),
        }),
      );
      made.setWeights([tf.zeros([2, 1]), tf.zeros([1])]);
      await fit(made, x, y, { ...quiet, batchSize: 2, epochs });
      const left = weightsOf(made);
      assert(furthest(left, expected) < 1e-6, String(left));
    });
  }

  it("accumulateGradients may be combined with a moving average", async () => {
    const optimizer = exponentialMovingAverage(accumulateGradients(tf.train.sgd(0.01), 2), {
      momentum: 0,
    });
    const made = model(optimizer);
    await fit(made, x, y, { ...quiet, batchSize: 2 });
    assert(weightsOf(made).every(Number.isFinite));
    optimizer.dispose();
  });

  it("accumulateGradients rejects other values than an optimizer, one that accumulates, and fewer than two batches", () => {
    const refused: [() => unknown, RegExp][] = [
      [() => accumulateGradients({} as never, 2), /expected a tfjs optimizer/],
      [() => accumulateGradients(tf.train.sgd(1), 1), /of 1 batches: .* >= 2/],
      [() => accumulateGradients(tf.train.sgd(1), 2.5), /of 2.5 batches/],
      [
        () => accumulateGradients(accumulateGradients(tf.train.sgd(1), 2), 2),
        /already accumulates them/,
      ],
    ];
    for (const [run, message] of refused) assert.throws(run, { message });
  });
});
