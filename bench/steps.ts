/**
 * Training and inference steps of `fit`, `evaluate` and `predict` against TensorFlow.js's own with the
 * same kernels, in one process and in turns: ratios of processor time, and of wall time in brackets;
 * medians of rounds. Below 1 is faster than TensorFlow.js.
 *
 * ```sh
 * npm run bench:steps              # or: deno run -A bench/steps.ts; bun bench/steps.ts
 * npm run bench:steps -- stack     # only rows whose name contains the text
 * ```
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import process from "node:process";
import * as tf from "@tensorflow/tfjs";
import {
  type CallbackLike,
  CSVLogger,
  EarlyStopping,
  evaluate,
  fit,
  ModelCheckpoint,
  predict,
  ProgbarLogger,
  ReduceLROnPlateau,
  TensorBoard,
  TerminateOnNaN,
} from "keepfit";
import { getRuntime, useBackend } from "keepfit/runtime";
import { convnet, data, lstm } from "./networks.ts";

type Backend = "cpu" | "wasm";

interface Comparison {
  name: string;
  backends: Backend[];
  /** The two sides on a backend. */
  make(backend: Backend): Promise<{ ours(): Promise<unknown>; theirs(): Promise<unknown> }>;
}

const optimizers: Record<string, () => tf.Optimizer> = {
  sgd: () => tf.train.sgd(0.01),
  rmsprop: () => tf.train.rmsprop(0.001),
  adam: () => tf.train.adam(0.001),
};

const options = { batchSize: 32, epochs: 3 };

/** A dense network; with more than one output a classifier. */
function dense(
  sizes: number[],
  optimizer = "adam",
  between: tf.layers.Layer[] = [],
): tf.Sequential {
  const [inputs, hidden, outputs] = sizes;
  const isClassifier = outputs > 1;
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: hidden, inputShape: [inputs], activation: "relu" }),
      ...between,
      tf.layers.dense({ units: outputs, activation: isClassifier ? "softmax" : "linear" }),
    ],
  });
  model.compile({
    optimizer: optimizers[optimizer](),
    loss: isClassifier ? "categoricalCrossentropy" : "meanSquaredError",
    metrics: [isClassifier ? "accuracy" : "mae"],
  });
  return model;
}

function dataOf(sizes: number[], rows: number): [tf.Tensor, tf.Tensor] {
  const [inputs, , outputs] = sizes;
  const x = tf.randomNormal([rows, inputs]);
  const y = outputs === 1
    ? tf.randomNormal([rows, 1])
    : tf.tidy(() => tf.oneHot(tf.randomUniform([rows], 0, outputs, "int32"), outputs).toFloat());
  return [x, y];
}

/** An interactive terminal on which nothing is seen. */
const terminal = { write: () => {}, isInteractive: true, hasColors: true, columns: 100 };

/** What people train with, on a disk. */
function stack(folder: string): { callbacks: CallbackLike[]; verbose: 1 } {
  return {
    verbose: 1,
    callbacks: [
      new EarlyStopping({ monitor: "loss", patience: 99, restoreBestWeights: true }),
      new ReduceLROnPlateau({ monitor: "loss", patience: 99 }),
      new ModelCheckpoint(`${folder}/best`, { monitor: "loss", saveBestOnly: true }),
      new CSVLogger(`${folder}/log.csv`),
      new TensorBoard({ logDir: `${folder}/tensorboard`, updateFreq: "batch" }),
      new TerminateOnNaN(),
      new ProgbarLogger({ terminal }),
    ],
  };
}

class Doubled extends tf.layers.Layer {
  static className = "Doubled";
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => [inputs].flat()[0].mul(2));
  }
  override computeOutputShape(shape: tf.Shape): tf.Shape {
    return shape;
  }
}

const folder = await mkdtemp(`${tmpdir()}/keepfit-steps-`);
const both: Backend[] = ["cpu", "wasm"];
const comparisons: Comparison[] = [];

function training(
  name: string,
  backends: Backend[],
  make: () => tf.LayersModel,
  rowsOf: (backend: Backend) => number,
  dataFor: (rows: number) => [tf.Tensor, tf.Tensor],
  own: () => object = () => ({ verbose: 0 }),
): void {
  comparisons.push({
    name,
    backends,
    make: async (backend) => {
      const [a, b] = [make(), make()];
      const [x, y] = dataFor(rowsOf(backend));
      return {
        ours: () => fit(a, x, y, { ...options, ...own() }),
        theirs: () => b.fit(x, y, { ...options, verbose: 0 }),
      };
    },
  });
}

for (
  const [letter, name, own] of [["a", "full stack", () => stack(folder)], [
    "b",
    "no callbacks",
    () => ({ verbose: 0 }),
  ]] as const
) {
  for (const sizes of [[8, 16, 1], [32, 64, 1]]) {
    for (const optimizer of Object.keys(optimizers)) {
      training(
        `${letter} ${name}, ${sizes.join("-")} ${optimizer} / bare tfjs fit`,
        both,
        () => dense(sizes, optimizer),
        () => 2048,
        (rows) => dataOf(sizes, rows),
        own,
      );
    }
  }
}
const mnist = [784, 128, 10];
const few = (backend: Backend) => backend === "cpu" ? 128 : 2048;
training(
  "c 784-128-10 adam / bare tfjs fit",
  both,
  () => dense(mnist),
  few,
  (rows) => dataOf(mnist, rows),
);
training(
  "d small convnet / tfjs fit, same kernels",
  ["wasm"],
  () => convnet(),
  () => 512,
  (rows) => data(convnet(), rows),
);
training(
  "d LSTM 28 x 28, 64 units / tfjs fit",
  ["wasm"],
  () => lstm(),
  () => 512,
  (rows) => data(lstm(), rows),
);
training(
  "e a custom layer, 32-64-1 adam / tfjs fit",
  both,
  () => dense([32, 64, 1], "adam", [new Doubled({})]),
  () => 2048,
  (rows) => dataOf([32, 64, 1], rows),
);
for (const [name, make] of [["784-128-10", () => dense(mnist)], ["convnet", convnet]] as const) {
  const backends: Backend[] = name === "convnet" ? ["wasm"] : both;
  comparisons.push({
    name: `l evaluate ${name} / tfjs evaluate`,
    backends,
    make: async (backend) => {
      const model = make();
      const [x, y] = data(model, few(backend));
      return {
        ours: () => evaluate(model, x, y, { batchSize: 32, verbose: 0 }),
        theirs: () => Promise.resolve(tf.dispose(model.evaluate(x, y, { batchSize: 32 }))),
      };
    },
  }, {
    name: `l predict ${name} / tfjs predict`,
    backends,
    make: async (backend) => {
      const model = make();
      const [x] = data(model, few(backend));
      return {
        ours: async () => tf.dispose(await predict(model, x, { batchSize: 32, verbose: 0 })),
        theirs: () => Promise.resolve(tf.dispose(model.predict(x, { batchSize: 32 }))),
      };
    },
  });
}

/** Milliseconds of the processor and of the clock. */
async function measure(run: () => Promise<unknown>): Promise<[cpu: number, wall: number]> {
  const before = process.cpuUsage();
  const began = performance.now();
  await run();
  const wall = performance.now() - began;
  const { user, system } = process.cpuUsage(before);
  return [(user + system) / 1000, wall];
}

function median(list: number[]): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
}

const rounds = 7;
const { name: runtime, version } = getRuntime();
const only = process.argv[2] ?? "";
console.log(
  `${runtime} ${version}, tfjs ${tf.version_core}; processor time (wall time), ${rounds} rounds`,
);
const ratios = new Map<string, number[]>();
for (const backend of both) {
  await useBackend(tf, backend);
  for (const { name, backends, make } of comparisons) {
    if (!backends.includes(backend) || !name.includes(only)) continue;
    const { ours, theirs } = await make(backend);
    const times: Record<"ours" | "theirs", [number, number][]> = { ours: [], theirs: [] };
    for (let round = 0; round <= rounds; round++) {
      const a = await measure(ours);
      const b = await measure(theirs);
      // The first round warms up.
      if (round === 0) continue;
      times.ours.push(a);
      times.theirs.push(b);
    }
    const ratio = (i: 0 | 1) =>
      median(times.ours.map((one) => one[i])) / median(times.theirs.map((one) => one[i]));
    const cpu = ratio(0);
    ratios.set(name[0], [...ratios.get(name[0]) ?? [], cpu]);
    console.log(
      `${cpu.toPrecision(2).padStart(7)} (${ratio(1).toPrecision(2)})  ${
        backend.padEnd(5)
      } ${name}`,
    );
  }
}
for (const letter of ["a", "b"]) {
  const all = ratios.get(letter);
  if (all === undefined) continue;
  const mean = Math.exp(all.reduce((sum, one) => sum + Math.log(one), 0) / all.length);
  console.log(
    `${mean.toPrecision(2).padStart(7)}  ${letter}, geometric mean; the largest ${
      Math.max(...all).toPrecision(2)
    }`,
  );
}
await rm(folder, { recursive: true });
process.exit(0);
