import * as tf from "@tensorflow/tfjs";
import { useBackend } from "keepfit";
import type { Kind } from "./training.ts";

const hasWebGpu = await useBackend(tf, "webgpu").then(() => true, () => false);

/** Runs that the suites of this folder interrupt, by description. */
export const kinds: Record<string, Kind> = {
  "saved after each epoch": {},
  "saved after each batch, with lines of batches": { saveFreq: 1, batchLines: true },
  "saved after some time": { saveEvery: { seconds: 0.02 } },
  "that appends to its logs": { append: true, saveFreq: 3 },
  "with dropout and noise": { model: "dropout", saveFreq: 2 },
  "with averages of the weights": { model: "average", saveFreq: 3 },
  "whose files are written in the background": { background: true, saveFreq: 3 },
  "that stops early": { stops: true, append: true },
  "of an LSTM with dropout": { model: "lstm", saveFreq: 3 },
  "of an LSTM whose states outlive a batch": { model: "stateful", saveFreq: 1 },
  "with all callbacks that have a state": { catalog: true, saveFreq: 2, batchLines: true },
  "with all callbacks that have a state, whose files are written in the background": {
    catalog: true,
    background: true,
    append: true,
    saveFreq: 1,
  },
  "whose batch hooks are called for every third batch": {
    stepsPerExecution: 3,
    catalog: true,
    batchLines: true,
    saveFreq: 2,
  },
  "with a convolution and batch normalization": { model: "conv", saveFreq: 2 },
  "with two outputs": { model: "outputs", saveFreq: 3 },
  "on a generator that continues across epochs": { source: "steps", saveFreq: 2 },
  "on a generator": { source: "generator", saveFreq: 3 },
  "on a shuffled dataset": { source: "shuffled", saveFreq: 2 },
  "on a dataset with an order for each pass": { source: "ours", saveFreq: 3, background: true },
  "without compiled steps": { jitCompile: false, saveFreq: 2 },
  "on wasm": { backend: "wasm", saveFreq: 2, background: true },
  "on wasm, without compiled steps": { backend: "wasm", jitCompile: false, saveFreq: 3 },
  "of an LSTM with dropout on wasm": { backend: "wasm", model: "lstm", saveFreq: 2 },
  "with a convolution and batch normalization on wasm": {
    backend: "wasm",
    model: "conv",
    saveFreq: 3,
  },
  "of an LSTM whose states outlive a batch on wasm": {
    backend: "wasm",
    model: "stateful",
    saveFreq: 3,
    background: true,
  },
  "with averages of the weights on wasm": { backend: "wasm", model: "average" },
  ...hasWebGpu && {
    "on WebGPU": { backend: "webgpu", saveFreq: 2, background: true },
    "of an LSTM whose states outlive a batch on WebGPU": {
      backend: "webgpu",
      model: "stateful",
      saveFreq: 3,
    },
  },
};
