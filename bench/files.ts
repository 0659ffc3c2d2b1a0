/**
 * Measures writing of files, alternating in one process: a row of a log compared with `appendFile`
 * of the same text, and a checkpoint compared with one write and `fsync` of the same number of
 * bytes. Ratios of medians in the temporary directory; below 1, keepfit is faster.
 *
 * ```sh
 * node --import tsx bench/files.ts
 * ```
 */
import * as tf from "@tensorflow/tfjs";
import { CallbackList, CSVLogger, JSONLinesLogger } from "keepfit";
import { getRuntime, saveCheckpoint } from "keepfit/runtime";
import { appendFile, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pair } from "./pair.ts";

const { name, version } = getRuntime();
const folder = await mkdtemp(join(tmpdir(), "keepfit-bench-"));
const print = (ratio: number, what: string) =>
  console.log(`${ratio.toPrecision(2).padStart(6)}  ${what}`);
const logs = { accuracy: 0.53125, loss: 0.6931471805599453, val_accuracy: 0.5, val_loss: 0.75 };
const rows = 200;

async function logRow(
  what: string,
  logger: CSVLogger | JSONLinesLogger,
  text: string,
): Promise<void> {
  const list = new CallbackList([logger]);
  await list.onTrainBegin();
  let epoch = 0;
  const [keepfit, node] = await pair(
    async () => {
      for (let i = 0; i < rows; i++) {
        await list.onEpochBegin(epoch);
        await list.onEpochEnd(epoch++, logs);
      }
    },
    async () => {
      for (let i = 0; i < rows; i++) await appendFile(join(folder, `${what}.txt`), text);
    },
    9,
  );
  await list.close();
  print(keepfit / node, `row of ${what} / appendFile of its text`);
}

async function checkpointRow(what: string, units: number, rounds: number): Promise<void> {
  const model = tf.sequential({ layers: [tf.layers.dense({ units, inputShape: [units] })] });
  const bytes = new Uint8Array(model.countParams() * 4);
  const [keepfit, raw] = await pair(
    () => saveCheckpoint(model, join(folder, what)),
    async () => {
      const file = await open(join(folder, "raw"), "w");
      await file.writeFile(bytes);
      await file.sync();
      await file.close();
    },
    rounds,
  );
  model.dispose();
  print(keepfit / raw, `checkpoint of ${what} / write and fsync of its weights`);
}

console.log(`${name} ${version}; a ratio below 1 is faster than the right side of the slash`);
try {
  const csv = new CSVLogger(join(folder, "log.csv"));
  await logRow("CSVLogger", csv, `0,${Object.values(logs)}\r\n`);
  const json = new JSONLinesLogger(join(folder, "log.jsonl"));
  await logRow("JSONLinesLogger", json, `${JSON.stringify({ epoch: 0, ...logs })}\n`);
  await checkpointRow("1 KiB", 15, 99);
  await checkpointRow("64 MiB", 4096, 5);
} finally {
  await rm(folder, { recursive: true });
}
