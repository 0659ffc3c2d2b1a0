/**
 * Train a digit classifier on MNIST with callbacks, one of them loaded from a URL.
 *
 * ```sh
 * npm install && npm run train           # Node
 * bun install && bun examples/mnist.ts   # Bun
 * deno task train                        # Deno
 * ```
 *
 * Writes `log.csv`, the best model (`best/`) and the plugin's `learning-curve.svg` to
 * `runs/mnist/`. An interrupted run continues when the command is run again.
 */
import { parseArgs } from "node:util";
import * as tf from "@tensorflow/tfjs";
import {
  BackupAndRestore,
  type CallbackLike,
  CSVLogger,
  EarlyStopping,
  evaluate,
  fit,
  ModelCheckpoint,
  predict,
  ReduceLROnPlateau,
  RemoteMonitor,
  setRandomSeed,
  TerminateOnNaN,
} from "keepfit";
import { serveHub } from "keepfit/hub";
import { loadPlugin } from "keepfit/plugins";
import {
  checkpointHandler,
  exists,
  getRuntime,
  InterruptedError,
  interruptSignal,
  runProgram,
  useBackend,
} from "keepfit/runtime";
import { loadMnist } from "./mnist_data.ts";

const help = `Train a digit classifier on MNIST.

  --epochs N          train at most N epochs (default 30)
  --model NAME        dense, or conv: slower and better (default dense)
  --batch-size N      rows of a batch (default 128)
  --learning-rate N   first learning rate (default 0.002)
  --units N           units of the hidden layer (default 128)
  --rows N            use N training rows only (default all 60,000)
  --seed N            seed of the weights and of the order of the rows (default 1)
  --backend NAME      auto, webgpu, wasm or cpu (default auto: the fastest)
  --verbose N         0 silent, 1 progress bar, 2 one line an epoch (default 1)
  --out DIR           where to leave everything (default runs/mnist)
  --fresh             start over instead of resuming an interrupted run
  --keep-open         keep the page that shows the run open at the end, until Ctrl-C
  --help              this text`;

/** The URL of a manifest and its hash; the manifest contains the hash of every file. */
const epochReport =
  "keepfit/epoch-report/0.1.0/callback.plugin.json#sha384-5kXxun2n/KTfbH9hi2EEJC30yWPPuJBKqmktObA1frSYuM0t6wa702Cj/+fD5iai";

interface Settings {
  epochs: number;
  model: string;
  batchSize: number;
  learningRate: number;
  units: number;
  rows: number;
  seed: number;
  backend: "auto" | "webgpu" | "wasm" | "cpu";
  verbose: 0 | 1 | 2;
  out: string;
  fresh: boolean;
  keepOpen: boolean;
}

const runtime = getRuntime();

function readSettings(): Settings | undefined {
  const { values } = parseArgs({
    args: runtime.args,
    options: {
      "epochs": { type: "string", default: "30" },
      "model": { type: "string", default: "dense" },
      "batch-size": { type: "string", default: "128" },
      "learning-rate": { type: "string", default: "0.002" },
      "units": { type: "string", default: "128" },
      "rows": { type: "string", default: "60000" },
      "seed": { type: "string", default: "1" },
      "backend": { type: "string", default: "auto" },
      "verbose": { type: "string", default: "1" },
      "out": { type: "string", default: "runs/mnist" },
      "fresh": { type: "boolean", default: false },
      "keep-open": { type: "boolean", default: false },
      "help": { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  return {
    epochs: Number(values.epochs),
    model: values.model,
    batchSize: Number(values["batch-size"]),
    learningRate: Number(values["learning-rate"]),
    units: Number(values.units),
    rows: Number(values.rows),
    seed: Number(values.seed),
    backend: values.backend as Settings["backend"],
    verbose: Number(values.verbose) as Settings["verbose"],
    out: values.out,
    fresh: values.fresh,
    keepOpen: values["keep-open"],
  };
}

const layers: Record<string, (units: number) => tf.layers.Layer[]> = {
  dense: (units) => [
    tf.layers.dense({ name: "hidden", inputShape: [784], units, activation: "relu" }),
  ],
  conv: (units) => [
    tf.layers.reshape({ name: "picture", inputShape: [784], targetShape: [28, 28, 1] }),
    tf.layers.conv2d({ name: "strokes", filters: 8, kernelSize: 3, activation: "relu" }),
    tf.layers.maxPooling2d({ poolSize: 2 }),
    tf.layers.conv2d({ name: "shapes", filters: 16, kernelSize: 3, activation: "relu" }),
    tf.layers.maxPooling2d({ poolSize: 2 }),
    tf.layers.flatten(),
    tf.layers.dense({ name: "hidden", units, activation: "relu" }),
  ],
};

function makeModel({ model: name, units, learningRate }: Settings): tf.LayersModel {
  if (!Object.hasOwn(layers, name)) {
    throw new RangeError(
      `Cannot make model ${name}: it must be one of ${Object.keys(layers).join(", ")}`,
    );
  }
  const model = tf.sequential({
    name: "digits",
    layers: [
      ...layers[name](units),
      tf.layers.dense({ name: "digit", units: 10, activation: "softmax" }),
    ],
  });
  model.compile({
    optimizer: tf.train.adam(learningRate),
    loss: "categoricalCrossentropy",
    metrics: ["accuracy"],
  });
  return model;
}

async function main(settings: Settings): Promise<void> {
  const { out, verbose } = settings;
  const { backend } = await useBackend(tf, settings.backend);
  setRandomSeed(tf, settings.seed);
  console.log(`keepfit on ${runtime.name} ${runtime.version}, tfjs ${tf.version_core}, ${backend}`);

  const train = await loadMnist("train", settings.rows);
  const test = await loadMnist("test");
  console.log(`${train.x.shape[0]} digits to train with, ${test.x.shape[0]} to test`);

  // A plugin registry and a page that shows runs, on this machine.
  const hub = await serveHub({ directory: new URL("plugins/", import.meta.url) });
  const interruption = interruptSignal();
  try {
    console.log(`Watch it live: ${hub.url}`);
    const report = await loadPlugin(`${hub.url}${epochReport}`, {
      options: { title: "MNIST" },
      outputDir: out,
    });

    const backup = `${out}/backup`;
    if (settings.fresh) await runtime.fs.remove(backup, { recursive: true });
    else if (await exists(backup)) console.log(`Resuming the interrupted run in ${out}`);
    const model = makeModel(settings);
    const callbacks: CallbackLike[] = [
      new TerminateOnNaN(),
      new ReduceLROnPlateau({ monitor: "val_loss", factor: 0.5, patience: 2, verbose: 1 }),
      new EarlyStopping({
        monitor: "val_loss",
        patience: 4,
        restoreBestWeights: true,
        verbose: 1,
      }),
      new ModelCheckpoint(`${out}/best`, { monitor: "val_accuracy", saveBestOnly: true }),
      new BackupAndRestore(backup),
      new CSVLogger(`${out}/log.csv`),
      new RemoteMonitor({ root: hub.url, path: "publish/epoch/end/?run=mnist" }),
      report,
    ];

    try {
      const history = await fit(model, train.x, train.y, {
        epochs: settings.epochs,
        batchSize: settings.batchSize,
        validationSplit: 0.1,
        validationBatchSize: 1000,
        callbacks,
        verbose,
        signal: interruption.signal,
      });
      for (const { callback, hook, error } of history.failures) {
        console.log(`${callback} failed in ${hook}: ${error}`);
      }
    } catch (error) {
      if (!(error instanceof InterruptedError)) throw error;
      console.log(`\n${error.message}. The files in ${out} are closed and complete.`);
      console.log("Run it again to resume after the last batch; --fresh starts over.");
      runtime.exit(error.exitCode);
    }

    // The best model is loaded as in any tfjs program.
    const best = await tf.loadLayersModel(checkpointHandler(`${out}/best`));
    const logs = await evaluate(best, test.x, test.y, {
      batchSize: 1000,
      verbose,
      callbacks: { onTestBegin: () => console.log("\nEvaluating the best model") },
    });
    await showMistakes(best, test.x, test.labels, verbose);
    console.log(`\nLog, checkpoints and the plugin's learning-curve.svg are in ${out}/`);
    console.log(`Test accuracy: ${(100 * logs.accuracy).toFixed(2)} %`);
    if (settings.keepOpen && !interruption.signal.aborted) {
      console.log(`The run stays at ${hub.url} until Ctrl-C`);
      await new Promise((done) => interruption.signal.addEventListener("abort", done));
    }
  } finally {
    interruption.release();
    await hub.close();
  }
}

/** Predict every test digit, and print the most frequent mistakes. */
async function showMistakes(
  model: tf.LayersModel,
  x: tf.Tensor2D,
  labels: Uint8Array,
  verbose: Settings["verbose"],
): Promise<void> {
  const mistakes = new Map<string, number>();
  let row = 0;
  const outputs = await predict(model, x, {
    batchSize: 1000,
    verbose,
    callbacks: {
      onPredictBegin: () => console.log("Predicting every test digit"),
      async onPredictBatchEnd(_batch, { outputs }) {
        const digits = tf.tidy(() => (outputs as tf.Tensor).argMax(1));
        for (const digit of await digits.data()) {
          const label = labels[row++];
          if (digit === label) continue;
          const pair = `${label} as ${digit}`;
          mistakes.set(pair, (mistakes.get(pair) ?? 0) + 1);
        }
        digits.dispose();
      },
    },
  });
  tf.dispose(outputs);
  const most = [...mistakes].sort(([, a], [, b]) => b - a).slice(0, 4);
  console.log(`Most often mistaken: ${most.map(([pair, n]) => `${pair} (${n})`).join(", ")}`);
}

await runProgram(async () => {
  const settings = readSettings();
  if (settings === undefined) console.log(help);
  else await main(settings);
});
