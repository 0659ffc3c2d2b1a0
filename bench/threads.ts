/**
 * Compares wasm with several threads and with one. The figures are ratios from one process.
 *
 * ```sh
 * node --import tsx bench/threads.ts 2     # or: deno run -A bench/threads.ts 2, bun bench/threads.ts 2
 * ```
 */
import * as tf from "@tensorflow/tfjs";
import { getRuntime, useBackend } from "keepfit/runtime";

const threads = Number(getRuntime().args[0] ?? 2);
const { layers } = tf;
const relu = (units: number) => layers.dense({ units, activation: "relu" });
const first = (units: number) => layers.dense({ inputShape: [784], units, activation: "relu" });
const convnet = () => [
  layers.conv2d({ inputShape: [28, 28, 1], filters: 16, kernelSize: 3, activation: "relu" }),
  layers.maxPooling2d({ poolSize: 2 }),
  layers.conv2d({ filters: 32, kernelSize: 3, activation: "relu" }),
  layers.maxPooling2d({ poolSize: 2 }),
  layers.flatten(),
];
const rows: [what: string, runs: number, make: () => () => Promise<void>][] = [
  ["training step, dense 784-64-10", 40, () => trainStep([first(64)])],
  ["training step, MNIST convnet", 10, () => trainStep(convnet())],
  ["training step, dense 784-1024-1024-10", 5, () => trainStep([first(1024), relu(1024)])],
  ["matMul of 1024x1024", 5, product],
];

const { name, version } = getRuntime();
console.log(`${name} ${version}, tfjs ${tf.version_core}: ${threads} threads / one thread`);
print("start", await byTurns(1));
for (const [what, runs, make] of rows) print(what, await byTurns(runs, make));

function print(what: string, [several, one]: [number, number]): void {
  const ratio = (several / one).toPrecision(2).padStart(6);
  console.log(`${ratio}  ${what}  (${several.toFixed(1)} ms / ${one.toFixed(1)} ms)`);
}

/** A training step of 32 rows. */
function trainStep(body: tf.layers.Layer[]): () => Promise<void> {
  const last = layers.dense({ units: 10, activation: "softmax" });
  const model = tf.sequential({ layers: [...body, last] });
  model.compile({ optimizer: "adam", loss: "categoricalCrossentropy" });
  const x = tf.randomUniform([32, ...model.inputs[0].shape.slice(1) as number[]]);
  const y = tf.oneHot(tf.randomUniform([32], 0, 10, "int32"), 10).toFloat();
  return async () => void await model.trainOnBatch(x, y);
}

/** A product of two square matrices. */
function product(): () => Promise<void> {
  const a = tf.randomUniform([1024, 1024]);
  return async () => {
    const out = a.matMul(a);
    await out.data();
    out.dispose();
  };
}

/**
 * The fastest of five runs with several threads and with one, in milliseconds, on a backend that
 * has just started and warmed up. The fastest run is the least affected by other processes.
 *
 * @param make creates the function to run. Default: the start of the backend is measured
 */
async function byTurns(runs: number, make?: () => () => Promise<void>): Promise<[number, number]> {
  const best = [Infinity, Infinity];
  for (let turn = 0; turn < 5; turn++) {
    for (const [i, count] of [threads, 1].entries()) {
      const time = async (run: () => Promise<unknown>) => {
        const began = performance.now();
        await run();
        best[i] = Math.min(best[i], performance.now() - began);
      };
      const start = async () => {
        const { reasons } = await useBackend(tf, "wasm", { threads: count });
        if (reasons.length > 0) throw new Error(reasons[0].reason);
      };
      if (make === undefined) {
        await time(start);
        continue;
      }
      await start();
      const run = make();
      for (let done = 0; done < runs; done++) await run();
      for (let done = 0; done < runs; done++) await time(run);
    }
  }
  return [best[0], best[1]];
}
