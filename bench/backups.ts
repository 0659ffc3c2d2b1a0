/**
 * Measures the cost of backups: the share of training time, in the foreground and in the
 * background, and the throughput compared with a plain write and `fsync` of the same number of
 * bytes, in the temporary directory. Medians of alternating rounds.
 *
 * ```sh
 * node --import tsx bench/backups.ts               # Node; bun and deno run -A take it too
 * node --import tsx bench/backups.ts 2048 10       # units of the layer, batches from one to the next
 * ```
 */
import * as tf from "@tensorflow/tfjs";
import { BackupAndRestore, type CallbackLike, CallbackList, fit, ModelCheckpoint } from "keepfit";
import { type FileSystem, getRuntime, useBackend } from "keepfit/runtime";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pair } from "./pair.ts";

const { name, version, args, fs } = getRuntime();
const [units = 1024, saveFreq = 20] = args.map(Number);
const steps = 100;
const rounds = 5;

await useBackend(tf, "wasm");
const folder = await mkdtemp(join(tmpdir(), "keepfit-bench-"));
const model = tf.sequential({
  layers: [
    tf.layers.dense({ units, inputShape: [units], activation: "relu" }),
    tf.layers.dense({ units: 1 }),
  ],
});
model.compile({ optimizer: "adam", loss: "meanSquaredError" });
const [x, y] = [tf.randomNormal([32 * steps, units]), tf.randomNormal([32 * steps, 1])];

/** Training time with new callbacks in milliseconds. */
async function train(callbacks: CallbackLike[]): Promise<number> {
  const began = performance.now();
  await fit(model, x, y, { batchSize: 32, epochs: 1, verbose: 0, callbacks });
  return performance.now() - began;
}

/** A file system that counts the backups written to it. */
let count = 0;
const counting: FileSystem = {
  ...fs,
  async writeFile(path, data) {
    await fs.writeFile(path, data);
    if (String(path).endsWith(".safetensors")) count++;
  },
};

const backup = (saveOnBackground: boolean) =>
  new BackupAndRestore(join(folder, "backup"), { saveFreq, saveOnBackground, fs: counting });
const checkpoint = (saveOnBackground: boolean) =>
  new ModelCheckpoint(join(folder, "checkpoint"), { saveFreq, saveOnBackground });

const ways: Record<string, () => CallbackLike[]> = {
  "no backup": () => [],
  "backups, waiting": () => [backup(false)],
  "backups, in the background": () => [backup(true)],
  "checkpoints, waiting": () => [checkpoint(false)],
  "checkpoints, in the background": () => [checkpoint(true)],
};
const median = (list: number[]) => list.sort((a, b) => a - b)[list.length >> 1];

/** Milliseconds of a whole backup, and of a plain write of the same number of bytes. */
async function backupAndWrite(): Promise<{ size: number; times: [number, number] }> {
  const directory = join(folder, "alone");
  const list = new CallbackList([new BackupAndRestore(directory)], { model });
  await list.onTrainBegin();
  const size = (await fs.stat(join(directory, "latest.safetensors")))?.size ?? 0;
  const bytes = new Uint8Array(size);
  let epoch = 0;
  const times = await pair(
    async () => {
      await list.onEpochBegin(epoch);
      await list.onEpochEnd(epoch++, {});
    },
    async () => {
      const file = await open(join(folder, "plain"), "w");
      await file.writeFile(bytes);
      await file.sync();
      await file.close();
    },
    2 * rounds + 1,
  );
  await list.close();
  return { size, times };
}

try {
  await train([]);
  const times: Record<string, number[]> = {};
  const counts: Record<string, number> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [way, make] of Object.entries(ways)) {
      count = 0;
      (times[way] ??= []).push(await train(make()));
      counts[way] = count;
    }
  }
  const { size, times: [ours, plain] } = await backupAndWrite();
  const megabytes = size / 1e6;
  const base = median(times["no backup"]);
  console.log(
    `${name} ${version}, wasm: ${steps} batches, a backup of ${megabytes.toFixed(1)} MB ` +
      `after each ${saveFreq}`,
  );
  for (const [way, list] of Object.entries(times)) {
    const time = median(list);
    const share = `${((time - base) / time * 100).toFixed(0)} % of the time`;
    const made = counts[way] > 0 ? `, ${counts[way]} written` : "";
    console.log(
      `${time.toFixed(0).padStart(6)} ms  ${way}${time === base ? "" : `: ${share}${made}`}`,
    );
  }
  console.log(
    `${(1000 * megabytes / ours).toFixed(0).padStart(6)} MB/s a whole backup, ` +
      `${(1000 * megabytes / plain).toFixed(0)} MB/s a plain write with fsync: ` +
      `${(ours / plain).toFixed(1)} times as long`,
  );
} finally {
  await rm(folder, { recursive: true });
}
