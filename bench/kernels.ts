import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { registerTrainingKernels } from "keepfit/backend/kernels";
import { pair, type Row } from "./pair.ts";

const theirs = tf.getKernelsForBackend("wasm");

/** Training steps on wasm with keepfit's kernels, against tfjs's cpu and against its own wasm. */
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
    await stepRow("dense 784-256-10", dense, 20, 5, wasm(ours), wasm(theirs)),
    await stepRow("LSTM, 28 steps", lstm, 5, 5, wasm(ours), wasm(theirs)),
  ];
  await wasm(ours)();
  return rows;
}

async function stepRow(
  what: string,
  layers: () => tf.layers.Layer[],
  steps: number,
  rounds: number,
  ours: () => Promise<boolean>,
  theirs: () => Promise<boolean>,
): Promise<Row> {
  const train = async (start: () => Promise<boolean>) => {
    await start();
    const model = tf.sequential({ layers: layers() });
    model.compile({ optimizer: "adam", loss: "categoricalCrossentropy" });
    const x = tf.randomUniform([32, ...model.inputs[0].shape.slice(1) as number[]]);
    const y = tf.oneHot(tf.randomUniform([32], 0, 10, "int32"), 10).toFloat();
    return async () => {
      await start();
      for (let step = 0; step < steps; step++) await model.trainOnBatch(x, y);
    };
  };
  const [keepfit, tfjs] = await pair(await train(ours), await train(theirs), rounds);
  return { what: `training step, ${what}`, backend: "wasm", ratio: keepfit / tfjs, keepfit, tfjs };
}

const softmax = () => tf.layers.dense({ units: 10, activation: "softmax" });

function convnet(): tf.layers.Layer[] {
  return [
    tf.layers.conv2d({ inputShape: [28, 28, 1], filters: 16, kernelSize: 3, activation: "relu" }),
    tf.layers.maxPooling2d({ poolSize: 2 }),
    tf.layers.conv2d({ filters: 32, kernelSize: 3, activation: "relu" }),
    tf.layers.maxPooling2d({ poolSize: 2 }),
    tf.layers.flatten(),
    softmax(),
  ];
}

function dense(): tf.layers.Layer[] {
  return [
    tf.layers.dense({ inputShape: [784], units: 256, activation: "relu" }),
    softmax(),
  ];
}

function lstm(): tf.layers.Layer[] {
  return [tf.layers.lstm({ inputShape: [28, 28], units: 64 }), softmax()];
}
