import * as tf from "@tensorflow/tfjs";
import { before, describe, it } from "node:test";
import assert from "node:assert/strict";
import { exponentialMovingAverage, getOptimizerState, type HostWeight } from "keepfit";
import { AdamW, HeavyBall, makeOptimizer, SealedBall } from "../tfjs/optimizer_fixtures.ts";
import {
  checkpointHandler,
  FileSystemError,
  loadWeights,
  memoryFileSystem,
  saveCheckpoint,
  saveSafetensors,
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

async function averagesOf(model: tf.LayersModel): Promise<HostWeight[] | undefined> {
  return (await getOptimizerState(model)).average;
}

async function train(model: tf.LayersModel, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) await model.trainOnBatch(x, y);
}

function valuesOf(model: tf.LayersModel): number[][] {
  return model.getWeights().map((weight) => Array.from(weight.dataSync()));
}

const resumable: Record<string, () => tf.Optimizer> = {
  ...makeOptimizer,
  "Adam with averages": () => exponentialMovingAverage(tf.train.adam(0.05), { momentum: 0.9 }),
  "a subclass of Adam": () => new AdamW(0.05, 0.9, 0.999),
  "a custom optimizer": () => new HeavyBall(),
};

/** Messages of `console.warn` during `body`. */
async function warningsOf(body: () => Promise<unknown>): Promise<string[]> {
  const warn = console.warn;
  const warnings: string[] = [];
  console.warn = (message: string) => warnings.push(message);
  try {
    await body();
  } finally {
    console.warn = warn;
  }
  return warnings;
}

describe("loadWeights", () => {
  for (const [name, newOptimizer] of Object.entries(resumable)) {
    it(`loadWeights resumes training with ${name} bit for bit`, async () => {
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
      assert.deepEqual(await averagesOf(resumed), await averagesOf(straight));
    });
  }

  for (const [name, newOptimizer] of Object.entries(makeOptimizer)) {
    it(`loadWeights finds the state of ${name} after tf.loadLayersModel has loaded it`, async () => {
      const fs = memoryFileSystem();
      const straight = build();
      compile(straight, newOptimizer());
      await train(straight, 5);
      await saveCheckpoint(straight, "m", { fs });
      await train(straight, 5);
      const loaded = await tf.loadLayersModel(checkpointHandler("m", { fs }));
      // TensorFlow.js cannot load a state of Adamax, which is hidden from it.
      if (name === "Adamax") {
        assert.equal(loaded.optimizer.iterations, 0);
        assert.deepEqual(await loadWeights(loaded, "m", { fs }), { optimizer: true });
      }
      await train(loaded, 5);
      // Its powers of beta for Adam come from pow, which rounds differently from the steps.
      const close = name === "Adam" ? 1e-5 : 0;
      const expected = valuesOf(straight).flat();
      for (const [i, value] of valuesOf(loaded).flat().entries()) {
        assert(Math.abs(value - expected[i]) <= close, `${value} and ${expected[i]}`);
      }
    });
  }

  it("loadWeights restores an optimizer that has never stepped", async () => {
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

  it("loadWeights does not change an optimizer of another class", async () => {
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

  it("loadWeights reads separately saved weights, in shards split at any byte", async () => {
    const fs = memoryFileSystem();
    const model = build();
    await train((compile(model, tf.train.sgd(0.1)), model), 2);
    await saveCheckpoint(model, "m", { fs, weightsOnly: true, maxShardBytes: 7 });
    const other = build();
    assert.deepEqual(await loadWeights(other, "m", { fs }), { optimizer: false });
    assert.deepEqual(valuesOf(other), valuesOf(model));
  });

  it("loadWeights changes only the model, not the loaded data, and leaks nothing", async () => {
    const fs = memoryFileSystem();
    const model = build();
    await saveCheckpoint(model, "m", { fs });
    const { numTensors } = tf.memory();
    await loadWeights(model, "m", { fs });
    await loadWeights(model, "m", { fs });
    assert.equal(tf.memory().numTensors, numTensors);
  });

  it("loadWeights names a weight that does not match, and changes nothing", async () => {
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
      /: it has no 'second\/kernel', 'second\/bias', which the model needs; the model has no 'first\/kernel', 'first\/bias'\. byName loads/,
    );
    const small = tf.sequential({
      layers: [tf.layers.dense({ units: 3, inputShape: [2], name: "first" })],
    });
    await unchanged(small, /: it has 8 weights, the model 2; additional weights are 'batch_norm/);
  });

  it("loadWeights rejects the state of an optimizer for other trainable weights", async () => {
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
      /expected 8 slots of Adam for 4 trainable weights, got 12; were other layers frozen when it was saved/,
    );
    assert.deepEqual(valuesOf(model), before);
  });

  it("loadWeights matches slots with trained weights by name", async () => {
    const build = (...names: string[]) => {
      const layers = names.map((name) => tf.layers.dense({ units: 2, inputShape: [2], name }));
      const model = tf.sequential({ layers });
      compile(model, tf.train.adam(0.1));
      return model;
    };
    const step = (model: tf.LayersModel) => model.trainOnBatch(x, x);
    const fs = memoryFileSystem();
    const first = build("a", "b");
    first.layers[1].trainable = false;
    compile(first, tf.train.adam(0.1));
    await step(first);
    await saveCheckpoint(first, "m", { fs });
    const second = build("a", "b");
    second.layers[0].trainable = false;
    compile(second, tf.train.adam(0.1));
    // The same number of slots, of the same shapes.
    await assert.rejects(
      loadWeights(second, "m", { fs }),
      /expected 4 slots of Adam for 2 trainable weights, got of other weights; were other layers frozen/,
    );
  });

  it("loadWeights reads a checkpoint from before model.json had an optimizerState", async () => {
    const fs = memoryFileSystem();
    const group = "optimizer";
    const float = { shape: [1, 1], dtype: "float32" };
    await fs.makeDir("m");
    // After three steps of Adam; the counter and the slots follow the kernel.
    const bytes = Uint8Array.from(atob("IEumPwMAAACnegHArSMtPg=="), (byte) => byte.charCodeAt(0));
    await fs.writeFile("m/weights-2424cbaa-6c9f-1.bin", bytes);
    await fs.writeFile(
      "m/model.json",
      JSON.stringify({
        optimizerClass: "Adam",
        weightsManifest: [{
          paths: ["weights-2424cbaa-6c9f-1.bin"],
          weights: [
            { name: "d/kernel", ...float },
            { name: "iter", shape: [], dtype: "int32", group },
            { name: "d/kernel/m", ...float, group },
            { name: "d/kernel/v", ...float, group },
          ],
          bytes: [16],
        }],
      }),
    );
    const layer = tf.layers.dense({ units: 1, inputShape: [1], useBias: false, name: "d" });
    const model = tf.sequential({ layers: [layer] });
    compile(model, tf.train.adam(0.1));
    assert.deepEqual(await loadWeights(model, "m", { fs }), { optimizer: true });
    assert.equal(model.optimizer.iterations, 3);
    for (let step = 0; step < 3; step++) {
      await model.trainOnBatch(tf.tensor2d([[1], [2]]), tf.tensor2d([[3], [5]]));
    }
    // The result of the run that wrote it.
    assert.deepEqual(valuesOf(model), [[1.5930286645889282]]);
  });

  it("loadWeights does not restore an optimizer that cannot return its state, about which saving warns once", async () => {
    const fs = memoryFileSystem();
    const model = build();
    compile(model, new SealedBall());
    await train(model, 2);
    const warnings = await warningsOf(async () => {
      await saveCheckpoint(model, "m", { fs });
      await saveCheckpoint(model, "m", { fs });
    });
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0],
      /^keepfit: the state of SealedBall cannot be saved: getWeights\(\) is not implemented .*; give it getWeights\(\) and setWeights\(\)/,
    );
    const other = build();
    compile(other, new SealedBall());
    assert.deepEqual(await loadWeights(other, "m", { fs }), { optimizer: false });
    assert.deepEqual(valuesOf(other), valuesOf(model));
  });

  it("loadWeights names the missing file", async () => {
    await assert.rejects(loadWeights(build(), "none", { fs: memoryFileSystem() }), (error) => {
      assert(error instanceof FileSystemError);
      assert.equal(error.code, "NotFound");
      assert.match(error.message, /it has no model\.json and no weights_manifest\.json$/);
      return true;
    });
  });

  describe("loadWeights with skipMismatch and byName", () => {
    const layers = (...units: [string, number][]) =>
      tf.sequential({
        layers: units.map(([name, size], i) =>
          tf.layers.dense({ name, units: size, inputShape: i === 0 ? [2] : undefined })
        ),
      });
    const trained = layers(["body", 3], ["head", 2]);
    const valueOf = (model: tf.LayersModel, name: string) =>
      model.getLayer(name).getWeights().map((weight) => Array.from(weight.dataSync()));
    const saved = async () => {
      const fs = memoryFileSystem();
      await saveCheckpoint(trained, "m", { fs, weightsOnly: true });
      await saveSafetensors(trained, "m.safetensors", { fs });
      return fs;
    };

    for (const file of ["m", "m.safetensors"]) {
      it(`loadWeights skips a head of another size, from ${file}`, async () => {
        const fs = await saved();
        const model = layers(["body", 3], ["head", 5]);
        const head = valueOf(model, "head");
        await assert.rejects(loadWeights(model, file, { fs }), /'head\/kernel' was saved as/);
        const messages = await warningsOf(async () => {
          assert.deepEqual(await loadWeights(model, file, { fs, skipMismatch: true }), {
            optimizer: false,
            skipped: ["head/kernel", "head/bias"],
          });
        });
        assert.deepEqual(messages, [
          `keepfit: loading ${file}: skipped 'head/kernel', 'head/bias', which the model keeps unchanged`,
        ]);
        assert.deepEqual(valueOf(model, "body"), valueOf(trained, "body"));
        assert.deepEqual(valueOf(model, "head"), head);
      });
    }

    it("loadWeights loads the layers that both sides have, in any order", async () => {
      const fs = await saved();
      const model = layers(["first", 2], ["body", 3], ["top", 1]);
      const messages = await warningsOf(async () => {
        const { skipped } = await loadWeights(model, "m", { fs, byName: true });
        assert.deepEqual(skipped, ["first/kernel", "first/bias", "top/kernel", "top/bias"]);
      });
      assert.equal(messages.length, 1);
      assert.deepEqual(valueOf(model, "body"), valueOf(trained, "body"));
    });

    it("loadWeights still rejects another shape of the same name, unless it may be skipped", async () => {
      const fs = await saved();
      const model = layers(["body", 3], ["head", 5], ["top", 1]);
      await assert.rejects(
        loadWeights(model, "m", { fs, byName: true }),
        /'head\/kernel' was saved as float32\[3,2\], the model has float32\[3,5\]; skipMismatch/,
      );
      await warningsOf(async () => {
        const { skipped } = await loadWeights(model, "m", { fs, byName: true, skipMismatch: true });
        assert.equal(skipped?.length, 4);
      });
    });

    it("loadWeights skips whole layers, and none if everything matches", async () => {
      const fs = await saved();
      const narrow = layers(["body", 3], ["head", 2]);
      assert.deepEqual(
        await loadWeights(narrow, "m", { fs, skipMismatch: true, byName: true }),
        { optimizer: false, skipped: [] },
      );
      // Its kernel has another shape, its bias the same.
      const wide = tf.sequential({
        layers: [
          tf.layers.dense({ name: "body", units: 3, inputShape: [4] }),
          tf.layers.dense({ name: "head", units: 2 }),
        ],
      });
      await warningsOf(async () => {
        const { skipped } = await loadWeights(wide, "m", { fs, skipMismatch: true });
        assert.deepEqual(skipped, ["body/kernel", "body/bias"]);
      });
    });

    it("loadWeights fails without changes if nothing matches", async () => {
      const fs = await saved();
      const model = layers(["other", 3]);
      await assert.rejects(
        loadWeights(model, "m", { fs, byName: true, skipMismatch: true }),
        /none of its weights matches the model: it has 'body\/kernel'.*the model 'other\/kernel'/,
      );
    });
  });

  it("loadWeights distinguishes layers with the same name in two nested models, in both file formats", async () => {
    const nested = (seed: number) =>
      tf.sequential({
        layers: ["left", "right"].map((name) => {
          const kernelInitializer = tf.initializers.glorotUniform({ seed: seed++ });
          const dense = tf.layers.dense({
            name: "d",
            units: 2,
            inputShape: [2],
            kernelInitializer,
          });
          return tf.sequential({ name, layers: [dense] });
        }),
      });
    const fs = memoryFileSystem();
    const model = nested(1);
    model.layers[0].trainable = false;
    await saveCheckpoint(model, "m", { fs });
    await saveSafetensors(model, "m.safetensors", { fs });
    for (const file of ["m", "m.safetensors"]) {
      const other = nested(5);
      await loadWeights(other, file, { fs });
      const values = (model: tf.LayersModel) =>
        model.layers.map((layer) => Array.from(layer.getWeights()[0].dataSync()));
      assert.deepEqual(values(other), values(model));
    }
  });

  it("loadWeights matches unnamed layers if some were frozen when they were saved", async () => {
    const build = () =>
      tf.sequential({
        layers: [1, 2, 3].map(() => tf.layers.dense({ units: 2, inputShape: [2], useBias: false })),
      });
    const fs = memoryFileSystem();
    const model = build();
    model.layers[0].trainable = false;
    await saveCheckpoint(model, "m", { fs });
    const other = build();
    await loadWeights(other, "m", { fs });
    const values = (model: tf.LayersModel) =>
      model.layers.map((layer) => Array.from(layer.getWeights()[0].dataSync()));
    assert.deepEqual(values(other), values(model));
  });
});
