/**
 * Compares wasm with several threads and with one: kernels of TensorFlow.js and compiled steps. The
 * figures are ratios from one process, of wall time and of the processor time of all threads.
 *
 * ```sh
 * node --import tsx bench/threads.ts 2     # or: deno run -A bench/threads.ts 2, bun bench/threads.ts 2
 * ```
 */
import * as tf from "@tensorflow/tfjs";
import { fit } from "keepfit";
import { getRuntime, useBackend } from "keepfit/runtime";
import { convnet, data, lstm } from "./networks.ts";
import { measure, type Times } from "./pair.ts";

const threads = Number(getRuntime().args[0] ?? 2);
const { layers } = tf;

interface Measured {
  what: string;
  /** Number of runs that are measured. */
  runs: number;
  /** Creates the function to run, which measures itself. */
  make(): () => Promise<Times>;
}

const rows: Measured[] = [
  tapeRow("dense 784-64-10", 40, () => dense(64)),
  tapeRow("MNIST convnet", 10, convnet),
  tapeRow("dense 784-1024-1024-10", 5, () => dense(1024, 1024)),
  { what: "matMul of 1024x1024", runs: 5, make: product },
  compiledRow("dense 784-64-10", 32, () => dense(64)),
  compiledRow("MNIST convnet", 32, convnet),
  compiledRow("MNIST convnet", 256, convnet),
  compiledRow("dense 784-1024-1024-10", 32, () => dense(1024, 1024)),
  compiledRow("dense 784-1024-1024-10", 256, () => dense(1024, 1024)),
  compiledRow("LSTM of 64 over 28 steps", 32, lstm),
  compiledRow("LSTM of 64 over 28 steps", 256, lstm),
];

const { name, version } = getRuntime();
console.log(`${name} ${version}, tfjs ${tf.version_core}: ${threads} threads / one thread`);
print("start", await byTurns());
for (const row of rows) print(row.what, await byTurns(row));

function print(what: string, [several, one]: [Times, Times]): void {
  const ratio = (of: "wall" | "cpu") => (several[of] / one[of]).toPrecision(2).padStart(6);
  const ms = `${several.wall.toFixed(1)} ms / ${one.wall.toFixed(1)} ms`;
  console.log(`${ratio("wall")}${ratio("cpu")} cpu  ${what}  (${ms})`);
}

/** A classifier of `units` per dense layer. */
function dense(...units: number[]): tf.LayersModel {
  const body = units.map((units, i) =>
    layers.dense({ units, activation: "relu", ...i === 0 ? { inputShape: [784] } : {} })
  );
  const model = tf.sequential({
    layers: [...body, layers.dense({ units: 10, activation: "softmax" })],
  });
  model.compile({ optimizer: "adam", loss: "categoricalCrossentropy" });
  return model;
}

/** Training steps of 32 rows with TensorFlow.js's `trainOnBatch`. */
function tapeRow(network: string, runs: number, create: () => tf.LayersModel): Measured {
  const make = () => {
    const model = create();
    const [x, y] = data(model, 32);
    return () => measure(() => model.trainOnBatch(x, y));
  };
  return { what: `step of 32 rows, ${network}`, runs, make };
}

/** Compiled training steps: the fastest step of an epoch, and the mean of their processor time. */
function compiledRow(network: string, rows: number, create: () => tf.LayersModel): Measured {
  const steps = 512 / rows;
  const make = () => {
    const model = create();
    const [x, y] = data(model, rows * steps);
    return async () => {
      let [began, wall] = [0, Infinity];
      const clock = {
        onTrainBatchBegin: () => void (began = performance.now()),
        onTrainBatchEnd: () => void (wall = Math.min(wall, performance.now() - began)),
      };
      const options = {
        batchSize: rows,
        verbose: 0,
        jitCompile: true,
        callbacks: [clock],
      } as const;
      const { cpu } = await measure(() => fit(model, x, y, options));
      return { cpu: cpu / steps, wall };
    };
  };
  return { what: `compiled step of ${rows} rows, ${network}`, runs: 2, make };
}

/** A product of two square matrices. */
function product(): () => Promise<Times> {
  const a = tf.randomUniform([1024, 1024]);
  return () =>
    measure(async () => {
      const out = a.matMul(a);
      await out.data();
      out.dispose();
    });
}

/**
 * The fastest of five runs with several threads and with one, in milliseconds, on a backend that
 * has just started and warmed up. The fastest run is the least affected by other processes.
 *
 * @param row Default: the start of the backend is measured
 */
async function byTurns(row?: Measured): Promise<[Times, Times]> {
  const best = [threads, 1].map(() => ({ cpu: Infinity, wall: Infinity }));
  for (let turn = 0; turn < 5; turn++) {
    for (const [i, count] of [threads, 1].entries()) {
      const time = async (run: () => Promise<Times>) => {
        const { cpu, wall } = await run();
        best[i] = { cpu: Math.min(best[i].cpu, cpu), wall: Math.min(best[i].wall, wall) };
      };
      const start = async () => {
        const { reasons } = await useBackend(tf, "wasm", { threads: count });
        if (reasons.length > 0) throw new Error(reasons[0].reason);
      };
      if (row === undefined) {
        await time(() => measure(start));
        continue;
      }
      await start();
      const run = row.make();
      for (let done = 0; done < row.runs; done++) await run();
      for (let done = 0; done < row.runs; done++) await time(run);
    }
  }
  return [best[0], best[1]];
}
