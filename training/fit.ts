import type { History } from "../core/history.ts";
import { compiledParts } from "../tfjs/compiled.ts";
import type { LayersModel } from "../tfjs/types.ts";
import {
  checkDataset,
  checkNotOfTensors,
  type DatasetLike,
  decidedByDataset,
  describeValue,
  isDataset,
  type Tensors,
} from "./data/data.ts";
import { datasetSource } from "./data/dataset_source.ts";
import { getEngine } from "../tfjs/engine.ts";
import { closing, oneOf, readOptions, wholeNumber } from "./run.ts";
import { tensorSource } from "./data/tensor_source.ts";
import { trainLoop, type TrainOptions, trainOptions } from "./train_loop.ts";
import { validationBatch, validationSource } from "./validation.ts";

export type { TrainOptions } from "./train_loop.ts";
export type { ValidationOptions, ValidationTensors } from "./validation.ts";

/** Options of {@linkcode fit}. */
export interface FitOptions extends TrainOptions {
  /**
   * Batch size in rows. Default: 32, or the one that a stateful model requires. With
   * `stepsPerEpoch`, as in Keras, the size with which an epoch has all rows.
   */
  batchSize?: number;
  /**
   * Fraction of the rows to validate on, from 0 to below 1: the last rows before shuffling.
   * Default: 0.
   */
  validationSplit?: number;
  /** Shuffle the rows in each epoch, or whole batches with `"batch"`. Default: true. */
  shuffle?: boolean | "batch";
  /**
   * Weight of each row in the loss, of shape [rows] or [rows, steps]; one for each of several
   * outputs. Default: 1.
   */
  sampleWeight?: Tensors;
  /** Batches per epoch. The next epoch continues where this one ended. Default: all. */
  stepsPerEpoch?: number;
}

/** Options of {@linkcode fitDataset}. */
export interface FitDatasetOptions extends TrainOptions {
  /**
   * Batches per epoch, from one iterator that continues. Default: all, from a new iterator for each
   * epoch.
   */
  stepsPerEpoch?: number;
  /** tfjs's name of {@linkcode FitDatasetOptions.stepsPerEpoch}. */
  batchesPerEpoch?: number;
  /** tfjs's name of {@linkcode ValidationOptions.validationSteps}. */
  validationBatches?: number;
}

/**
 * Train a model on tensors, with callbacks.
 *
 * Takes the arguments of TensorFlow.js's `model.fit` and those that Keras adds. See
 * {@linkcode Callback} for the loop, and `docs/differences.md` for each deliberate difference.
 *
 * @param model a compiled `tf.LayersModel` or `tf.Sequential`
 * @param x inputs: a tensor of shape [rows, ...], or one for each input, in order or by name
 * @param y targets: a tensor, or one for each output, in order or by name
 * @param options epochs, callbacks, validation and more
 * @returns the history of the run, epoch by epoch
 * @throws TypeError if the model is not compiled, or the data has the wrong form
 * @throws RangeError for shapes that do not match the model, data without rows, and options out of
 * range
 * @throws CallbackError if a callback fails and its `onError` is `"throw"`
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { fit } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
 * model.compile({ optimizer: tf.train.sgd(0.1), loss: "meanSquaredError" });
 * const x = tf.tensor2d([[-1], [0], [1], [2]]);
 * const y = tf.tensor2d([[-3], [-1], [1], [3]]);
 *
 * const history = await fit(model, x, y, { epochs: 50, seed: 1, verbose: 0 });
 *
 * assert.equal(history.epoch.length, 50);
 * assert(history.history.loss[49] < 0.01);
 * ```
 */
export async function fit(
  model: LayersModel,
  x: Tensors,
  y: Tensors,
  options?: FitOptions | null,
): Promise<History> {
  if (isDataset(x)) {
    throw new TypeError(
      "Cannot fit tensors from a dataset: call fitDataset(model, dataset, options)",
    );
  }
  options = readOptions("fit", options, fitOptions);
  const { validationSplit = 0, shuffle = true, signal } = options;
  checkShuffle(options.shuffle);
  const engine = getEngine();
  const compiled = compiledParts(model, "fit");
  const splits = validationSplit !== 0 && !options.validationData;
  const splitAt = (rows: number) => splitRows(rows, validationSplit);
  const source = await tensorSource(engine, compiled, x, y, {
    batchSize: options.batchSize,
    range: splits ? (rows) => [0, splitAt(rows)] : undefined,
    shuffle,
    steps: wholeNumber("stepsPerEpoch", options.stepsPerEpoch, 1),
    wraps: true,
    sampleWeight: options.sampleWeight,
    classWeight: options.classWeight,
    role: "training",
  });
  return await closing(source, async () => {
    const validation = splits
      ? await tensorSource(engine, compiled, x, y, {
        ...validationBatch(options),
        range: (rows) => [splitAt(rows), rows],
        sampleWeight: options.sampleWeight,
        steps: wholeNumber("validationSteps", options.validationSteps, 1),
        role: "validation",
      })
      : await validationSource(engine, compiled, options);
    const training = { model, engine, compiled, source, validation, shuffle };
    return await closing(validation ?? nothing, () => trainLoop(training, options), signal);
  }, signal);
}

/**
 * Train a model on a dataset, with callbacks: a `tf.data.Dataset`, any iterable of batches, or a
 * generator function. Iterators are closed even if training stops early.
 *
 * A run that `BackupAndRestore` resumes continues at its position in the dataset. With
 * `stepsPerEpoch`, the batches of earlier epochs are read again and skipped. For a `tf.data`
 * dataset, the iterators of earlier epochs are created again, because the order of a `shuffle` with
 * a seed depends on their number. A shuffle without a seed has another order in each process, and a
 * resumed run warns about it; {@linkcode shuffledDataset} derives the order from the run's seed.
 *
 * @param model a compiled `tf.LayersModel` or `tf.Sequential`
 * @param dataset batches `{ xs, ys, sampleWeight? }` or `[xs, ys, sampleWeight?]`; the loop disposes
 *   their tensors
 * @param options epochs, callbacks, validation and more
 * @returns the history of the run, epoch by epoch
 * @throws TypeError if the model is not compiled, or a batch has the wrong form
 * @throws RangeError for shapes that do not match the model, and a dataset without batches
 * @throws CallbackError if a callback fails and its `onError` is `"throw"`
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { fitDataset } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
 * model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
 *
 * const history = await fitDataset(model, function* () {
 *   for (let i = 0; i < 3; i++) yield { xs: tf.ones([4, 1]), ys: tf.ones([4, 1]) };
 * }, { epochs: 2, verbose: 0 });
 *
 * assert.equal(history.history.loss.length, 2);
 * ```
 */
export async function fitDataset(
  model: LayersModel,
  dataset: DatasetLike,
  options?: FitDatasetOptions | null,
): Promise<History> {
  checkDataset(dataset, "fit(model, x, y, options)");
  checkNotOfTensors(options);
  options = readOptions("fitDataset", options, fitDatasetOptions, decidedByDataset);
  const engine = getEngine();
  const compiled = compiledParts(model, "fit");
  const steps = oneOf(options, "stepsPerEpoch", "batchesPerEpoch");
  const source = datasetSource(engine, compiled, dataset, {
    steps: wholeNumber("stepsPerEpoch", steps, 1),
    wraps: true,
    classWeight: options.classWeight,
    role: "training",
  });
  const validationSteps = oneOf(options, "validationSteps", "validationBatches");
  const validation = await validationSource(engine, compiled, {
    ...options,
    validationSteps,
  });
  const training = { model, engine, compiled, source, validation };
  const { signal } = options;
  return await closing(
    source,
    () => closing(validation ?? nothing, () => trainLoop(training, options), signal),
    signal,
  );
}

const fitOptions: Record<keyof FitOptions, true> = {
  ...trainOptions,
  batchSize: true,
  validationSplit: true,
  shuffle: true,
  sampleWeight: true,
  stepsPerEpoch: true,
};

const fitDatasetOptions: Record<keyof FitDatasetOptions, true> = {
  ...trainOptions,
  stepsPerEpoch: true,
  batchesPerEpoch: true,
  validationBatches: true,
};

/** Placeholder for missing validation data. */
const nothing = { close: () => {} };

function checkShuffle(shuffle: unknown): void {
  if (shuffle === undefined || typeof shuffle === "boolean" || shuffle === "batch") return;
  throw new RangeError(
    `Cannot use shuffle: expected true, false or "batch", got ${describeValue(shuffle)}`,
  );
}

/** First row of the validation split, as in tfjs and Keras. */
function splitRows(rows: number, validationSplit: number): number {
  if (typeof validationSplit !== "number") {
    throw new RangeError(
      `Cannot use validationSplit: expected a number from 0 to below 1, got ` +
        describeValue(validationSplit),
    );
  }
  const at = Math.floor(rows * (1 - validationSplit));
  if (at >= 1 && at < rows) return at;
  throw new RangeError(
    `Cannot use validationSplit ${validationSplit} of ${rows} rows: it must leave at least one ` +
      `row for training and one for validation`,
  );
}
