import * as tf from "@tensorflow/tfjs";
import { before, describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  checkpointHandler,
  FileSystemError,
  loadWeights,
  memoryFileSystem,
  saveCheckpoint,
} from "keepfit/runtime";

before(() => tf.setBackend("cpu"));

function build(units = 3, name?: string): tf.Sequential {
  return tf.sequential({
    layers: [
      tf.layers.dense({
        units,
        inputShape: [2],
        activation: "tanh",
        kernelInitializer: tf.initializers.glorotUniform({ seed: 1 }),
        name,
      }),
      tf.layers.batchNormalization(),
      tf.layers.dense({ units: 1, kernelInitializer: tf.initializers.glorotUniform({ seed: 2 }) }),
    ],
  });
}

function compile(model: tf.LayersModel, optimizer: tf.Optimizer): void {
  model.compile({ loss: "meanSquaredError", optimizer });
}

const x = tf.tensor2d([0.5, -1, 2, 0.1, 1, 1, -0.3, 0.7], [4, 2]);
const y = tf.tensor2d([1, 0, -1, 0.5], [4, 1]);

async function train(model: tf.LayersModel, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) await model.trainOnBatch(x, y);
}

function valuesOf(model: tf.LayersModel): number[][] {
  return model.getWeights().map((weight) => Array.from(weight.dataSync()));
}

const optimizers: Record<string, () => tf.Optimizer> = {
  SGD: () => tf.train.sgd(0.1),
  Momentum: () => tf.train.momentum(0.1, 0.9),
  "Momentum of Nesterov": () => tf.train.momentum(0.1, 0.9, true),
  Adagrad: () => tf.train.adagrad(0.1),
  Adadelta: () => tf.train.adadelta(0.5),
  RMSProp: () => tf.train.rmsprop(0.05),
  "centered RMSProp": () => tf.train.rmsprop(0.05, 0.9, 0.1, 1e-7, true),
  Adam: () => tf.train.adam(0.05),
};

describe("loadWeights", () => {
  for (const [name, newOptimizer] of Object.entries(optimizers)) {
    it(`lets training with ${name} go on exactly`, async () => {
      const fs = memoryFileSystem();
      const straight = build();
      compile(straight, newOptimizer());
      await train(straight, 5);
      await saveCheckpoint(straight, "m", { fs });
      await train(straight, 5);
      assert(valuesOf(straight).flat().every(Number.isFinite));

      const resumed = build();
      compile(resumed, newOptimizer());
      await train(resumed, 2);
      const { numTensors } = tf.memory();
      assert.deepEqual(await loadWeights(resumed, "m", { fs }), { optimizer: true });
      assert.equal(tf.memory().numTensors, numTensors);
      assert.equal(resumed.optimizer.iterations, 5);
      await train(resumed, 5);
      assert.deepEqual(valuesOf(resumed), valuesOf(straight));
    });

    it(`finds the state of ${name} where tf.loadLayersModel has loaded it`, async () => {
      const fs = memoryFileSystem();
      const straight = build();
      compile(straight, newOptimizer());
      await train(straight, 5);
      await saveCheckpoint(straight, "m", { fs });
      await train(straight, 5);
      const loaded = await tf.loadLayersModel(checkpointHandler("m", { fs }));
      await train(loaded, 5);
      // Adam's powers of beta come from pow there, another rounding than that of the steps.
      const close = name === "Adam" ? 1e-5 : 0;
      const wanted = valuesOf(straight).flat();
      for (const [i, value] of valuesOf(loaded).flat().entries()) {
        assert(Math.abs(value - wanted[i]) <= close, `${value} and ${wanted[i]}`);
      }
    });
  }

  it("restores an optimizer that has never stepped as one", async () => {
    const fs = memoryFileSystem();
    const fresh = build();
    compile(fresh, tf.train.adam(0.05));
    await saveCheckpoint(fresh, "m", { fs });
    const model = build();
    compile(model, tf.train.adam(0.05));
    const { numTensors } = tf.memory();
    await train(model, 3);
    await loadWeights(model, "m", { fs });
    assert.equal(tf.memory().numTensors, numTensors);
    await train(model, 3);
    await train(fresh, 3);
    assert.deepEqual(valuesOf(model), valuesOf(fresh));
  });

  it("leaves an optimizer of another class alone", async () => {
    const fs = memoryFileSystem();
    const model = build();
    compile(model, tf.train.adam(0.05));
    await train(model, 2);
    await saveCheckpoint(model, "m", { fs });
    compile(model, tf.train.sgd(0.05));
    assert.deepEqual(await loadWeights(model, "m", { fs }), { optimizer: false });
    assert.equal(model.optimizer.iterations, 0);
    assert.deepEqual(await loadWeights(build(), "m", { fs }), { optimizer: false });
  });

  it("reads weights saved alone, in shards cut anywhere", async () => {
    const fs = memoryFileSystem();
    const model = build();
    await train((compile(model, tf.train.sgd(0.1)), model), 2);
    await saveCheckpoint(model, "m", { fs, weightsOnly: true, maxShardBytes: 7 });
    const other = build();
    assert.deepEqual(await loadWeights(other, "m", { fs }), { optimizer: false });
    assert.deepEqual(valuesOf(other), valuesOf(model));
  });

  it("changes the model and not what was read, and leaks nothing", async () => {
    const fs = memoryFileSystem();
    const model = build();
    await saveCheckpoint(model, "m", { fs });
    const { numTensors } = tf.memory();
    await loadWeights(model, "m", { fs });
    await loadWeights(model, "m", { fs });
    assert.equal(tf.memory().numTensors, numTensors);
  });

  it("says which weight does not fit, and changes nothing then", async () => {
    const fs = memoryFileSystem();
    await saveCheckpoint(build(3, "first"), "m", { fs });
    const unchanged = async (model: tf.LayersModel, message: RegExp) => {
      const before = valuesOf(model);
      await assert.rejects(loadWeights(model, "m", { fs }), message);
      assert.deepEqual(valuesOf(model), before);
    };
    await unchanged(
      build(4, "first"),
      /^RangeError: Cannot load weights from m: 'first\/kernel' was saved as float32\[2,3\], the model has float32\[2,4\]$/,
    );
    await unchanged(
      build(3, "second"),
      /: it has no 'second\/kernel', 'second\/bias', which the model wants; the model does not know its 'first\/kernel', 'first\/bias'$/,
    );
    const small = tf.sequential({
      layers: [tf.layers.dense({ units: 3, inputShape: [2], name: "first" })],
    });
    await unchanged(small, /: it has 8 weights, the model 2; too many are 'batch_norm/);
  });

  it("refuses the state of an optimizer for other trainable weights", async () => {
    const fs = memoryFileSystem();
    const model = build();
    compile(model, tf.train.adam(0.1));
    await train(model, 1);
    await saveCheckpoint(model, "m", { fs });
    model.layers[0].trainable = false;
    compile(model, tf.train.adam(0.1));
    const before = valuesOf(model);
    await assert.rejects(
      loadWeights(model, "m", { fs }),
      /the state of Adam has 12 slots, the model wants 8 \(for 4 trainable weights/,
    );
    assert.deepEqual(valuesOf(model), before);
  });

  it("says what it looked for when there is nothing", async () => {
    await assert.rejects(loadWeights(build(), "none", { fs: memoryFileSystem() }), (error) => {
      assert(error instanceof FileSystemError);
      assert.equal(error.code, "NotFound");
      assert.match(error.message, /it has no model\.json and no weights_manifest\.json$/);
      return true;
    });
  });
});
