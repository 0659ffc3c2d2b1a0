/**
 * Compares keepfit's loops with TensorFlow.js's, alternating in one process. The figures are
 * ratios.
 *
 * ```sh
 * npm run bench            # Node
 * deno task bench          # Deno
 * bun bench/run.ts         # Bun
 * ```
 */
import * as tf from "@tensorflow/tfjs";
import { CSVLogger, EarlyStopping, fit, ModelCheckpoint, ReduceLROnPlateau } from "keepfit";
import { getRuntime, memoryFileSystem, useBackend } from "keepfit/runtime";
import { kernelRows } from "./kernels.ts";
import { data, dense } from "./networks.ts";
import { pair, type Row } from "./pair.ts";
import { predictRow } from "./predict.ts";
import { startRows } from "./start.ts";

async function fitRow(backend: string, rows: number): Promise<Row> {
  const [a, b] = [dense(64), dense(64)];
  const [x, y] = data(a, rows);
  const fs = memoryFileSystem();
  const callbacks = () => [
    new EarlyStopping({ monitor: "loss", patience: 9, restoreBestWeights: true }),
    new ReduceLROnPlateau({ monitor: "loss" }),
    new ModelCheckpoint("best", { monitor: "loss", saveBestOnly: true, fs }),
    new CSVLogger("log.csv", { fs }),
    { onTrainBatchEnd: () => {} },
  ];
  const [keepfit, tfjs] = await pair(
    () => fit(a, x, y, { batchSize: 32, verbose: 0, callbacks: callbacks() }),
    () => b.fit(x, y, { batchSize: 32, verbose: 0 }),
    5,
  );
  tf.dispose([x, y]);
  return {
    what: "fit, 5 callbacks / bare model.fit",
    backend,
    ratio: keepfit / tfjs,
    keepfit,
    tfjs,
  };
}

// Measured first, with tfjs's kernels; after this, both sides use the training kernels.
const rows: Row[] = [];
if (await tf.setBackend("wasm")) rows.push(await predictRow("tfjs's own kernels", 1, 15));
rows.push(...await kernelRows());
for (const backend of ["cpu", "wasm"] as const) {
  await useBackend(tf, backend);
  rows.push(
    await fitRow(backend, backend === "cpu" ? 1024 : 4096),
    await predictRow("the same kernels", 15),
  );
}
rows.push(...await startRows());
const { name, version } = getRuntime();
console.log(`${name} ${version}, tfjs ${tf.version_core}; below 1, keepfit is faster`);
for (const { what, backend, ratio, keepfit, tfjs } of rows) {
  console.log(
    `${ratio.toPrecision(2).padStart(6)}  ${backend.padEnd(5)} ${what}  ` +
      `(${keepfit.toFixed(0)} ms / ${tfjs.toFixed(0)} ms` +
      (ratio < 0.1 ? `, ${(1 / ratio).toFixed(0)} times as fast)` : ")"),
  );
}
