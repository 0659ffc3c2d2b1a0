import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fit, getOptimizerState } from "keepfit";

const optimizers: Record<string, () => tf.Optimizer> = {
  Momentum: () => tf.train.momentum(0.01, 0.9),
  Adagrad: () => tf.train.adagrad(0.01),
  Adam: () => tf.train.adam(0.01),
  Adamax: () => tf.train.adamax(0.01),
};

/** Layers of one shape, so that no shape tells their slots apart. */
function makeModel(): tf.Sequential {
  const model = tf.sequential();
  ["a", "b", "c"].forEach((name, i) =>
    model.add(tf.layers.dense({
      name,
      units: 2,
      useBias: false,
      inputShape: i === 0 ? [2] : undefined,
      kernelInitializer: tf.initializers.glorotUniform({ seed: i }),
    }))
  );
  return model;
}

async function slotsOf(model: tf.LayersModel): Promise<Map<string, number[]>> {
  const { slots } = await getOptimizerState(model);
  return new Map(
    Object.values(slots).flat().map(({ name, value }) => [name, Array.from(value.values)]),
  );
}

describe("alignSlots", () => {
  for (const [name, make] of Object.entries(optimizers)) {
    it(`alignSlots keeps the slots of ${name} with their weights when layers are frozen and unfrozen`, async () => {
      const model = makeModel();
      const optimizer = make();
      const freeze = (isFrozen: boolean) => {
        model.getLayer("a").trainable = !isFrozen;
        model.compile({ optimizer, loss: "meanSquaredError" });
      };
      // Without a gradient nothing moves but what decays.
      const train = (x: tf.Tensor, callbacks?: object) =>
        fit(model, x, tf.zeros([4, 2]), { verbose: 0, callbacks: callbacks as never });
      freeze(false);
      await train(tf.ones([4, 2]));
      const before = await slotsOf(model);

      let during = new Map<string, number[]>();
      freeze(true);
      await train(tf.ones([4, 2]), {
        onTrainBatchBegin: async () => void (during = await slotsOf(model)),
      });
      const ofA = [...before.keys()].filter((slot) => slot.startsWith("a/"));
      assert.ok(ofA.length > 0);
      assert.deepEqual(
        [...during.keys()],
        [...before.keys()].filter((slot) => !ofA.includes(slot)),
      );
      for (const [slot, values] of during) assert.deepEqual(values, before.get(slot), slot);

      const { numTensors } = tf.memory();
      freeze(false);
      await train(tf.ones([4, 2]), {
        onTrainBatchBegin: async () => void (during = await slotsOf(model)),
      });
      assert.deepEqual([...during.keys()], [...before.keys()]);
      for (const slot of ofA) assert.equal(new Set(during.get(slot)).size, 1, "fresh");
      // The slots alone; two tensors are the data.
      assert.equal(tf.memory().numTensors - numTensors, ofA.length + 2);
    });
  }

  it("alignSlots follows a callback that freezes a layer and compiles the model during a run", async () => {
    const trainFrom = async (frozenAt: number) => {
      const model = makeModel();
      const optimizer = tf.train.adam(0.01);
      const compile = () => model.compile({ optimizer, loss: "meanSquaredError" });
      compile();
      await fit(model, tf.ones([4, 2]), tf.zeros([4, 2]), {
        epochs: 2,
        verbose: 0,
        seed: 1,
        callbacks: {
          onEpochBegin(epoch: number) {
            if (epoch !== frozenAt) return;
            model.getLayer("a").trainable = false;
            compile();
          },
        },
      });
      return model.layers.map((layer) => Array.from(layer.getWeights()[0].dataSync()));
    };
    const [free, frozen] = [await trainFrom(9), await trainFrom(1)];
    assert.notDeepEqual(frozen[0], free[0]);
    // The gradients of the others do not depend on whether a is trained too.
    assert.deepEqual(frozen.slice(1), free.slice(1));
  });
});
