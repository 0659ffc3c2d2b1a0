/**
 * Ratios of keepfit's loops to TensorFlow.js's own, on this machine, in one run.
 *
 * ```sh
 * npm run bench            # Node
 * deno task bench          # Deno
 * bun bench/run.ts         # Bun
 * ```
 */
import * as tf from "@tensorflow/tfjs";
import {
  CSVLogger,
  EarlyStopping,
  fit,
  ModelCheckpoint,
  predict,
  ReduceLROnPlateau,
} from "keepfit";
import { getRuntime, memoryFileSystem, useBackend } from "keepfit/runtime";
import { kernelRows } from "./kernels.ts";
import { pair, type Row } from "./pair.ts";

function classifier(): tf.LayersModel {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [784], units: 64, activation: "relu" }),
      tf.layers.dense({ units: 10, activation: "softmax" }),
    ],
  });
  model.compile({ optimizer: "adam", loss: "categoricalCrossentropy", metrics: ["accuracy"] });
  return model;
}

async function fitRow(backend: string, rows: number): Promise<Row> {
  const x = tf.randomUniform([rows, 784]);
  const y = tf.oneHot(tf.randomUniform([rows], 0, 10, "int32"), 10).toFloat();
  const [a, b] = [classifier(), classifier()];
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

async function predictRow(backend: string, rows: number): Promise<Row> {
  const x = tf.randomUniform([rows, 256]);
  const model = tf.sequential({ layers: [tf.layers.dense({ inputShape: [256], units: 10 })] });
  const [keepfit, tfjs] = await pair(
    async () => tf.dispose(await predict(model, x, { batchSize: 32, verbose: 0 })),
    async () => {
      const out = model.predict(x, { batchSize: 32 }) as tf.Tensor;
      await out.data();
      out.dispose();
    },
    3,
  );
  x.dispose();
  return { what: "predict / model.predict", backend, ratio: keepfit / tfjs, keepfit, tfjs };
}

// First, while tfjs has its own kernels; what follows has the training kernels on both sides.
const rows: Row[] = await kernelRows();
for (const wanted of ["cpu", "wasm"] as const) {
  const { backend } = await useBackend(tf, wanted);
  if (backend !== wanted) continue;
  rows.push(
    await fitRow(backend, backend === "cpu" ? 1024 : 4096),
    await predictRow(backend, 8192),
  );
}
const { name, version } = getRuntime();
console.log(`${name} ${version}, tfjs ${tf.version_core}; a ratio below 1 is faster than tfjs`);
for (const { what, backend, ratio, keepfit, tfjs } of rows) {
  console.log(
    `${ratio.toPrecision(2).padStart(6)}  ${backend.padEnd(5)} ${what}  ` +
      `(${keepfit.toFixed(0)} ms / ${tfjs.toFixed(0)} ms)`,
  );
}
