import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { fit, type History, TensorBoard } from "keepfit";
import { root } from "../files.ts";
import { currentRuntime, scriptArguments } from "../runtimes/mod.ts";
import { findTensorBoard } from "./tensorboard_python.ts";

// The files are the same on each runtime, so that one runtime suffices.
const found = currentRuntime === "node"
  ? findTensorBoard()
  : { reason: "the same files are shown to TensorBoard on Node" };
if ("reason" in found) console.log(`skipped TensorBoard: ${found.reason}`);

describe("TensorBoard showing a run", { skip: "reason" in found && found.reason }, () => {
  let folder: string;
  let board: Board;
  let example: string;
  let history: History;
  const model = twoInputs();
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "keepfit-tensorboard-"));
    history = await train(model, join(folder, "own"));
    example = await runExample(folder, "example");
    await runExample(folder, "smaller", "--units", "8");
    board = await startBoard((found as { python: string }).python, folder);
  });
  after(async () => {
    await board?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("TensorBoard fills its tabs from the example's run, with the command that the example prints", async () => {
    assert.equal(example.match(/^Look at it: tensorboard --logdir (.+)$/m)?.[1], folder);
    const tabs = await board.json("plugins_listing") as Record<string, { enabled: boolean }>;
    for (const tab of filledTabs) assert.equal(tabs[tab]?.enabled, true, tab);
    const [, accuracy] = example.match(/^Test accuracy: (\S+) %$/m) ?? [];
    const points = await board.scalars("example/validation", "epoch_accuracy");
    assert.equal((100 * points.at(-1)![1]).toFixed(2), accuracy);
  });

  it("TensorBoard shows the run in its own folder and those of training and validation", async () => {
    const runs = await board.json("runs") as string[];
    assert.deepEqual(
      runs.sort(),
      ["example", "own", "smaller"].flatMap((run) => [
        run,
        `${run}/train`,
        `${run}/validation`,
      ]),
    );
  });

  it("TensorBoard shows losses and metrics over epochs, batches and updates", async () => {
    const { loss, mae, val_loss, val_mae } = history.history;
    const overEpochs = (values: number[]) => values.map((value, epoch) => [epoch, near(value)]);
    const train = "own/train";
    const validation = "own/validation";
    assert.deepEqual(await board.scalars(train, "epoch_loss"), overEpochs(loss));
    assert.deepEqual(await board.scalars(train, "epoch_mae"), overEpochs(mae));
    assert.deepEqual(await board.scalars(train, "epoch_learning_rate"), overEpochs([0.1, 0.1]));
    assert.deepEqual(await board.scalars(validation, "epoch_loss"), overEpochs(val_loss));
    assert.deepEqual(
      await board.scalars(validation, "evaluation_mae_vs_iterations"),
      val_mae.map((value, epoch) => [5 * (epoch + 1), near(value)]),
    );
    const batches = await board.scalars(train, "batch_loss");
    assert.deepEqual(batches.map(([step]) => step), [2, 4, 6, 8, 10]);
    // The value of a batch is the mean since the epoch began.
    assert.deepEqual(batches.at(-1)?.[1], near(loss[1]));
  });

  it("TensorBoard compares two runs of the example as two rows, each with its metrics", async () => {
    const { sessionGroups } = await board.post("plugin/hparams/session_groups", {
      experimentName: "",
      allowedStatuses: ["STATUS_SUCCESS"],
      startIndex: 0,
      sliceSize: 10,
    }) as { sessionGroups: SessionGroup[] };
    for (const [run, units] of [["example", 32], ["smaller", 8]] as const) {
      const row = sessionGroups.find(({ sessions }) => sessions[0].name === run);
      assert.equal(row?.hparams.units, units);
      // TensorBoard uses the columns of one run for all runs; these are in each.
      const metrics = row?.metricValues.map(({ name }) => `${name.group}/${name.tag}`);
      assert(metrics?.includes("train/epoch_loss") && metrics.includes("validation/epoch_loss"));
    }
  });

  it("TensorBoard shows histograms of the weights", async () => {
    const query = "run=own/train&tag=side/kernel/histogram";
    const points = await board.json(`plugin/histograms/histograms?${query}`);
    const [, step, buckets] = (points as [number, number, number[][]][])[1];
    const values = model.getLayer("side").getWeights()[0].dataSync();
    assert.equal(step, 1);
    assert.equal(buckets[0][0], Math.min(...values));
    assert.equal(buckets.at(-1)?.[1], Math.max(...values));
    assert.equal(buckets.reduce((sum, [, , count]) => sum + count, 0), values.length);
    const spread = await board.json(`plugin/distributions/distributions?${query}`) as unknown[];
    assert.equal(spread.length, 2);
  });

  it("TensorBoard shows the weights as images", async () => {
    const query = "run=own/train&tag=side/kernel/image&sample=0";
    const images = await board.json(`plugin/images/images?${query}`) as {
      step: number;
      query: string;
    }[];
    assert.deepEqual(images.map(({ step }) => step), [0, 1]);
    const png = await board.bytes(`plugin/images/individualImage?${images[1].query}`);
    assert.equal(new TextDecoder("latin1").decode(png.slice(0, 4)), "\x89PNG");
    assert.deepEqual([png[19], png[23]], [4, 3]);
  });

  it("TensorBoard shows the graph of a model with two inputs, both ways", async () => {
    const graph = await board.text("plugin/graphs/graph?run=own/train");
    assert.deepEqual(edgesOf(graph), {
      word: [],
      "words/embeddings": [],
      "words/Embedding": ["word", "words/embeddings"],
      number: [],
      flat: ["words/Embedding"],
      "side/kernel": [],
      "side/bias": [],
      "side/Dense": ["number", "side/kernel", "side/bias"],
      both: ["flat", "side/Dense"],
      "out/kernel": [],
      "out/bias": [],
      "out/Dense": ["both", "out/kernel", "out/bias"],
    });
    const query = "run=own/train&tag=keras&conceptual=true";
    const conceptual = await board.text(`plugin/graphs/graph?${query}`);
    assert.deepEqual(edgesOf(conceptual), {
      "two/word": [],
      "two/words": ["two/word"],
      "two/number": [],
      "two/flat": ["two/words"],
      "two/side": ["two/number"],
      "two/both": ["two/flat", "two/side"],
      "two/out": ["two/both"],
    });
  });

  it("TensorBoard shows the texts: the layers, and the kernels of the profiled batches", async () => {
    const text = async (tag: string) => {
      const [{ text }] = await board.json(`plugin/text/text?run=own/train&tag=${tag}`) as {
        text: string;
      }[];
      return text;
    };
    assert.match(await text("model_summary"), /<td>side<\/td>\s*<td>Dense<\/td>/);
    assert.match(await text("batch_3"), /<td>GatherV2<\/td>\s*<td[^>]*>2<\/td>/);
  });

  it("TensorBoard lists the run with its hyperparameters and results", async () => {
    const experiment = await board.post("plugin/hparams/experiment", { experimentName: "" }) as {
      metricInfos: { name: { tag: string; group: string } }[];
    };
    const names = experiment.metricInfos.map(({ name }) => `${name.group} ${name.tag}`);
    assert.ok(names.includes("train epoch_loss") && names.includes("validation epoch_loss"));
    const { sessionGroups } = await board.post("plugin/hparams/session_groups", {
      experimentName: "",
      allowedStatuses: ["STATUS_SUCCESS"],
      colParams: experiment.metricInfos.map(({ name }) => ({ metric: name })),
      startIndex: 0,
      sliceSize: 10,
    }) as { sessionGroups: SessionGroup[] };
    const own = sessionGroups.find(({ sessions }) => sessions[0].name === "own");
    assert.deepEqual(own?.hparams, { units: 4, activation: "relu" });
    const value = own?.metricValues.find(({ name }) =>
      name.group === "validation" && name.tag === "epoch_loss"
    );
    assert.equal(value?.value, near(history.history.val_loss[1]));
  });

  it("TensorBoard projects the embedding, with its labels", async () => {
    const { embeddings } = await board.json("plugin/projector/info?run=own") as {
      embeddings: { tensorName: string; tensorShape: number[]; metadataPath: string }[];
    };
    const name = "layer_with_weights-0/embeddings/.ATTRIBUTES/VARIABLE_VALUE";
    assert.deepEqual(
      embeddings.map(({ tensorName, tensorShape }) => [tensorName, tensorShape]),
      [[name, [3, 2]]],
    );
    const query = `run=own&name=${encodeURIComponent(name)}`;
    const bytes = await board.bytes(`plugin/projector/tensor?${query}`);
    assert.deepEqual(
      new Float32Array(bytes.buffer),
      model.getLayer("words").getWeights()[0].dataSync(),
    );
    assert.equal(await board.text(`plugin/projector/metadata?${query}`), "no\nyes\nmaybe\n");
  });

  it("TensorBoard shows custom summaries", async () => {
    const curves = await board.json("plugin/pr_curves/pr_curves?run=own/validation&tag=sure") as {
      [run: string]: { step: number; true_positives: number[]; false_positives: number[] }[];
    };
    const [{ step, true_positives, false_positives }] = curves["own/validation"];
    assert.equal(step, 1);
    assert.deepEqual([true_positives[0], false_positives[0]], [2, 1]);
    const layout = await board.json("plugin/custom_scalars/layout") as {
      category: { title: string; chart: { multiline: { tag: string[] } }[] }[];
    };
    const own = layout.category.find(({ title }) => title === "Own");
    assert.deepEqual(own?.chart[0].multiline.tag, ["epoch_loss"]);
  });
});

const filledTabs = [
  "timeseries",
  "scalars",
  "custom_scalars",
  "images",
  "graphs",
  "distributions",
  "histograms",
  "text",
  "pr_curves",
  "hparams",
  "projector",
];

interface SessionGroup {
  sessions: { name: string }[];
  hparams: Record<string, unknown>;
  metricValues: { name: { tag: string; group: string }; value: number }[];
}

/** TensorBoard stores float32. */
const near = Math.fround;

/** A model with two inputs, words and numbers, that are merged before the output. */
function twoInputs(): tf.LayersModel {
  const word = tf.input({ shape: [1], name: "word" });
  const number = tf.input({ shape: [3], name: "number" });
  const words = tf.layers.embedding({ name: "words", inputDim: 3, outputDim: 2 });
  const flat = tf.layers.flatten({ name: "flat" }).apply(words.apply(word)) as tf.SymbolicTensor;
  const side = tf.layers.dense({ name: "side", units: 4, activation: "relu" });
  const both = tf.layers.concatenate({ name: "both" })
    .apply([flat, side.apply(number) as tf.SymbolicTensor]);
  const out = tf.layers.dense({ name: "out", units: 1 }).apply(both) as tf.SymbolicTensor;
  const model = tf.model({ name: "two", inputs: [word, number], outputs: out });
  model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError", metrics: ["mae"] });
  return model;
}

/** Train two epochs of five batches, with all options. */
async function train(model: tf.LayersModel, logDir: string): Promise<History> {
  await tf.setBackend("cpu");
  const x = [
    tf.tensor2d(Array.from({ length: 10 }, (_, row) => row % 3), [10, 1]),
    tf.randomUniform([10, 3], 0, 1, "float32", 1),
  ];
  const y = tf.randomUniform([10, 1], 0, 1, "float32", 2);
  const callback = new TensorBoard({
    logDir,
    histogramFreq: 1,
    writeImages: true,
    writeStepsPerSecond: true,
    updateFreq: 2,
    profileBatch: [2, 3],
    embeddingsFreq: 1,
    embeddingsMetadata: "words.tsv",
    hparams: { units: 4, activation: "relu" },
  });
  const history = await fit(model, x, y, {
    epochs: 2,
    batchSize: 2,
    verbose: 0,
    validationData: [x, y],
    callbacks: [callback, {
      onTrainEnd() {
        const writer = callback.writer("validation");
        writer.prCurve("sure", [true, false, true], [0.9, 0.2, 0.6], 1);
        const charts = [{ title: "Losses", tags: ["epoch_loss"] }];
        writer.customScalars({ categories: [{ title: "Own", charts }] });
      },
    }],
  });
  await writeFile(join(logDir, "words.tsv"), "no\nyes\nmaybe\n");
  return history;
}

/** The output of the example with few digits. */
async function runExample(out: string, run: string, ...more: string[]): Promise<string> {
  const sizes = ["--out", out, "--run", run, "--rows", "400", "--epochs", "2", ...more];
  const script = scriptArguments(currentRuntime, `${root}examples/tensorboard.ts`);
  const child = spawn(process.execPath, [...script, ...sizes], {
    cwd: root,
    env: { ...process.env, NO_COLOR: "1" },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => output += text);
  }
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(code, 0, output);
  return output;
}

/** A running TensorBoard. */
interface Board {
  bytes(path: string): Promise<Uint8Array>;
  text(path: string): Promise<string>;
  json(path: string): Promise<unknown>;
  post(path: string, body: object): Promise<unknown>;
  /** Step and value of each point. */
  scalars(run: string, tag: string): Promise<[number, number][]>;
  close(): Promise<void>;
}

/** Start TensorBoard and wait until it has read the runs. */
async function startBoard(python: string, logDir: string): Promise<Board> {
  const child = spawn(python, [
    ...["-m", "tensorboard.main", "--logdir", logDir, "--load_fast", "false"],
    ...["--host", "127.0.0.1", "--port", "0"],
  ]);
  const url = await announced(child);
  const request = async (path: string, body?: object) => {
    const response = await fetch(`${url}data/${path}`, {
      method: body === undefined ? "GET" : "POST",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    assert.equal(response.status, 200, `${path}: ${response.status}`);
    return response;
  };
  const board: Board = {
    bytes: async (path) => new Uint8Array(await (await request(path)).arrayBuffer()),
    text: async (path) => await (await request(path)).text(),
    json: async (path) => JSON.parse(await board.text(path)),
    post: async (path, body) => await (await request(path, body)).json(),
    async scalars(run, tag) {
      const points = await board.json(`plugin/scalars/scalars?run=${run}&tag=${tag}`);
      return (points as [number, number, number][]).map(([, step, value]) => [step, value]);
    },
    async close() {
      const closed = new Promise((resolve) => child.on("close", resolve));
      child.kill();
      await closed;
    },
  };
  const isReady = async () => {
    const tabs = await board.json("plugins_listing") as Record<string, { enabled: boolean }>;
    return filledTabs.every((tab) => tabs[tab]?.enabled) &&
      (await board.json("runs") as string[]).length === 9;
  };
  // Fails the test after ten minutes instead of waiting forever.
  for (let tries = 0; tries < 3000 && !await isReady(); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return board;
}

/** The URL that TensorBoard prints. */
function announced(child: ChildProcess): Promise<string> {
  let output = "";
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => reject(new Error(`TensorBoard ended: ${output}`)));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        const [url] = output.match(/http:\/\/127\.0\.0\.1:\d+\//) ?? [];
        if (url !== undefined) resolve(url);
      });
    }
  });
}

/** The inputs of each node of a graph in the text form of protocol buffers. */
function edgesOf(graph: string): Record<string, string[]> {
  return Object.fromEntries(
    graph.split(/^node \{$/m).slice(1).map((node) => {
      const all = (field: string) =>
        [...node.matchAll(new RegExp(`^  ${field}: "([^"]+)"$`, "gm"))].map(([, value]) => value);
      return [all("name")[0], all("input")];
    }),
  );
}
