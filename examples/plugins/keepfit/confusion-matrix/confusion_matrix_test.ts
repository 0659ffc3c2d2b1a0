import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { fit } from "keepfit";
import { readEvents } from "keepfit/tensorboard";
import { loadForTest } from "keepfit/testing";
import { accuracyOf, countOf } from "./source/src/count.ts";

describe("Counting", () => {
  it("Counting accepts one-hot rows, class numbers and single outputs", () => {
    const outputs = [{ shape: [3, 2], values: [0.9, 0.1, 0.2, 0.8, 0.6, 0.4] }];
    const oneHot = [{ shape: [3, 2], values: [1, 0, 1, 0, 0, 1] }];
    assert.deepEqual(countOf({ outputs, targets: oneHot }, 2), [[1, 1], [1, 0]]);
    const classes = [{ shape: [3], values: [0, 0, 1] }];
    assert.deepEqual(countOf({ outputs, targets: classes }, 2), [[1, 1], [1, 0]]);
    const sigmoid = [{ shape: [3, 1], values: [0.1, 0.8, 0.4] }];
    assert.deepEqual(countOf({ outputs: sigmoid, targets: classes }, 2), [[1, 1], [1, 0]]);
    assert.equal(accuracyOf([[1, 1], [1, 0]]), 1 / 3);
    assert.throws(
      () => countOf({ outputs: [{ shape: [1, 3], values: [1, 0, 0] }], targets: classes }, 2),
      /expected one output for each of 2 classes, got shape \[1,3\]/,
    );
  });
});

for (const tier of ["trusted", "sandboxed"] as const) {
  for (const source of ["source/", "0.1.0/"]) {
    describe(`The confusion matrix, ${tier}, from ${source}`, () => {
      it("The confusion matrix writes an image of each epoch for TensorBoard", async () => {
        const model = tf.sequential({
          layers: [tf.layers.dense({ inputShape: [2], units: 3, activation: "softmax" })],
        });
        model.compile({
          optimizer: tf.train.adam(0.2),
          loss: "categoricalCrossentropy",
          metrics: ["accuracy"],
        });
        const x = tf.tensor2d([[1, 0], [0, 1], [-1, -1], [2, 0], [0, 2], [-2, -2]]);
        const y = tf.oneHot(tf.tensor1d([0, 1, 2, 0, 1, 2], "int32"), 3).toFloat();
        const { callback, fs, manifest } = await loadForTest(new URL(source, import.meta.url), {
          tier,
          options: { labels: ["cat", "dog", "bird"] },
          data: { x, y },
          // Compressing an image takes longer than usual hooks.
          limits: { callTime: Infinity },
        });
        const { history, failures } = await fit(model, x, y, {
          epochs: 8,
          seed: 1,
          verbose: 0,
          validationData: [x, y],
          callbacks: [callback],
        });
        assert.deepEqual(failures, []);
        assert.equal(manifest.callbacks[0].name, "confusion-matrix");
        // TensorFlow.js adds in float32.
        history.val_accuracy.forEach((accuracy, epoch) =>
          assert(Math.abs(history.confusion_accuracy[epoch] - accuracy) < 1e-6)
        );
        const files = await fs.readDir("/output");
        assert.equal(files.length, 1);
        const events = readEvents(await fs.readFile(`/output/${files[0].name}`));
        const images = events.flatMap(({ step, summaries }) =>
          summaries.filter(({ tag }) => tag === "confusion_matrix").map(() => step)
        );
        assert.deepEqual(images, [0, 1, 2, 3, 4, 5, 6, 7]);
        tf.dispose([x, y]);
        model.dispose();
      });
    });
  }
}
