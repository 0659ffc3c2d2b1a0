import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import {
  fit,
  getLearningRate,
  getOptimizerState,
  type OptimizerState,
  setOptimizerState,
} from "keepfit";
import { HeavyBall } from "./optimizer_fixtures.ts";
import { tensorsLeft, weightsOf } from "../training/fixtures.ts";

const x = tf.randomNormal([4, 2], 0, 1, "float32", 1);
const y = tf.randomNormal([4, 1], 0, 1, "float32", 2);
const start = [tf.tensor2d([[0.5], [-0.25]]), tf.tensor1d([0.125])];

function model(optimizer: tf.Optimizer): tf.Sequential {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
  model.compile({ optimizer, loss: "meanSquaredError" });
  model.setWeights(start);
  return model;
}

/** Perform updates. */
async function step(model: tf.LayersModel, epochs: number): Promise<void> {
  await fit(model, x, y, { epochs, shuffle: false, verbose: 0 });
}

/** A state without the names of its variables, which differ from model to model. */
function nameless({ slots, ...rest }: OptimizerState): unknown {
  return {
    ...rest,
    slots: Object.entries(slots).map(([field, all]) => [field, all.map(({ value }) => value)]),
  };
}

const optimizers: Record<string, { make: () => tf.Optimizer; slots: string[]; scalars: string[] }> =
  {
    SGD: { make: () => tf.train.sgd(0.1), slots: [], scalars: [] },
    Momentum: { make: () => tf.train.momentum(0.1, 0.9), slots: ["accumulations"], scalars: [] },
    Adagrad: { make: () => tf.train.adagrad(0.1), slots: ["accumulatedGrads"], scalars: [] },
    Adadelta: {
      make: () => tf.train.adadelta(0.1),
      slots: ["accumulatedGrads", "accumulatedUpdates"],
      scalars: [],
    },
    Adam: {
      make: () => tf.train.adam(0.1),
      slots: ["accumulatedFirstMoment", "accumulatedSecondMoment"],
      scalars: ["accBeta1", "accBeta2"],
    },
    Adamax: {
      make: () => tf.train.adamax(0.1, 0.9, 0.999, 1e-7, 0.01),
      slots: ["accumulatedFirstMoment", "accumulatedWeightedInfNorm"],
      scalars: ["accBeta1", "iteration"],
    },
    RMSProp: {
      make: () => tf.train.rmsprop(0.1, 0.9, 0.5, 1e-7, true),
      slots: ["accumulatedMeanGrads", "accumulatedMeanSquares", "accumulatedMoments"],
      scalars: [],
    },
  };

describe("The state of an optimizer", () => {
  for (const [className, { make, slots, scalars }] of Object.entries(optimizers)) {
    it(`The state of ${className} is plain data and resumes bit for bit`, async () => {
      const straight = model(make());
      await step(straight, 10);

      const first = model(make());
      await step(first, 5);
      const state = structuredClone(await getOptimizerState(first));
      assert.equal(state.className, className);
      assert.equal(state.iterations, 5);
      assert.equal(state.learningRate, 0.1);
      assert.deepEqual(Object.keys(state.slots).sort(), slots);
      assert.deepEqual(Object.keys(state.scalars).sort(), scalars);

      const second = model(make());
      second.setWeights(first.getWeights());
      setOptimizerState(second, state);
      assert.deepEqual(await getOptimizerState(second), state);
      await step(second, 5);
      assert.deepEqual(weightsOf(second), weightsOf(straight));
      assert.deepEqual(
        nameless(await getOptimizerState(second)),
        nameless(await getOptimizerState(straight)),
      );
    });

    it(`The state of ${className} is read and replaced without leaking tensors`, async () => {
      const trained = model(make());
      await step(trained, 1);
      const state = await getOptimizerState(trained);
      const left = await tensorsLeft(async () => {
        await getOptimizerState(trained);
        setOptimizerState(trained, state);
        setOptimizerState(trained.optimizer, state);
        await step(trained, 1);
      });
      assert.equal(left, 0);
    });
  }

  it("The state of an optimizer is that of the moment of the call, even if training continues", async () => {
    const trained = model(tf.train.adam(0.1));
    await step(trained, 1);
    const before = await getOptimizerState(trained);
    const reading = getOptimizerState(trained);
    await step(trained, 3);
    assert.deepEqual(await reading, before);
    assert.notDeepEqual(await getOptimizerState(trained), before);
  });

  it("The state of an optimizer without steps clears the state of another optimizer", async () => {
    const fresh = await getOptimizerState(tf.train.adam(0.5));
    assert.deepEqual(fresh.slots, {});
    const trained = model(tf.train.adam(0.1));
    await step(trained, 2);
    setOptimizerState(trained, fresh);
    assert.equal(getLearningRate(trained), 0.5);
    assert.deepEqual(await getOptimizerState(trained), fresh);
  });

  it("The state of an optimizer of a custom class assigns its weights to the model's variables", async () => {
    const straight = model(new HeavyBall());
    await step(straight, 10);

    const first = model(new HeavyBall());
    await step(first, 5);
    const state = structuredClone(await getOptimizerState(first));
    assert.equal(state.weights?.length, 3);

    // Its slots are named after variables, which have other names in this model.
    const second = model(new HeavyBall());
    second.setWeights(first.getWeights());
    await setOptimizerState(second, state);
    assert.equal(second.optimizer.iterations, 5);
    await step(second, 5);
    assert.deepEqual(weightsOf(second), weightsOf(straight));
    const left = await tensorsLeft(async () => {
      await setOptimizerState(second, await getOptimizerState(second));
    });
    assert.equal(left, 0);
  });

  it("The state of an optimizer is rejected by another class, and without an optimizer", async () => {
    const state = await getOptimizerState(tf.train.adam());
    assert.throws(() => setOptimizerState(tf.train.sgd(1), state), {
      name: "TypeError",
      message: "Cannot set the state of SGD: the state is of Adam",
    });
    const bare = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    await assert.rejects(getOptimizerState(bare), /there is no tfjs optimizer; compile the model/);
    assert.throws(() => setOptimizerState(null as never, state), TypeError);
  });
});
