/**
 * A process for `signals_test.ts` that trains until it hangs and is ended by a signal. It prints
 * where it hangs, and finally the result of the run.
 */
import * as tf from "@tensorflow/tfjs";
import { BackupAndRestore, type CallbackLike, fitDataset, useBackend } from "keepfit";
import { getRuntime, interruptSignal } from "keepfit/runtime";

/** Where a run can hang. */
export type Phase =
  | "batches"
  | "validation"
  | "onTrainBatchEnd"
  | "onYield"
  | "onEpochEnd"
  | "onTrainEnd"
  | "onException"
  | "close"
  | "nowhere";

const { args, exit, fs, terminal } = getRuntime();
const [phase, directory, saveFreq] = args;
await useBackend(tf, "cpu");
const seconds = globalThis.setTimeout;
// Hooks get no time to return, so that no test waits for them; backups do.
globalThis.setTimeout =
  ((call: () => void, ms = 0) => seconds(call, ms === 5000 ? 0 : ms)) as never;

const hang = (where: Phase): Promise<never> | undefined => {
  if (where !== phase) return;
  terminal.write("there\n");
  return new Promise(() => {});
};

const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
model.compile({ optimizer: "sgd", loss: "meanSquaredError" });

const batches = (where: Phase) =>
  async function* () {
    for (let i = 0; i < 3; i++) {
      if (i === 1) await hang(where);
      yield { xs: tf.ones([2, 1]), ys: tf.ones([2, 1]) };
    }
  };
const hooks: CallbackLike = {
  onTrainBatchEnd: () => hang("onTrainBatchEnd"),
  onYield: () => hang("onYield"),
  onEpochEnd: () => hang("onEpochEnd"),
  onTrainEnd: () => hang("onTrainEnd"),
  onException: () => hang("onException"),
  close() {
    terminal.write("closing\n");
    return hang("close");
  },
  onTestEnd() {
    if (["nowhere", "onException", "close"].includes(phase)) terminal.write("there\n");
  },
};
const backup = new BackupAndRestore(`${directory}/backup`, {
  fs,
  saveFreq: saveFreq === "false" ? false : "epoch",
});
// A promise that never settles does not keep a process alive.
const alive = setInterval(() => {}, 1000);
const { signal, release } = interruptSignal();
try {
  await fitDataset(model, batches("batches"), {
    epochs: phase === "onTrainEnd" ? 1 : 1_000_000,
    verbose: 0,
    yieldEvery: "batch",
    signal,
    validationData: batches("validation"),
    callbacks: [hooks, backup],
  });
} catch (error) {
  terminal.write(`ended by ${(error as Error).message}\n`);
  exit((error as { exitCode?: number }).exitCode ?? 1);
} finally {
  clearInterval(alive);
  release();
}
