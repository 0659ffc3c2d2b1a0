/**
 * Compares keepfit with Keras on TensorFlow and on JAX, Python's TensorBoard writers, Keras's
 * CSVLogger, and jax-js. The figures are their time divided by ours: processor time of all threads,
 * and wall time in brackets. Above 1, keepfit is faster. Both sides train the same networks on the
 * same number of random rows with the same batch size, and write the same kinds of files to the
 * temporary folder. They alternate, and the figures are medians of rounds. The first rounds are not
 * counted, which excludes importing, tracing and compiling on both sides. keepfit uses the wasm
 * backend.
 *
 * ```sh
 * npm run bench:keras              # or: deno run -A bench/keras.ts; bun bench/keras.ts
 * npm run bench:keras -- jax       # only rows whose name contains the text
 * ```
 *
 * Missing packages are installed into the folder `KEEPFIT_BENCH_FOLDER` (default: `keepfit-bench`
 * in the temporary folder) with npm, and with pip unless `KEEPFIT_PYTHON` is a Python with Keras.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import * as tf from "@tensorflow/tfjs";
import { CallbackList, CSVLogger, fit, JSONLinesLogger } from "keepfit";
import { getRuntime, useBackend } from "keepfit/runtime";
import { SummaryWriter } from "keepfit/tensorboard";
import { jaxTraining } from "./jax_js.ts";
import { data, perceptron } from "./networks.ts";
import { inTurns, measure, type Times } from "./pair.ts";
import { findJaxJs, findKeras, Keras } from "./peers.ts";
import { stack } from "./stack.ts";

interface Comparison {
  name: string;
  /** Number of units in a run. */
  count: number;
  unit: string;
  make(): Promise<{ ours(): Promise<Times>; theirs(): Promise<Times> }>;
}

const [warmUps, rounds] = [3, 5];
const isWanted = ({ name }: { name: string }) => name.includes(process.argv[2] ?? "");
const folder = await mkdtemp(join(tmpdir(), "keepfit-keras-"));
const [ourFolder, theirFolder] = [join(folder, "ours"), join(folder, "theirs")];
await mkdir(theirFolder);
const small = { rows: 2048, batchSize: 32, epochs: 5 };
const large = { rows: 4096, batchSize: 64, epochs: 5 };

function training(
  keras: Keras,
  sizes: number[],
  size: typeof small,
  isFull: boolean,
): Omit<Comparison, "name"> {
  const { rows, ...options } = size;
  const parameters = { sizes, ...size, ...isFull ? { folder: theirFolder } : {} };
  return {
    count: options.epochs * rows / options.batchSize,
    unit: "step",
    make: () => {
      const model = perceptron(sizes);
      const [x, y] = data(model, rows);
      const own = () => isFull ? stack(ourFolder) : { verbose: 0 as const };
      return Promise.resolve({
        ours: () => measure(() => fit(model, x, y, { ...options, ...own() })),
        theirs: () => keras.run("fit", parameters),
      });
    },
  };
}

function* kerasRows(label: string, keras: Keras): Generator<Comparison> {
  for (const isFull of [true, false]) {
    const name = `f Keras on ${label}, ${isFull ? "full stack" : "no callbacks"}`;
    for (const sizes of [[8, 16, 1], [32, 64, 1]]) {
      yield { name: `${name}, ${sizes.join("-")}`, ...training(keras, sizes, small, isFull) };
    }
    const sizes = [784, 128, 10];
    yield {
      name: `${name}, ${sizes.join("-")} batch ${large.batchSize}`,
      ...training(keras, sizes, large, isFull),
    };
  }
}

async function writeScalars(count: number): Promise<void> {
  const writer = new SummaryWriter(ourFolder, { fs: getRuntime().fs });
  for (let step = 0; step < count; step++) writer.scalar("batch_loss", step * 0.001, step);
  await writer.close();
}

async function writeRows(count: number, logger: CSVLogger | JSONLinesLogger): Promise<void> {
  const list = new CallbackList([logger]);
  await list.onTrainBegin();
  for (let epoch = 0; epoch < count; epoch++) {
    await list.onEpochBegin(epoch);
    const loss = 1 / (epoch + 1);
    await list.onEpochEnd(epoch, {
      accuracy: 1 - loss,
      loss,
      val_accuracy: 0.5,
      val_loss: 2 * loss,
    });
  }
  await list.onTrainEnd();
  await list.close();
}

function fileRows(keras: Keras): Comparison[] {
  const row = (
    name: string,
    task: string,
    unit: string,
    count: number,
    write: (count: number) => Promise<void>,
  ): Comparison => ({
    name,
    count,
    unit,
    make: () =>
      Promise.resolve({
        ours: () => measure(() => write(count)),
        theirs: () => keras.run(task, { count, folder: theirFolder }),
      }),
  });
  const csv = (count: number) => writeRows(count, new CSVLogger(join(ourFolder, "rows.csv")));
  const json = (count: number) =>
    writeRows(count, new JSONLinesLogger(join(ourFolder, "rows.jsonl")));
  return [
    row("h tf.summary.scalar (Keras)", "keras_scalars", "scalar", 10_000, writeScalars),
    row("h scalar of Python's tensorboard", "tensorboard_scalars", "scalar", 10_000, writeScalars),
    row("i Keras's CSVLogger / CSVLogger", "csv_rows", "row", 5000, csv),
    row("i Keras's CSVLogger / JSONLinesLogger", "csv_rows", "row", 5000, json),
  ];
}

const { name: runtime, version } = getRuntime();
await useBackend(tf, "wasm");
console.log(`${runtime} ${version}, ${rounds} rounds; processor time (wall time)`);

async function print({ name, count, unit, make }: Comparison): Promise<void> {
  const { ours, theirs } = await make();
  const [a, b] = await inTurns([ours, theirs], rounds, warmUps);
  const micros = ({ cpu }: Times) => Number((1000 * cpu / count).toPrecision(3));
  console.log(
    `${(b.cpu / a.cpu).toPrecision(2).padStart(7)} (${(b.wall / a.wall).toPrecision(2)})  ` +
      `${name}  (${micros(b)} µs per ${unit} / ${micros(a)}; load ${loadavg()[0].toFixed(1)})`,
  );
}

async function compareWithKeras(): Promise<void> {
  const tensorflow = new Keras("tensorflow");
  const jax = new Keras("jax");
  const sides: [Keras, Comparison[]][] = [
    [tensorflow, [...kerasRows("TensorFlow", tensorflow), ...fileRows(tensorflow)]],
    [jax, [...kerasRows("jax", jax)]],
  ];
  for (const [keras, all] of sides) {
    const rows = all.filter(isWanted);
    if (rows.length === 0) continue;
    const found = findKeras();
    if ("reason" in found) return console.log(`Not compared with Keras: ${found.reason}.`);
    console.log(await keras.start(found.python));
    for (const row of rows) await print(row);
    await keras.close();
  }
}

async function compareWithJaxJs(): Promise<void> {
  const sizes = [784, 128, 10];
  const { rows, batchSize, epochs } = large;
  const name = `m @jax-js/jax on wasm, jitted SGD, ${sizes.join("-")} batch ${batchSize}`;
  if (!isWanted({ name })) return;
  const found = await findJaxJs();
  if ("reason" in found) return console.log(`Not compared with jax-js: ${found.reason}.`);
  await print({
    name,
    count: epochs * rows / batchSize,
    unit: "step",
    make: async () => {
      const model = perceptron(sizes, "sgd");
      const [x, y] = data(model, rows);
      const train = await jaxTraining(found.jax, sizes, rows, batchSize);
      const options = { batchSize, epochs, shuffle: false, verbose: 0 } as const;
      return {
        ours: () => measure(() => fit(model, x, y, options)),
        theirs: () => measure(() => train(epochs)),
      };
    },
  });
}

try {
  await compareWithKeras();
  await compareWithJaxJs();
} finally {
  await rm(folder, { recursive: true });
}
process.exit(0);
