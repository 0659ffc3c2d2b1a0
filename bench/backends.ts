/**
 * Measures a training step of 32 rows on each available backend: milliseconds, and the ratio to
 * cpu.
 *
 * ```sh
 * node --import tsx bench/backends.ts      # or: deno run -A bench/backends.ts, bun bench/backends.ts
 * ```
 *
 * Without a graphics card, set `VK_ADD_DRIVER_FILES` to a software driver for Vulkan.
 */
import * as tf from "@tensorflow/tfjs";
import { fit } from "keepfit";
import { describeBackend, getRuntime, useBackend } from "keepfit/runtime";
import { convnet, data, dense } from "./networks.ts";

const networks: Record<string, () => tf.LayersModel> = {
  "MNIST convnet": convnet,
  "dense 784-256-10": () => dense(256),
};

const { name, version } = getRuntime();
console.log(`${name} ${version}, tfjs ${tf.version_core}`);
const onCpu: Record<string, number> = {};
for (const backend of ["cpu", "wasm", "webgpu"] as const) {
  try {
    await useBackend(tf, backend);
  } catch (error) {
    console.log((error as Error).message);
    continue;
  }
  console.log(describeBackend(tf).text.split("\n").slice(0, 2).join("; "));
  for (const [network, make] of Object.entries(networks)) {
    const ms = await stepTime(make());
    onCpu[network] ??= ms;
    const ratio = (ms / onCpu[network]).toPrecision(2);
    console.log(`${ms.toFixed(1).padStart(8)} ms  ${ratio.padStart(7)} of cpu's  ${network}`);
  }
}

/** Median of the steps within two seconds, at least one, after a warm-up. */
async function stepTime(model: tf.LayersModel): Promise<number> {
  const [x, y] = data(model, 32);
  const times: number[] = [];
  const step = async () => {
    const began = performance.now();
    await fit(model, x, y, { batchSize: 32, verbose: 0 });
    return performance.now() - began;
  };
  await step();
  for (let total = 0; total < 2000; total += times.at(-1)!) times.push(await step());
  tf.dispose([x, y]);
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
}
