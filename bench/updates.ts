/**
 * `fit`, which updates a variable by one kernel, against bare `model.fit` of TensorFlow.js, in one run
 * and in turns. Ratios of medians; below 1 is faster than TensorFlow.js.
 *
 * ```sh
 * node --import tsx bench/updates.ts
 * ```
 */
import * as tf from "@tensorflow/tfjs";
import { fit } from "keepfit";
import { getRuntime, useBackend } from "keepfit/runtime";
import { pair, type Row } from "./pair.ts";

const optimizers: Record<string, () => tf.Optimizer> = {
  SGD: () => tf.train.sgd(0.01),
  RMSProp: () => tf.train.rmsprop(0.001),
  Adam: () => tf.train.adam(0.001),
};

async function fitRow(backend: string, name: string, sizes: number[]): Promise<Row> {
  const [inputs, hidden, outputs] = sizes;
  const build = () => {
    const model = tf.sequential();
    model.add(tf.layers.dense({ units: hidden, inputShape: [inputs], activation: "relu" }));
    model.add(tf.layers.dense({ units: outputs }));
    model.compile({ optimizer: optimizers[name](), loss: "meanSquaredError" });
    return model;
  };
  const [ours, theirs] = [build(), build()];
  const rows = backend === "cpu" && inputs > 100 ? 128 : 1024;
  const [x, y] = [tf.randomNormal([rows, inputs]), tf.randomNormal([rows, outputs])];
  const [keepfit, tfjs] = await pair(
    () => fit(ours, x, y, { batchSize: 32, verbose: 0 }),
    () => theirs.fit(x, y, { batchSize: 32, verbose: 0 }),
    9,
  );
  tf.dispose([x, y]);
  const what = `${name}, fit of ${sizes.join("-")} / bare model.fit`;
  return { what, backend, ratio: keepfit / tfjs, keepfit, tfjs };
}

const { name, version } = getRuntime();
console.log(`${name} ${version}, tfjs ${tf.version_core}; a ratio below 1 is faster than tfjs`);
for (const backend of ["cpu", "wasm"] as const) {
  await useBackend(tf, backend);
  const rows: Row[] = [];
  for (const optimizer of Object.keys(optimizers)) {
    for (const sizes of [[8, 16, 1], [784, 128, 10]]) {
      rows.push(await fitRow(backend, optimizer, sizes));
    }
  }
  for (const { what, ratio } of rows) {
    console.log(`${ratio.toPrecision(2).padStart(6)}  ${backend.padEnd(5)} ${what}`);
  }
}
