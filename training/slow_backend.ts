import type * as tf from "@tensorflow/tfjs";
import type { Engine } from "../tfjs/engine.ts";
import { multiplyAddsOf } from "../tfjs/multiply_adds.ts";

/** The backend of a run, and its length. */
export interface RunSize {
  /** Remaining epochs. */
  epochs: number;
  /** Rows of an epoch; null for a dataset of unknown size. */
  samples: number | null;
  /** Batches of an epoch; null for a dataset of unknown size. */
  steps: number | null;
  /** Rows of a batch, if known. */
  batchSize?: number;
}

/** Multiply-adds in the forward passes of a run that takes about ten seconds on cpu. */
const longRun = 5e8;

/** Key that marks a backend chosen by `useBackend`. */
const chosenKey = Symbol.for("keepfit.backend.chosen");

let isTold = false;

/**
 * Print a hint about faster backends, once per process, if cpu was not chosen by `useBackend` and
 * the run will take about ten seconds or more. The time is estimated from the weights, not
 * measured, so that a program prints the same on every machine.
 */
export function hintAtSlowBackend(engine: Engine, model: tf.LayersModel, run: RunSize): void {
  if (isTold || engine.backendName !== "cpu") return;
  if (chosenKey in (engine.backend as object)) return;
  if (rowsOf(run) * run.epochs * multiplyAddsOf(model.layers) < longRun) return;
  isTold = true;
  console.warn(
    "keepfit: this trains on cpu, TensorFlow.js's slowest backend; `await useBackend(tf)` before " +
      'it selects the fastest one that works here (useBackend(tf, "cpu") keeps cpu without this ' +
      "hint)",
  );
}

/** Rows of an epoch; a dataset of unknown length counts as 100 batches. */
function rowsOf({ samples, steps, batchSize = 32 }: RunSize): number {
  return samples ?? (steps ?? 100) * batchSize;
}
