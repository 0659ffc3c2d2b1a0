/**
 * Train on MNIST with the TensorBoard callback and fill the tabs of TensorBoard: Time Series,
 * Scalars, Custom Scalars, Images, Graphs, Distributions, Histograms, Text, PR Curves, HParams and
 * Projector.
 *
 * ```sh
 * node --import tsx examples/tensorboard.ts   # Node
 * bun examples/tensorboard.ts                 # Bun
 * deno run --allow-read=. --allow-write=runs examples/tensorboard.ts
 *
 * tensorboard --logdir runs/tensorboard
 * ```
 *
 * Each run has a folder in `runs/tensorboard`. Run it again with `--units 64` to compare two runs
 * in HParams. Kernel times are a table in Text. Open their trace in Perfetto
 * (https://ui.perfetto.dev), because TensorBoard's Profile tab needs a plugin with other file
 * formats.
 *
 * The model sees each digit as 7 x 7 cells of 16 shades and learns a vector for each shade, which
 * the Projector tab shows.
 */
import { parseArgs } from "node:util";
import * as tf from "@tensorflow/tfjs";
import { Callback, fit, predict, TensorBoard, useBackend } from "keepfit";
import { getRuntime, joinPath, runProgram } from "keepfit/runtime";
import { type Digits, loadMnist } from "./mnist_data.ts";

const help = `Train on MNIST and fill the tabs of TensorBoard.

  --epochs N   number of epochs (default 5)
  --rows N     number of training rows (default 2500)
  --units N    units of the hidden layer (default 32)
  --out DIR    folder of the runs (default runs/tensorboard)
  --run NAME   name of the run (default the time)
  --help       this text`;

const cells = 7;
const shades = 16;

/** The shades of digits, of shape [rows, 49]. */
function shadesOf({ x }: Digits): tf.Tensor2D {
  return tf.tidy(() => {
    const [rows] = x.shape;
    const means = tf.avgPool(x.reshape<tf.Tensor4D>([rows, 28, 28, 1]), 4, 4, "valid");
    return means.mul(shades).floor().minimum(shades - 1).reshape([rows, cells * cells]);
  });
}

function makeModel(units: number, learningRate: number): tf.Sequential {
  const model = tf.sequential({
    name: "digits",
    layers: [
      tf.layers.embedding({
        name: "shade",
        inputDim: shades,
        outputDim: 4,
        inputLength: cells * cells,
      }),
      tf.layers.flatten({ name: "picture" }),
      tf.layers.dense({ name: "hidden", units, activation: "relu" }),
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

/** Custom summaries in addition to those of the callback. */
class DigitSummaries extends Callback<tf.LayersModel> {
  #board: TensorBoard;
  #digits: Digits;
  #inputs: tf.Tensor2D;

  constructor(board: TensorBoard, digits: Digits, inputs: tf.Tensor2D) {
    super();
    this.#board = board;
    this.#digits = digits;
    this.#inputs = inputs;
  }

  override onTrainBegin(): void {
    const writer = this.#board.writer("train");
    writer.text("about", "Digits in **7 x 7 cells** of 16 shades, trained by `keepfit`.", 0);
    writer.customScalars({
      categories: [{
        title: "Learning",
        charts: [
          { title: "Loss by epoch", tags: ["epoch_loss"] },
          {
            title: "Accuracy by update",
            tags: ["batch_accuracy", "evaluation_accuracy_vs_iterations"],
          },
        ],
      }],
    });
  }

  override async onEpochEnd(epoch: number): Promise<void> {
    const writer = this.#board.writer("validation");
    const outputs = await predict(this.model, this.#inputs, {
      batchSize: 500,
      verbose: 0,
    }) as tf.Tensor;
    const guesses = await outputs.data();
    outputs.dispose();
    const { labels } = this.#digits;
    for (const digit of [3, 8]) {
      const isDigit = Array.from(labels, (label) => label === digit);
      const sureness = Array.from(labels, (_, row) => guesses[row * 10 + digit]);
      writer.prCurve(`is_${digit}`, isDigit, sureness, epoch);
    }
    // The three digits with the lowest predicted probability of the true class.
    const rows = Array.from(labels, (label, row) => ({ row, right: guesses[row * 10 + label] }))
      .sort((a, b) => a.right - b.right).slice(0, 3).map(({ row }) => row);
    const pixels = await this.#digits.x.data() as Float32Array;
    const worst = rows.map((row) => ({
      width: 28,
      height: 28,
      channels: 1 as const,
      data: pixels.slice(row * 784, (row + 1) * 784),
    }));
    writer.image("hardest", worst, epoch);
  }
}

async function main(): Promise<void> {
  const runtime = getRuntime();
  const { values } = parseArgs({
    args: runtime.args,
    options: {
      out: { type: "string", default: "runs/tensorboard" },
      run: { type: "string", default: new Date().toISOString().slice(0, 19).replaceAll(":", ".") },
      epochs: { type: "string", default: "5" },
      rows: { type: "string", default: "2500" },
      units: { type: "string", default: "32" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(help);
  const [rows, units, learningRate] = [Number(values.rows), Number(values.units), 0.005];

  await useBackend(tf);
  const train = await loadMnist("train", rows);
  const test = await loadMnist("test", Math.ceil(rows / 4));
  const [trainInputs, testInputs] = [shadesOf(train), shadesOf(test)];

  // One folder per run: HParams shows the runs below the folder passed to TensorBoard.
  const logDir = joinPath(values.out, values.run);
  await runtime.fs.makeDir(logDir);
  await runtime.fs.writeFile(
    joinPath(logDir, "shades.tsv"),
    Array.from({ length: shades }, (_, shade) => `shade ${shade}\n`).join(""),
  );
  const board = new TensorBoard({
    logDir,
    histogramFreq: 1,
    writeImages: true,
    writeStepsPerSecond: true,
    updateFreq: 4,
    profileBatch: [3, 5],
    embeddingsFreq: 1,
    embeddingsMetadata: { shade: "shades.tsv" },
    hparams: { units, rows, learningRate, optimizer: "adam" },
  });
  const history = await fit(makeModel(units, learningRate), trainInputs, train.y, {
    epochs: Number(values.epochs),
    batchSize: 64,
    validationData: [testInputs, test.y],
    seed: 1,
    callbacks: [board, new DigitSummaries(board, test, testInputs)],
  });
  console.log(
    `\nTest accuracy: ${(100 * (history.history.val_accuracy.at(-1) ?? 0)).toFixed(2)} %`,
  );
  console.log(`Look at it: tensorboard --logdir ${values.out}`);
}

await runProgram(main);
