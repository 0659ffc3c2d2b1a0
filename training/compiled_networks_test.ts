import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { BackupAndRestore, describeStep, evaluate, fit, type FitOptions, predict } from "keepfit";
import { memoryFileSystem } from "keepfit/runtime";
import { start } from "../tfjs/kernels/fixtures.ts";
import { furthest, twins, weightsOf } from "./fixtures.ts";

const rows = 20;

function convnet(): tf.LayersModel {
  const seeded = (seed: number) => tf.initializers.glorotUniform({ seed });
  const model = tf.sequential({
    layers: [
      tf.layers.conv2d({
        inputShape: [8, 8, 2],
        filters: 5,
        kernelSize: 3,
        padding: "same",
        kernelInitializer: seeded(1),
      }),
      tf.layers.batchNormalization({ momentum: 0.9 }),
      tf.layers.activation({ activation: "relu" }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.depthwiseConv2d({ kernelSize: 2, depthwiseInitializer: seeded(2) }),
      tf.layers.batchNormalization(),
      tf.layers.globalAveragePooling2d({}),
      tf.layers.dense({ units: 3, activation: "softmax", kernelInitializer: seeded(3) }),
    ],
  });
  model.compile({
    optimizer: tf.train.sgd(0.02),
    loss: "categoricalCrossentropy",
    metrics: ["accuracy"],
  });
  return model;
}

function data(): [tf.Tensor, tf.Tensor] {
  const x = tf.randomUniform([rows, 8, 8, 2], -1, 1, "float32", 4);
  const y = tf.tidy(() => tf.oneHot(tf.range(0, rows, 1, "int32").mod(3).toInt(), 3).toFloat());
  return [x, y];
}

const options: FitOptions = { batchSize: 8, epochs: 5, seed: 3, verbose: 0, jitCompile: true };

for (const backend of ["cpu", "wasm"] as const) {
  describe(`A compiled convolutional network on ${backend}`, () => {
    it("A compiled network has the weights, moving averages and logs of TensorFlow.js after 100 steps", async () => {
      await start(backend);
      const [compiled, taped] = twins(convnet);
      const [x, y] = data();
      const long = { ...options, epochs: 34, validationData: [x, y] } as FitOptions;
      const own = await fit(compiled, x, y, long);
      assert.deepEqual(describeStep(compiled), { isCompiled: true });
      const theirs = await fit(taped, x, y, { ...long, jitCompile: false });
      for (const [key, values] of Object.entries(theirs.history)) {
        assert.ok(furthest(own.history[key], values) < 2e-6, key);
      }
      const distance = furthest(weightsOf(compiled), weightsOf(taped));
      assert.ok(distance < 1e-6, `weights differ by ${distance}`);
    });

    it("A compiled network evaluates and predicts as TensorFlow.js does", async () => {
      await start(backend);
      const model = convnet();
      const [x, y] = data();
      const both = { batchSize: 8, verbose: 0 } as const;
      const own = await evaluate(model, x, y, { ...both, jitCompile: true });
      const theirs = await evaluate(model, x, y, { ...both, jitCompile: false });
      assert.ok(furthest(Object.values(own), Object.values(theirs)) < 2e-6);
      const predicted = await predict(model, x, { ...both, jitCompile: true }) as tf.Tensor;
      const wanted = await predict(model, x, { ...both, jitCompile: false }) as tf.Tensor;
      assert.ok(furthest(predicted.dataSync(), wanted.dataSync()) < 2e-6);
    });

    it("A compiled network resumes a run that was killed during an epoch, bit for bit", async () => {
      await start(backend);
      const [whole, killed] = twins(convnet);
      const [x, y] = data();
      await fit(whole, x, y, options);

      const fs = memoryFileSystem();
      const callbacks = () => [new BackupAndRestore("backup", { fs, saveFreq: 1 })];
      let batches = 0;
      const kill = {
        onTrainBatchEnd() {
          if (++batches === 8) throw new Error("killed");
        },
      };
      await assert.rejects(
        fit(killed, x, y, { ...options, callbacks: [...callbacks(), kill] }),
        /killed/,
      );
      const resumed = convnet();
      await fit(resumed, x, y, { ...options, callbacks: callbacks() });
      assert.deepEqual(weightsOf(resumed), weightsOf(whole));
    });

    it("A compiled network freezes a BatchNormalization that a callback freezes during the run", async () => {
      await start(backend);
      const [compiled, taped] = twins(convnet);
      const [x, y] = data();
      const freeze = (model: tf.LayersModel) => ({
        onEpochBegin(epoch: number) {
          model.layers[1].trainable = epoch === 0;
        },
      });
      await fit(compiled, x, y, { ...options, callbacks: [freeze(compiled)] });
      await fit(taped, x, y, { ...options, callbacks: [freeze(taped)], jitCompile: false });
      assert.ok(furthest(weightsOf(compiled), weightsOf(taped)) < 2e-6);
    });
  });
}
