import type * as tf from "@tensorflow/tfjs";
import type { CallbackList } from "../core/callback_list.ts";
import { batchesOfExecution } from "../core/execution.ts";
import type { TrainableModel } from "../core/model.ts";
import { getEngine } from "../tfjs/engine.ts";
import { networkOf, signatureOf } from "../tfjs/network.ts";
import type { LayersModel, Tensor } from "../tfjs/types.ts";
import { forEachBatch } from "./batch_loop.ts";
import {
  type BatchSource,
  type DatasetLike,
  disposeAll,
  isDataset,
  type Tensors,
  warnOfDatasetBatches,
} from "./data/data.ts";
import { datasetSource } from "./data/dataset_source.ts";
import { tensorSource } from "./data/tensor_source.ts";
import { EventLoopYield } from "./event_loop_yield.ts";
import {
  closing,
  readOptions,
  type RunOptions,
  runOptions,
  wholeNumber,
  withCallbacks,
} from "./run.ts";
import { makePredictStep, type PredictStep } from "./step.ts";
import { StepReport } from "./step_report.ts";

/** Options of {@linkcode predict}. */
export interface PredictOptions extends RunOptions {
  /**
   * Batch size in rows, for tensors. Default: 32, or the one that a stateful model requires. With
   * `steps`, as in Keras, the size with which they have all rows.
   */
  batchSize?: number;
  /** Batches to predict. Default: all. */
  steps?: number;
}

/**
 * Compute the outputs of a model for all rows, batch by batch, and call the predict hooks of
 * callbacks.
 *
 * @param model a `tf.LayersModel` or `tf.Sequential`; it need not be compiled
 * @param x inputs: a tensor of shape [rows, ...], or one for each input, in order or by name; or a
 *   dataset with batches of such inputs, `{ xs }` or `[xs]`
 * @param options callbacks, batches and messages
 * @returns a tensor of shape [rows, ...], or an array with one for each of several outputs; the
 * caller disposes them
 * @throws TypeError if the data has the wrong form
 * @throws RangeError for shapes that do not match the model, and data without rows
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
  model: LayersModel,
  x: Tensors | DatasetLike,
  options?: PredictOptions | null,
): Promise<Tensor | Tensor[]> {
  options = readOptions("predict", options, predictOptions);
  const engine = getEngine();
  const { inputNames, inputShapes, batchRows } = signatureOf(networkOf(model, "predict"));
  const wanted = { inputNames, inputShapes, batchRows };
  const { batchSize } = options;
  const steps = wholeNumber("steps", options.steps, 1);
  const role = "prediction";
  if (isDataset(x)) warnOfDatasetBatches("batchSize", options.batchSize);
  const source = isDataset(x)
    ? datasetSource(engine, wanted, x, { steps, role })
    : await tensorSource(engine, wanted, x, undefined, { batchSize, steps, role });
  return await closing(source, async () => {
    const eventLoop = new EventLoopYield(options);
    const params = {
      verbose: options.verbose ?? "auto",
      epochs: 1,
      steps: source.steps,
      samples: source.samples,
    };
    const parts: tf.Tensor[][] = [];
    const { jitCompile = "auto", verbose } = options;
    const report = new StepReport(engine, { verbose });
    const step = makePredictStep(engine, networkOf(model, "predict"), { jitCompile, report });
    try {
      await withCallbacks(
        model,
        options,
        params,
        false,
        (list) => predictLoop(model, source, list, eventLoop, step, parts, options),
      );
      return alone(joinBatches(parts.splice(0)));
    } finally {
      step.dispose();
      disposeAll(parts.flat());
    }
  }, options.signal);
}

const predictOptions: Record<keyof PredictOptions, true> = {
  ...runOptions,
  batchSize: true,
  steps: true,
};

/** Predict batch by batch, and add the outputs to `parts`, in the order of the rows. */
async function predictLoop(
  model: LayersModel,
  source: BatchSource,
  list: CallbackList,
  eventLoop: EventLoopYield,
  step: PredictStep,
  parts: tf.Tensor[][],
  { stepsPerExecution }: RunOptions,
): Promise<void> {
  const flags = model as unknown as TrainableModel;
  flags.stopPredicting = false;
  await list.onPredictBegin();
  await forEachBatch(source.epoch({ epoch: 0 }), eventLoop, {
    begin: (index) => list.onPredictBatchBegin(index),
    step: (batch) => void parts.push(step(batch)),
    end: list.has("onPredictBatchEnd")
      ? (index) => {
        const outputs = joinBatches(
          parts.splice(-batchesOfExecution(index, { stepsPerExecution })),
        );
        parts.push(outputs);
        return list.onPredictBatchEnd(index, { outputs: alone(outputs) });
      }
      : undefined,
    isStopped: () => flags.stopPredicting === true,
  }, { stepsPerExecution });
  await list.onPredictEnd();
}

/** A single tensor without its array. */
function alone(tensors: tf.Tensor[]): tf.Tensor | tf.Tensor[] {
  return tensors.length === 1 ? tensors[0] : tensors;
}

/** The outputs of several batches as those of one. The tensors of the batches are disposed. */
function joinBatches(batches: tf.Tensor[][]): tf.Tensor[] {
  const [first, ...rest] = batches;
  if (rest.length === 0) return first;
  try {
    return first.map((tensor, i) => {
      // tfjs's types require one tensor here, but its code accepts several.
      return tensor.concat(rest.map((tensors) => tensors[i]) as unknown as tf.Tensor, 0);
    });
  } finally {
    disposeAll(batches.flat());
  }
}
