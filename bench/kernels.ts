import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { registerTrainingKernels } from "keepfit/backend/kernels";
import { convnet, data, dense, lstm } from "./networks.ts";
import { pair, type Row } from "./pair.ts";

const theirs = tf.getKernelsForBackend("wasm");

/** Training steps on wasm with keepfit's kernels, compared with tfjs on cpu and on wasm. */
export async function kernelRows(): Promise<Row[]> {
  if (!(await tf.setBackend("wasm"))) return [];
  registerTrainingKernels(tf);
  const ours = tf.getKernelsForBackend("wasm");
  const wasm = (kernels: tf.KernelConfig[]) => () => {
    for (const kernel of kernels) {
      tf.unregisterKernel(kernel.kernelName, "wasm");
      tf.registerKernel(kernel);
    }
    return tf.setBackend("wasm");
  };
  const cpu = () => tf.setBackend("cpu");
  const rows = [
    await stepRow("MNIST convnet, wasm / cpu", convnet, 1, 1, wasm(ours), cpu),
    await stepRow("dense 784-256-10", () => dense(256), 20, 5, wasm(ours), wasm(theirs)),
    await stepRow("LSTM, 28 steps", lstm, 5, 5, wasm(ours), wasm(theirs)),
  ];
  await wasm(ours)();
  return rows;
}

async function stepRow(
  what: string,
  network: () => tf.LayersModel,
  steps: number,
  rounds: number,
  ours: () => Promise<boolean>,
  theirs: () => Promise<boolean>,
): Promise<Row> {
  const train = async (start: () => Promise<boolean>) => {
    await start();
    const model = network();
    const [x, y] = data(model, 32);
    return async () => {
      await start();
      for (let step = 0; step < steps; step++) await model.trainOnBatch(x, y);
    };
  };
  const [keepfit, tfjs] = await pair(await train(ours), await train(theirs), rounds);
  return { what: `training step, ${what}`, backend: "wasm", ratio: keepfit / tfjs, keepfit, tfjs };
}
