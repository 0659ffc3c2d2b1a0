/**
 * A training that can be killed at any time, by Ctrl-C, `kill -9` or a power failure, and continues
 * when the same command is run again. Its results are bit for bit the same.
 *
 * ```sh
 * node --import tsx examples/resume.ts runs/resume     # or: bun, deno run -A
 * ```
 */
import { parseArgs } from "node:util";
import * as tf from "@tensorflow/tfjs";
import { BackupAndRestore, CSVLogger, fit, ModelCheckpoint, useBackend } from "keepfit";
import { getRuntime, InterruptedError, interruptSignal } from "keepfit/runtime";

const runtime = getRuntime();
// Options such as --help are errors: they are not the name of the folder.
const { positionals } = parseArgs({ args: runtime.args, allowPositionals: true });
const [out = "runs/resume", epochs = "20"] = positionals;

await useBackend(tf);
const model = tf.sequential({
  layers: [
    tf.layers.dense({ units: 16, inputShape: [1], activation: "tanh" }),
    tf.layers.dropout({ rate: 0.1 }),
    tf.layers.dense({ units: 1 }),
  ],
});
model.compile({ optimizer: "adam", loss: "meanSquaredError" });
const x = tf.linspace(-1, 1, 2000).reshape([2000, 1]);

const interruption = interruptSignal();
try {
  const history = await fit(model, x, x.square(), {
    epochs: Number(epochs),
    callbacks: [
      new BackupAndRestore(`${out}/backup`, { saveFreq: 20 }),
      new ModelCheckpoint(`${out}/best`, { monitor: "loss", saveBestOnly: true }),
      new CSVLogger(`${out}/log.csv`),
    ],
    verbose: 2,
    signal: interruption.signal,
  });
  console.log(
    `Trained ${history.epoch.length} epochs; the last loss is ${history.history.loss.at(-1)}`,
  );
} catch (error) {
  if (!(error instanceof InterruptedError)) throw error;
  console.log(`${error.message}; run the command again to continue`);
  runtime.exit(error.exitCode);
} finally {
  interruption.release();
}
