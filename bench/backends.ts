/**
 * Milliseconds that a training batch of 32 takes on each backend that works here.
 *
 * ```sh
 * node --import tsx bench/backends.ts      # or: deno run -A bench/backends.ts, bun bench/backends.ts
 * ```
 */
import * as tf from "@tensorflow/tfjs";
import { fit } from "keepfit";
import { describeBackend, useBackend } from "keepfit/runtime";

const { layers } = tf;
const networks: Record<string, () => tf.layers.Layer[]> = {
  "dense 784-64-10": () => [layers.dense({ inputShape: [784], units: 64, activation: "relu" })],
  "convolution 14x14x8": () => [
    layers.reshape({ inputShape: [784], targetShape: [28, 28, 1] }),
    layers.conv2d({ filters: 8, kernelSize: 3, strides: 2, activation: "relu" }),
    layers.flatten(),
  ],
};

for (const wanted of ["cpu", "wasm", "webgpu"] as const) {
  const { backend, reasons } = await useBackend(tf, wanted);
  if (backend !== wanted) {
    console.log(`no ${wanted}: ${reasons[0].reason}`);
    continue;
  }
  console.log(describeBackend(tf).text.split("\n").slice(0, 2).join("; "));
  for (const [name, first] of Object.entries(networks)) {
    console.log(`${(await batchTime(first())).toFixed(1).padStart(8)} ms  ${name}`);
  }
}

/** The best of two epochs of 8 batches, after one that compiles. */
async function batchTime(first: tf.layers.Layer[]): Promise<number> {
  const last = layers.dense({ units: 10, activation: "softmax" });
  const model = tf.sequential({ layers: [...first, last] });
  model.compile({ optimizer: "adam", loss: "categoricalCrossentropy" });
  const x = tf.randomUniform([256, 784]);
  const y = tf.randomUniform([256, 10]);
  let best = Infinity;
  for (let run = 0; run < 3; run++) {
    const begin = performance.now();
    await fit(model, x, y, { batchSize: 32, verbose: 0 });
    if (run > 0) best = Math.min(best, (performance.now() - begin) / 8);
  }
  tf.dispose([x, y]);
  return best;
}
