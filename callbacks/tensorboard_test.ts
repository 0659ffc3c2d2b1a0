import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { CallbackList, evaluate, predict } from "keepfit";
import type { CallbackLike } from "../core/callback.ts";
import type { TrainableModel } from "../core/model.ts";
import { exists, memoryFileSystem } from "../runtime/mod.ts";
import { readEvents } from "../tensorboard/mod.ts";
import { startChild } from "../tests/child.ts";
import { embedding, tokens, validationData, World, x, y } from "../tests/tensorboard_fixtures.ts";
import { TensorBoard } from "./tensorboard.ts";
import { captured, drive } from "./fixtures.ts";

describe("TensorBoard", () => {
  it("TensorBoard writes nothing for an epoch without logs, and does not change the logs", async () => {
    const world = new World();
    const model = { optimizer: { learningRate: 0.5, iterations: 1 } } as TrainableModel;
    const logs = { loss: 1, val_loss: 2 };
    await drive(world.callback, [{}, logs], { model });
    assert.deepEqual(await world.steps("train", "epoch_learning_rate"), [1]);
    assert.deepEqual(logs, { loss: 1, val_loss: 2 });
  });

  it("TensorBoard accepts a file: URL for its folder", async () => {
    const fs = memoryFileSystem();
    const logDir = new URL("file:///runs/a%20b");
    await drive(new TensorBoard({ logDir, fs }), [{ loss: 1, val_loss: 2 }], { model: {} });
    const runs = (await fs.readDir(logDir)).map(({ name }) => name);
    assert.deepEqual(runs, ["train", "validation"]);
  });

  it("TensorBoard writes histograms every n epochs, including the first", async () => {
    const world = new World({ histogramFreq: 2 });
    await world.fit({ epochs: 4 });
    const tag = "seq/hidden/kernel/histogram";
    assert.deepEqual(await world.steps("train", tag), [0, 2]);
  });

  it("TensorBoard writes histograms of the weights at the end of the epoch", async () => {
    const world = new World({ histogramFreq: 1 });
    await world.fit({ epochs: 1 });
    const values = world.model.getWeights()[0].dataSync();
    const { tensor } = (await world.summaries("train"))
      .find(({ tag }) => tag === "seq/hidden/kernel/histogram") ?? {};
    const numbers = Array.from(tensor?.values ?? [], Number);
    assert.deepEqual(tensor?.shape, [30, 3]);
    assert.equal(numbers[0], Math.min(...values));
    assert.equal(numbers.at(-2), Math.max(...values));
    const counts = numbers.filter((_, i) => i % 3 === 2);
    assert.equal(counts.reduce((sum, count) => sum + count, 0), values.length);
  });

  it("TensorBoard names the weights of a functional model by layer, including nested models", async () => {
    const input = tf.input({ shape: [4] });
    const inner = tf.sequential({
      name: "inner",
      layers: [tf.layers.dense({ name: "deep", inputShape: [4], units: 1 })],
    });
    const model = tf.model({ inputs: input, outputs: inner.apply(input) as tf.SymbolicTensor });
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    const world = new World({ histogramFreq: 1 }, model);
    await world.fit({ epochs: 1 });
    assert.deepEqual(await world.tags("histograms"), [
      "T inner/deep/bias/histogram",
      "T inner/deep/kernel/histogram",
    ]);
  });

  it("TensorBoard writes the graph of the model first, once per fit", async () => {
    const world = new World();
    await world.fit();
    const [first] = await world.summaries("train");
    assert.deepEqual([first.tag, first.plugin, first.step], ["keras", "graph_keras_model", 0]);
    const graphs = (await world.files(".v2")).map(async (path) =>
      readEvents(await world.fs.readFile(path)).filter(({ graph }) => graph !== undefined).length
    );
    assert.deepEqual(await Promise.all(graphs), [1]);
    assert.deepEqual(await world.tags("text"), ["T model_summary"]);
  });

  it("TensorBoard continues without a graph if the model cannot be serialized", async () => {
    const world = new World();
    world.model.toJSON = () => {
      throw new TypeError("no config");
    };
    const { warned } = await captured(() => world.fit());
    assert.deepEqual(warned, [
      "keepfit: TensorBoard cannot write the graph of the model: no config",
    ]);
    assert.deepEqual(await world.tags("scalars"), ["T epoch_learning_rate", "T epoch_loss"]);
  });

  it("TensorBoard writes the results of a separate evaluate, and the graph of the model", async () => {
    const world = new World();
    await world.fit({ epochs: 1 });
    const { loss } = await evaluate(world.model, x, y, { verbose: 0, callbacks: world.callback });
    assert.deepEqual(await world.scalars("validation", "evaluation_loss_vs_iterations"), [
      [5, Math.fround(loss)],
    ]);
    assert.equal((await world.summaries("train")).filter(({ tag }) => tag === "keras").length, 2);
  });

  it("TensorBoard writes no evaluation by iterations without an optimizer", async () => {
    const world = new World();
    const list = new CallbackList([world.callback], { model: {} });
    await list.onTestBegin();
    await list.onTestEnd({ loss: 1 });
    await list.close();
    assert.equal(await exists("logs", { fs: world.fs }), false);
  });

  it("TensorBoard writes the graph of the model in a separate predict", async () => {
    const world = new World();
    tf.dispose(await predict(world.model, x, { verbose: 0, callbacks: world.callback }));
    assert.deepEqual(await world.tags("graph_keras_model"), ["T keras"]);
    assert.deepEqual(await world.tags("scalars"), []);
  });

  it("TensorBoard writes an embedding every n epochs and names the newest, even in a second fit", async () => {
    const world = new World(
      { embeddingsFreq: 2, embeddingsMetadata: { test_embedding: "metadata.tsv" } },
      embedding(),
    );
    await world.fit({ epochs: 4 }, tokens);
    assert.deepEqual(await world.files(".tsv"), [
      "logs/train/keras_embedding-test_embedding-0.tsv",
      "logs/train/keras_embedding-test_embedding-2.tsv",
    ]);
    await world.fit({ initialEpoch: 4, epochs: 5 }, tokens);
    const config = await world.fs.readTextFile("logs/projector_config.pbtxt");
    assert.match(config, /tensor_path: "train\/keras_embedding-test_embedding-4\.tsv"/);
    assert.match(config, /metadata_path: "metadata\.tsv"/);
    const rows = (await world.fs.readTextFile("logs/train/keras_embedding-test_embedding-4.tsv"))
      .trim().split("\n").map((line) => line.split("\t").map(Number));
    assert.deepEqual(rows.flat().map(Math.fround), [...world.model.getWeights()[0].dataSync()]);
    assert.deepEqual([rows.length, rows[0].length], [5, 2]);
  });

  it("TensorBoard rejects labels for a layer that is not an embedding, before the first batch", async () => {
    const world = new World(
      { embeddingsFreq: 1, embeddingsMetadata: { words: "a.tsv" } },
      embedding(),
    );
    await assert.rejects(
      world.fit({}, tokens),
      /Cannot label the embeddings of words: .* the model has test_embedding/,
    );
  });

  it("TensorBoard writes hyperparameters and the end of the run", async () => {
    const world = new World({ hparams: { units: 3, optimizer: "sgd" } });
    await world.fit({ validationData });
    const tags = (await world.summaries("")).map(({ tag }) => tag);
    assert.deepEqual(tags, [
      "_hparams_/experiment",
      "_hparams_/session_start_info",
      "_hparams_/session_end_info",
    ]);
  });

  it("TensorBoard marks a failed run in the hyperparameters", async () => {
    const statuses = [];
    for (const fails of [false, true]) {
      const world = new World({ hparams: { units: 3 } });
      const failing: CallbackLike = {
        onEpochEnd() {
          if (fails) throw new Error("enough");
        },
      };
      await world.fit({ callbacks: [failing] }).catch(() => {});
      const { content = new Uint8Array() } = (await world.summaries("")).find(({ tag }) =>
        tag.endsWith("end_info")
      ) ?? {};
      // The status is the first field of the message in field 4: tag, length, 8, value.
      statuses.push(content[content.indexOf(0x22) + 3]);
    }
    assert.deepEqual(statuses, [1, 2]);
  });

  it("TensorBoard leaks no tensor with all options", async () => {
    const world = new World({
      histogramFreq: 1,
      writeImages: true,
      embeddingsFreq: 1,
      updateFreq: 1,
      profileBatch: [2, 3],
      writeStepsPerSecond: true,
      hparams: { units: 3 },
    }, embedding());
    await world.fit({ epochs: 1 }, tokens);
    const before = tf.memory().numTensors;
    await world.fit({ epochs: 1 }, tokens);
    assert.equal(tf.memory().numTensors, before);
  });

  it("TensorBoard has written a whole epoch to disk when it ends", async () => {
    const world = new World({ updateFreq: 1 });
    let seen: number[] = [];
    const reader: CallbackLike = {
      async onEpochEnd() {
        seen = await world.steps("train", "batch_loss");
      },
    };
    await world.fit({ epochs: 1, callbacks: [reader] });
    assert.deepEqual(seen, [1, 2, 3, 4, 5]);
  });

  it("TensorBoard ends the run when the folder is not writable, or only itself if allowed", async () => {
    const full = new World();
    await full.fs.writeFile("logs", "a file");
    await assert.rejects(full.fit(), { name: "CallbackError", callback: "TensorBoard" });
    const disabled = new World({ onError: "disable" });
    await disabled.fs.writeFile("logs", "a file");
    const { warned } = await captured(() => disabled.fit());
    assert.match(warned.join(), /TensorBoard failed in onTrainBegin/);
  });
});

describe("TensorBoard in a killed process", () => {
  it("TensorBoard in a killed process leaves every completed epoch in a readable file", async () => {
    const logDir = await mkdtemp(join(tmpdir(), "keepfit-killed-"));
    const { child, result, printed } = startChild(
      `
      import { CallbackList, TensorBoard } from "${new URL("../mod.ts", import.meta.url)}";
      const board = new TensorBoard({ logDir: process.argv[2], updateFreq: 1 });
      const list = new CallbackList([board], { model: {} });
      await list.onTrainBegin();
      for (let epoch = 0;; epoch++) {
        await list.onEpochBegin(epoch);
        for (let batch = 0; batch < 3; batch++) {
          await list.onTrainBatchBegin(batch);
          await list.onTrainBatchEnd(batch, { loss: 1 });
        }
        await list.onEpochEnd(epoch, { loss: 1 });
        console.log("epoch " + epoch + ".");
      }
    `,
      { args: [logDir] },
    );
    try {
      await printed("epoch 3.");
    } finally {
      child.kill("SIGKILL");
      await result;
    }
    const [file] = await readdir(join(logDir, "train"));
    const events = readEvents(await readFile(join(logDir, "train", file)));
    const steps = (tag: string) =>
      events.filter(({ summaries }) => summaries.some((value) => value.tag === tag))
        .map(({ step }) => step);
    assert.deepEqual(steps("epoch_loss").slice(0, 4), [0, 1, 2, 3]);
    assert.deepEqual(steps("batch_loss").slice(0, 12), Array.from({ length: 12 }, (_, i) => i + 1));
    await rm(logDir, { recursive: true });
  });
});

describe("TensorBoard's options", () => {
  it("TensorBoard's options have Keras's defaults", () => {
    const { logDir, histogramFreq, writeGraph, writeImages, updateFreq, embeddingsFreq } =
      new TensorBoard();
    assert.deepEqual(
      [logDir, histogramFreq, writeGraph, writeImages, updateFreq, embeddingsFreq],
      ["logs", 0, true, false, "epoch", 0],
    );
  });

  const refused: [string, object, string][] = [
    ["a single batch as a string", { profileBatch: "5" }, "RangeError"],
    ["three batches", { profileBatch: [1, 2, 3] }, "RangeError"],
    ["a fractional batch", { profileBatch: 1.5 }, "RangeError"],
    ["a negative batch", { profileBatch: -1 }, "RangeError"],
    ["batches in reverse order", { profileBatch: [5, 1] }, "RangeError"],
    ["a word for a batch", { profileBatch: "a,b" }, "RangeError"],
    ["a missing last batch", { profileBatch: "1," }, "RangeError"],
    ["an updateFreq of 0", { updateFreq: 0 }, "RangeError"],
    ["an unknown updateFreq", { updateFreq: "step" }, "RangeError"],
    ["a negative histogramFreq", { histogramFreq: -1 }, "RangeError"],
    ["an empty logDir", { logDir: "" }, "RangeError"],
    ["a writeGraph that is not a boolean", { writeGraph: 1 }, "TypeError"],
  ];
  for (const [what, options, name] of refused) {
    it(`TensorBoard rejects ${what}`, () => {
      assert.throws(() => new TensorBoard(options), {
        name,
        message: /^Cannot create TensorBoard with .*: \w+ must be /,
      });
    });
  }
});
