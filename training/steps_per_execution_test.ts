import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import {
  BackupAndRestore,
  type CallbackLike,
  evaluate,
  fit,
  type FitOptions,
  JSONLinesLogger,
  LearningRateFinder,
  type Logs,
  ModelCheckpoint,
  predict,
  SpeedMonitor,
  TensorBoard,
} from "keepfit";
import { type FileSystem, memoryFileSystem } from "keepfit/runtime";
import { readEvents } from "keepfit/tensorboard";
import { tensorsLeft, weightsOf } from "./fixtures.ts";

const x = tf.linspace(-1, 1, 28).reshape([28, 1]);
const y = x.square();
/** Ten batches, the last one of one row. */
const options: FitOptions = { verbose: 0, batchSize: 3, seed: 1, epochs: 2 };

function network(): tf.LayersModel {
  const kernelInitializer = tf.initializers.glorotUniform({ seed: 2 });
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 4, inputShape: [1], activation: "tanh", kernelInitializer }),
      tf.layers.dense({ units: 1, kernelInitializer }),
    ],
  });
  model.compile({ optimizer: "adam", loss: "meanSquaredError" });
  return model;
}

/** Batch hooks that record their arguments. */
function recorder() {
  const calls: [hook: string, batch: number, loss?: number][] = [];
  const record = (hook: string) => (batch: number, { loss }: Logs) => {
    calls.push(loss === undefined ? [hook, batch] : [hook, batch, loss]);
  };
  const callback: CallbackLike = {
    onTrainBatchBegin: record("begin"),
    onTrainBatchEnd: record("end"),
    onTestBatchBegin: record("test begin"),
    onTestBatchEnd: record("test end"),
    onPredictBatchBegin: record("predict begin"),
    onPredictBatchEnd: (batch) => void calls.push(["predict end", batch]),
  };
  return { calls, callback };
}

const batchesIn = (fs: FileSystem): Promise<{ batch: number }[]> =>
  fs.readTextFile("log.jsonl").then((text) =>
    text.trim().split("\n").map((line) => JSON.parse(line)).filter(({ batch }) =>
      batch !== undefined
    )
  );

describe("stepsPerExecution", () => {
  it("stepsPerExecution calls the hooks of fit at both ends of an execution, with the same logs and weights", async () => {
    for (const jitCompile of [true, false]) {
      const [every, fourth] = [recorder(), recorder()];
      const [one, four] = [network(), network()];
      await fit(one, x, y, { ...options, jitCompile, callbacks: every.callback });
      const history = await fit(four, x, y, {
        ...options,
        jitCompile,
        stepsPerExecution: 4,
        callbacks: fourth.callback,
      });
      assert.deepEqual(weightsOf(four), weightsOf(one));
      assert.equal(history.epoch.length, 2);
      const [firsts, lasts] = [[0, 4, 8], [3, 7, 9]];
      const expected = every.calls.filter(([hook, batch]) =>
        (hook === "begin" ? firsts : lasts).includes(batch)
      );
      assert.equal(expected.length, 12);
      assert.deepEqual(
        fourth.calls.filter(([hook]) => hook === "begin"),
        expected.filter(([hook]) => hook === "begin"),
      );
      assert.deepEqual(
        fourth.calls.filter(([hook]) => hook === "end"),
        expected.filter(([hook]) => hook === "end"),
      );
    }
  });

  it("stepsPerExecution also applies to validation, evaluate and predict", async () => {
    const { calls, callback } = recorder();
    const run = { ...options, epochs: 1, stepsPerExecution: 6, callbacks: callback };
    const model = network();
    await fit(model, x, y, { ...run, validationData: [x, y] });
    const { epochs: _, seed: __, ...alone } = run;
    const { loss } = await evaluate(model, x, y, alone);
    assert.equal(loss, (await evaluate(model, x, y, { batchSize: 3, verbose: 0 })).loss);
    await predict(model, x, alone);
    assert.deepEqual(calls.map(([hook, batch]) => `${hook} ${batch}`), [
      ...["begin 0", "end 5", "begin 6", "end 9"],
      ...["test begin 0", "test end 5", "test begin 6", "test end 9"],
      ...["test begin 0", "test end 5", "test begin 6", "test end 9"],
      ...["predict begin 0", "predict end 5", "predict begin 6", "predict end 9"],
    ]);
  });

  it("stepsPerExecution passes the outputs of all batches of an execution to onPredictBatchEnd", async () => {
    const model = network();
    const all = await predict(model, x, { batchSize: 3, verbose: 0 }) as tf.Tensor;
    const seen: number[][] = [];
    let outputs: tf.Tensor | undefined;
    const left = await tensorsLeft(async () => {
      outputs = await predict(model, x, {
        batchSize: 3,
        verbose: 0,
        stepsPerExecution: 4,
        callbacks: {
          onPredictBatchEnd(_batch, { outputs }) {
            seen.push(Array.from((outputs as tf.Tensor).dataSync()));
          },
        },
      }) as tf.Tensor;
    });
    assert.equal(left, 1);
    assert.deepEqual(seen.map(({ length }) => length), [12, 12, 4]);
    assert.deepEqual(seen.flat(), Array.from(all.dataSync()));
    assert.deepEqual(await outputs?.array(), await all.array());
  });

  it("stepsPerExecution is in the params, unless it is 1", async () => {
    for (const stepsPerExecution of [undefined, 1, 3]) {
      let params: unknown;
      const callbacks = {
        setParams: (given: { stepsPerExecution?: number }) =>
          void (params = given.stepsPerExecution),
      };
      await fit(network(), x, y, { ...options, epochs: 1, stepsPerExecution, callbacks });
      assert.equal(params, stepsPerExecution === 3 ? 3 : undefined);
    }
  });

  it("stepsPerExecution must be a whole number above 0", async () => {
    for (const stepsPerExecution of [0, 1.5, NaN, "4" as unknown as number]) {
      await assert.rejects(fit(network(), x, y, { ...options, stepsPerExecution }), {
        name: "RangeError",
        message: /Cannot use stepsPerExecution .*: it must be a whole number >= 1/,
      });
    }
  });

  it("stepsPerExecution leaves a run exact that is aborted within an execution and resumed", async () => {
    const logsTo = (fs: FileSystem): CallbackLike[] => [
      new BackupAndRestore("backup", { fs, deleteCheckpoint: false }),
      new JSONLinesLogger("log.jsonl", { fs, append: true, updateFreq: 1 }),
    ];
    const run = { ...options, stepsPerExecution: 4 };
    const [whole, cut] = [memoryFileSystem(), memoryFileSystem()];
    const expected = network();
    await fit(expected, x, y, { ...run, callbacks: logsTo(whole) });

    const controller = new AbortController();
    let steps = 0;
    const aborting = { onYield: () => void (++steps === 6 && controller.abort()) };
    const first = fit(network(), x, y, {
      ...run,
      signal: controller.signal,
      yieldEvery: "batch",
      callbacks: [...logsTo(cut), aborting],
    });
    await assert.rejects(first, { name: "AbortError" });
    assert.deepEqual((await batchesIn(cut)).map(({ batch }) => batch), [3, 7]);
    const resumed = network();
    await fit(resumed, x, y, { ...run, callbacks: logsTo(cut) });
    assert.deepEqual(weightsOf(resumed), weightsOf(expected));
    assert.equal(await cut.readTextFile("log.jsonl"), await whole.readTextFile("log.jsonl"));
  });
});

describe("Callbacks and stepsPerExecution", () => {
  it("JSONLinesLogger writes a line for each execution that contains an n-th batch", async () => {
    for (const [updateFreq, expected] of [[1, [3, 7, 9]], [5, [7, 9]], [3, [3, 7, 9]]] as const) {
      const fs = memoryFileSystem();
      const callbacks = new JSONLinesLogger("log.jsonl", { fs, updateFreq });
      await fit(network(), x, y, { ...options, epochs: 1, stepsPerExecution: 4, callbacks });
      assert.deepEqual((await batchesIn(fs)).map(({ batch }) => batch), expected);
    }
  });

  it("TensorBoard counts batches, not executions", async () => {
    for (
      const [updateFreq, expected] of [["batch", [4, 8, 10, 14, 18, 20]], [5, [
        8,
        10,
        18,
        20,
      ]]] as const
    ) {
      const fs = memoryFileSystem();
      const callbacks = new TensorBoard({ logDir: "logs", fs, updateFreq });
      await fit(network(), x, y, { ...options, stepsPerExecution: 4, callbacks });
      const [{ name }] = await fs.readDir("logs/train");
      const events = readEvents(await fs.readFile(`logs/train/${name}`));
      const steps = events.filter(({ summaries }) =>
        summaries.some(({ tag }) => tag === "batch_loss")
      )
        .map(({ step }) => Number(step));
      assert.deepEqual(steps, expected);
    }
  });

  it("TensorBoard profiles an execution that contains a chosen batch", async () => {
    for (const profileBatch of [1, 7, [6, 9] as const]) {
      const fs = memoryFileSystem();
      const callbacks = new TensorBoard({ logDir: "logs", fs, profileBatch });
      await fit(network(), x, y, { ...options, epochs: 1, stepsPerExecution: 4, callbacks });
      const traces = await fs.readDir("logs/train/plugins/profile");
      assert.equal(traces.length, 1);
    }
  });

  it("SpeedMonitor counts batches, not executions", async () => {
    let now = 0;
    const { history } = await fit(network(), x, y, {
      ...options,
      stepsPerExecution: 4,
      callbacks: [new SpeedMonitor({ now: () => now }), {
        onTrainBatchEnd: () => void (now += 1000),
      }],
    });
    // Three executions take three seconds.
    assert.deepEqual(history.steps_per_second, [10 / 3, 10 / 3]);
    assert.deepEqual(history.samples_per_second, [28 / 3, 28 / 3]);
  });

  it("LearningRateFinder sweeps by executions and uses the mean loss of their batches", async () => {
    const losses: number[] = [];
    const single: CallbackLike = { onTrainBatchEnd: (_batch, { loss }) => void losses.push(loss) };
    const finder = new LearningRateFinder({
      steps: 6,
      minLearningRate: 1e-9,
      maxLearningRate: 1e-8,
      afterwards: "stop",
      verbose: 0,
    });
    await fit(network(), x, y, { ...options, stepsPerExecution: 4, callbacks: [finder, single] });
    assert.equal(finder.losses.length, 6);
    // The means of an epoch cover 12, 24 and 28 rows.
    const expected = [0, 3].flatMap((at) => [
      losses[at],
      (losses[at + 1] * 24 - losses[at] * 12) / 12,
      (losses[at + 2] * 28 - losses[at + 1] * 24) / 4,
    ]);
    for (const [i, loss] of expected.entries()) assert(Math.abs(finder.losses[i] - loss) < 1e-9);
  });

  it("ModelCheckpoint saves after the execution in which enough batches were trained", async () => {
    const fs = memoryFileSystem();
    const saved: number[] = [];
    const callbacks: CallbackLike[] = [
      new ModelCheckpoint("best", { fs, saveFreq: 5 }),
      {
        onTrainBatchEnd: async (batch) =>
          void (await fs.stat("best").then(() => saved.push(batch), () => {})),
      },
    ];
    await fit(network(), x, y, { ...options, epochs: 1, stepsPerExecution: 4, callbacks });
    assert.deepEqual(saved, [7, 9]);
  });
});
