import type * as tf from "@tensorflow/tfjs";
import type { TrainableModel } from "../core/model.ts";
import { networkOf, signatureOf } from "./compiled.ts";
import { type DatasetLike, datasetSource, isDataset, type Tensors, tensorSource } from "./data.ts";
import { getEngine } from "./engine.ts";
import { isPromise, makeList, type RunOptions, Turns, wholeNumber, withList } from "./run.ts";
import { predictStep } from "./step.ts";

/** Options of {@linkcode predict}. */
export interface PredictOptions extends RunOptions {
  /** Rows of a batch; for tensors. Default: 32. */
  batchSize?: number;
  /** Batches to predict. Default: all. */
  steps?: number;
}

/**
 * Outputs of a model for all rows, batch by batch, with the predict hooks of callbacks.
 *
 * @param model a `tf.LayersModel` or `tf.Sequential`; it need not be compiled
 * @param x inputs: a tensor of shape [rows, ...], or one for each input, in order or by name; or a
 *   dataset whose batches are such inputs, `{ xs }` or `[xs]`
 * @param options how to predict
 * @returns one tensor of shape [rows, ...] for each output, alone when there is one; the caller
 *   disposes
 * @throws TypeError when the data is of another form than the model needs
 * @throws RangeError for shapes that do not fit, and data without rows
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { predict } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const model = tf.sequential({
 *   layers: [tf.layers.dense({ units: 1, inputShape: [2], kernelInitializer: "ones" })],
 * });
 *
 * const sums = await predict(model, tf.tensor2d([[1, 2], [3, 4]]), { verbose: 0 }) as tf.Tensor;
 *
 * assert.deepEqual(await sums.array(), [[3], [7]]);
 * ```
 */
export async function predict(
  model: tf.LayersModel,
  x: Tensors | DatasetLike,
  options: PredictOptions = {},
): Promise<tf.Tensor | tf.Tensor[]> {
  const engine = getEngine();
  const signature = signatureOf(networkOf(model, "predict"));
  const { network, inputNames, inputShapes } = signature;
  const wanted = { inputNames, inputShapes };
  const { batchSize = 32 } = options;
  const steps = wholeNumber("steps", options.steps, 1);
  const source = !Array.isArray(x) && isDataset(x)
    ? datasetSource(engine, wanted, x, { steps, role: "prediction" })
    : await tensorSource(engine, wanted, x as Tensors, undefined, {
      batchSize,
      steps,
      role: "prediction",
    });
  const parts: tf.Tensor[][] = [];
  try {
    const turns = new Turns(options);
    const list = makeList(model, options, {
      verbose: options.verbose ?? "auto",
      epochs: 1,
      steps: source.steps,
      samples: source.samples,
    }, false);
    const flags = model as unknown as TrainableModel;
    await withList(list, async () => {
      flags.stopPredicting = false;
      await list.onPredictBegin();
      const batches = source.epoch(0);
      try {
        for (let index = 0;; index++) {
          let batch = batches.next();
          if (isPromise(batch)) batch = await batch;
          if (batch === null) break;
          try {
            const begun = list.onPredictBatchBegin(index);
            if (isPromise(begun)) await begun;
            parts.push(predictStep(engine, network, batch.xs));
          } finally {
            batch.dispose();
          }
          if (list.has("onPredictBatchEnd")) {
            const outputs = parts[index];
            const ended = list.onPredictBatchEnd(index, {
              outputs: outputs.length === 1 ? outputs[0] : outputs,
            });
            if (isPromise(ended)) await ended;
          }
          if (flags.stopPredicting) break;
          const turn = turns.afterBatch();
          if (isPromise(turn)) await turn;
        }
      } finally {
        await batches.close();
      }
      await list.onPredictEnd();
    });
    const outputs = parts[0].map((_, i) => joinRows(parts.map((part) => part[i])));
    return outputs.length === 1 ? outputs[0] : outputs;
  } finally {
    for (const tensor of parts.flat()) tensor.dispose();
    await source.close();
  }
}

function joinRows(parts: tf.Tensor[]): tf.Tensor {
  const [first, ...rest] = parts;
  // tfjs's types want one tensor here, its code takes many.
  return rest.length === 0 ? first.clone() : first.concat(rest as unknown as tf.Tensor, 0);
}
