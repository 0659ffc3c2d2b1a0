/** The tests of Keras (`keras/src/callbacks/tensorboard_test.py`), tag by tag. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import type { CallbackLike } from "../core/callback.ts";
import {
  embedding,
  textOf,
  tokens,
  validationData,
  World,
  x,
} from "../tests/tensorboard_fixtures.ts";

const trainTags = ["T epoch_learning_rate", "T epoch_loss"];
const bothTags = [...trainTags, "V epoch_loss", "V evaluation_loss_vs_iterations"];

describe("TensorBoard, as Keras tests it", () => {
  it("TensorBoard writes losses, the learning rate and the evaluation by default", async () => {
    const world = new World();
    await world.fit({ validationData });
    assert.deepEqual(await world.tags("scalars"), bothTags);
  });

  it("TensorBoard writes the same tags in a second fit", async () => {
    const world = new World();
    await world.fit({ validationData });
    await world.fit({ validationData });
    assert.deepEqual(await world.tags("scalars"), bothTags);
    assert.equal((await world.files(".v2")).length, 4);
  });

  it("TensorBoard writes only train without validation", async () => {
    const world = new World();
    await world.fit();
    const files = await world.files("");
    assert.equal(files.length, 1);
    assert.match(files[0], /^logs\/train\/events\.out\.tfevents\.[^/]+\.v2$/);
    assert.deepEqual(await world.tags("scalars"), trainTags);
  });

  it("TensorBoard writes the loss of each batch with updateFreq 1", async () => {
    const world = new World({ updateFreq: 1 });
    await world.fit({ validationData });
    assert.deepEqual(await world.tags("scalars"), ["T batch_loss", ...bothTags]);
  });

  it("TensorBoard writes a learning rate that a schedule changes", async () => {
    const world = new World();
    const schedule: CallbackLike = {
      onEpochBegin(epoch) {
        (world.model.optimizer as tf.SGDOptimizer).setLearningRate(epoch === 0 ? 0.5 : 0.25);
      },
    };
    await world.fit({ callbacks: [schedule] });
    assert.deepEqual(await world.tags("scalars"), trainTags);
    assert.deepEqual(await world.scalars("train", "epoch_learning_rate"), [[0, 0.5], [1, 0.25]]);
  });

  it("TensorBoard writes steps per second of epochs and batches", async () => {
    const world = new World({ updateFreq: 1, writeStepsPerSecond: true });
    await world.fit();
    assert.deepEqual(await world.tags("scalars"), [
      "T batch_loss",
      "T batch_steps_per_second",
      "T epoch_learning_rate",
      "T epoch_loss",
      "T epoch_steps_per_second",
    ]);
    const speeds = await world.scalars("train", "epoch_steps_per_second");
    assert.deepEqual(speeds.map(([epoch]) => epoch), [0, 1]);
    assert.ok(speeds.every(([, speed]) => speed > 0 && Number.isFinite(speed)));
  });

  it("TensorBoard writes a histogram of each weight", async () => {
    const world = new World({ histogramFreq: 1 });
    await world.fit({ validationData });
    assert.deepEqual(await world.tags("scalars"), bothTags);
    assert.deepEqual(await world.tags("histograms"), [
      "T seq/hidden/bias/histogram",
      "T seq/hidden/kernel/histogram",
      "T seq/out/bias/histogram",
      "T seq/out/kernel/histogram",
    ]);
    assert.deepEqual(await world.tags("images"), []);
  });

  it("TensorBoard writes weights of convolutions as images", async () => {
    const model = tf.sequential({
      name: "seq",
      layers: [
        tf.layers.conv2d({ name: "conv", inputShape: [2, 2, 1], filters: 8, kernelSize: 2 }),
        tf.layers.flatten(),
        tf.layers.dense({ name: "out", units: 1 }),
      ],
    });
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    const world = new World({ histogramFreq: 1, writeImages: true }, model);
    await world.fit({ epochs: 1 }, x.reshape([10, 2, 2, 1]));
    assert.deepEqual(await world.tags("images"), [
      "T seq/conv/bias/image",
      "T seq/conv/kernel/image",
      "T seq/out/kernel/image",
    ]);
    const kernel = (await world.summaries("train"))
      .find(({ tag }) => tag === "seq/conv/kernel/image")?.tensor;
    const [width, height, ...pictures] = Array.from<unknown>(kernel?.values ?? []);
    assert.deepEqual([width, height].map(textOf), ["2", "2"]);
    assert.equal(pictures.length, 3);
  });

  it("TensorBoard writes the projector's config with an embedding and its labels", async () => {
    const world = new World(
      { embeddingsFreq: 1, embeddingsMetadata: { test_embedding: "metadata.tsv" } },
      embedding(),
    );
    await world.fit({}, tokens);
    const config = await world.fs.readTextFile("logs/projector_config.pbtxt");
    const name = "layer_with_weights-0/embeddings/.ATTRIBUTES/VARIABLE_VALUE";
    assert.match(config, /^embeddings \{\n/);
    assert.equal(config.match(/embeddings \{/g)?.length, 1);
    assert.ok(config.includes(`\n  tensor_name: "${name}"\n`));
    assert.ok(config.includes(`\n  metadata_path: "metadata.tsv"\n`));
  });

  it("TensorBoard writes custom summaries to both runs", async () => {
    const world = new World({ updateFreq: 1 });
    const own: CallbackLike = {
      onTrainBatchEnd: (batch) => world.callback.writer("train").scalar("custom", batch, batch),
      onTestBatchEnd: (batch) => world.callback.writer("validation").scalar("custom", batch, batch),
    };
    await world.fit({ validationData, callbacks: [own] });
    assert.deepEqual(await world.tags("scalars"), [
      "T batch_loss",
      "T custom",
      ...trainTags,
      "V custom",
      "V epoch_loss",
      "V evaluation_loss_vs_iterations",
    ]);
  });

  it("TensorBoard profiles a batch", async () => {
    const world = new World({ profileBatch: 1, histogramFreq: 1, writeGraph: false });
    await world.fit();
    assert.deepEqual(await world.tags("text"), ["T batch_1"]);
    const traces = await world.files(".trace.json");
    assert.equal(traces.length, 1);
    assert.match(
      traces[0],
      /^logs\/train\/plugins\/profile\/\d{4}(_\d\d){5}\/keepfit\.trace\.json$/,
    );
  });
});
