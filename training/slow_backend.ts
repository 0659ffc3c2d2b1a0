import type * as tf from "@tensorflow/tfjs";
import type { Engine } from "./engine.ts";

/** What a run computes with and how long it is. */
export interface RunSize {
  /** Epochs that are left to train. */
  epochs: number;
  /** Rows of an epoch; null where a dataset does not tell. */
  samples: number | null;
  /** Batches of an epoch; null where a dataset does not tell. */
  steps: number | null;
  /** Rows of a batch, where they are known. */
  batchSize?: number;
}

/** Multiply-adds of the forward passes of a run that takes cpu about ten seconds. */
const longRun = 5e8;

/** The gradients of a convolution take tfjs's cpu so many times what those of a product do. */
const convolutionCost = 30;

/** Set on a backend by `useBackend`: who has chosen it needs no hint. */
const chosenKey = Symbol.for("keepfit.backend.chosen");

let isTold = false;

/**
 * Hint, once a process, that there are faster backends than cpu: when nobody has chosen it by
 * `useBackend` and the run will take some ten seconds or more. That is estimated from the weights,
 * not measured, so that the same program prints the same everywhere.
 */
export function hintAtSlowBackend(engine: Engine, model: tf.LayersModel, run: RunSize): void {
  if (isTold || engine.backendName !== "cpu") return;
  if (chosenKey in (engine.backend as object)) return;
  if (rowsOf(run) * run.epochs * workOf(model.layers) < longRun) return;
  isTold = true;
  console.warn(
    "keepfit: this trains on cpu, TensorFlow.js's slowest backend; `await useBackend(tf)` before " +
      'it takes the fastest that works here (useBackend(tf, "cpu") keeps cpu without this hint)',
  );
}

/** Rows of an epoch; of a dataset of unknown length as many as would be few. */
function rowsOf({ samples, steps, batchSize = 32 }: RunSize): number {
  return samples ?? (steps ?? 100) * batchSize;
}

/** Multiply-adds of one row's forward pass, those of convolutions in those of products. */
function workOf(layers: tf.layers.Layer[]): number {
  let work = 0;
  for (const layer of layers) {
    if ("layers" in layer) work += workOf((layer as tf.LayersModel).layers);
    // A row looks up a few of its weights.
    else if (layer.getClassName() !== "Embedding") work += layerWork(layer);
  }
  return work;
}

/** Each weight is used once for each place in time or space that the layer sees or makes. */
function layerWork({ weights, inboundNodes }: tf.layers.Layer): number {
  const shapes = inboundNodes.flatMap((
    { inputShapes, outputShapes },
  ) => [...listOf(inputShapes), ...listOf(outputShapes)]);
  const places = Math.max(0, ...shapes.map((shape) => sizeOf(shape.slice(1, -1))));
  return weights.reduce(
    (work, { shape }) => work + places * sizeOf(shape) * (shape.length > 2 ? convolutionCost : 1),
    0,
  );
}

function listOf(shapes: tf.Shape | tf.Shape[]): tf.Shape[] {
  return (Array.isArray(shapes[0]) ? shapes : [shapes]) as tf.Shape[];
}

/** What is not known before a batch is there counts as one. */
function sizeOf(shape: tf.Shape): number {
  return shape.reduce<number>((size, length) => size * (length ?? 1), 1);
}
