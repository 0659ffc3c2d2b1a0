import type * as tf from "@tensorflow/tfjs";
import type { Params } from "../core/callback.ts";
import type { CallbackList } from "../core/callback_list.ts";
import { History } from "../core/history.ts";
import type { TrainableModel } from "../core/model.ts";
import { type Compiled, compiledParts } from "./compiled.ts";
import {
  type BatchSource,
  type DatasetLike,
  datasetSource,
  type HostCopies,
  isDataset,
  type Tensors,
  tensorSource,
  type TensorSourceOptions,
} from "./data.ts";
import { type Engine, getEngine, readsSynchronously } from "./engine.ts";
import { measuresOf, RunningMeans } from "./metrics.ts";
import {
  epochLogs,
  isPromise,
  logKeys,
  makeList,
  type RunOptions,
  runTest,
  Turns,
  wholeNumber,
  withList,
} from "./run.ts";
import { freshSeed } from "./shuffle.ts";
import { trainStep } from "./step.ts";

/** Tensors to validate with: inputs, targets and, if wanted, weights of the rows. */
export type ValidationTensors =
  | readonly [x: Tensors, y: Tensors]
  | readonly [x: Tensors, y: Tensors, sampleWeight: Tensors];

/** Options that fit and fitDataset share. */
export interface TrainOptions extends RunOptions {
  /** The final epoch's number: training stops before it. Default: 1. */
  epochs?: number;
  /** Epoch to start at, when going on with an earlier run. Default: 0. */
  initialEpoch?: number;
  /** Validate after every n-th epoch, or after these (counted from 1). Default: 1. */
  validationFreq?: number | readonly number[];
  /** Rows of a validation batch; for tensors. Default: `batchSize`, else 32. */
  validationBatchSize?: number;
  /** Batches to validate with. Default: all. */
  validationSteps?: number;
  /** Weight of each class in the training loss; multiplies sample weights. */
  classWeight?: TensorSourceOptions["classWeight"];
  /** Data to validate with after an epoch. */
  validationData?: ValidationTensors | DatasetLike;
}

/** Options of {@linkcode fit}. */
export interface FitOptions extends TrainOptions {
  /** Rows of a batch. Default: 32. */
  batchSize?: number;
  /** Part of the rows, the last ones before shuffling, to validate with: 0 to below 1. */
  validationSplit?: number;
  /** New order of the rows each epoch, or of whole batches with `"batch"`. Default: true. */
  shuffle?: boolean | "batch";
  /** Makes the order of the rows the same on every runtime. Default: a fresh one, in `params`. */
  seed?: number;
  /** Weight of each row in the loss, shape [rows] or [rows, steps]; for several outputs one each. */
  sampleWeight?: Tensors;
  /** Batches of an epoch. The next epoch goes on where this one ended. Default: all. */
  stepsPerEpoch?: number;
}

/** Options of {@linkcode fitDataset}. */
export interface FitDatasetOptions extends TrainOptions {
  /** Batches of an epoch, from one iterator that runs on. Default: all, from a new one each epoch. */
  stepsPerEpoch?: number;
  /** tfjs's name of {@linkcode FitDatasetOptions.stepsPerEpoch}. */
  batchesPerEpoch?: number;
  /** tfjs's name of {@linkcode TrainOptions.validationSteps}. */
  validationBatches?: number;
}

/**
 * Train a model on tensors, with callbacks.
 *
 * Takes what `model.fit` of TensorFlow.js takes and what Keras has beyond it. See
 * {@linkcode Callback} for the loop, and `docs/differences.md` for each deliberate difference.
 *
 * @param model a compiled `tf.LayersModel` or `tf.Sequential`
 * @param x inputs: a tensor of shape [rows, ...], or one for each input, in order or by name
 * @param y targets: a tensor, or one for each output, in order or by name
 * @param options how to train; see {@linkcode FitOptions}
 * @returns what happened, epoch by epoch
 * @throws TypeError when the model is not compiled, or the data is of another form than it needs
 * @throws RangeError for shapes that do not fit, data without rows, options out of range
 * @throws CallbackError when a callback fails and its `onError` does not say otherwise
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
  model: tf.LayersModel,
  x: Tensors,
  y: Tensors,
  options: FitOptions = {},
): Promise<History> {
  if (isDataset(x)) {
    throw new TypeError(
      "Cannot fit tensors from a dataset: call fitDataset(model, dataset, options)",
    );
  }
  const { batchSize = 32, validationSplit } = options;
  const seed = wholeNumber("seed", options.seed, 0) ?? freshSeed();
  const engine = getEngine();
  const compiled = compiledParts(model, "fit");
  const copies: HostCopies = new Map();
  const train = (range?: [number, number]) =>
    tensorSource(engine, compiled, x, y, {
      batchSize,
      range,
      copies,
      seed,
      shuffle: options.shuffle ?? true,
      steps: wholeNumber("stepsPerEpoch", options.stepsPerEpoch, 1),
      sampleWeight: options.sampleWeight,
      classWeight: options.classWeight,
      role: "training",
    });
  return await closing(async (keep) => {
    let validation: BatchSource | undefined;
    let training: BatchSource;
    if (options.validationData === undefined && validationSplit) {
      const rows = rowsOf(x);
      const split = Math.floor(rows * (1 - validationSplit));
      if (!(validationSplit > 0 && validationSplit < 1) || split < 1 || split >= rows) {
        throw new RangeError(
          `Cannot use validationSplit ${validationSplit} of ${rows} rows: it must leave at least ` +
            `one row to train with and one to validate with`,
        );
      }
      training = keep(await train([0, split]));
      validation = keep(
        await tensorSource(engine, compiled, x, y, {
          batchSize: options.validationBatchSize ?? batchSize,
          range: [split, rows],
          copies,
          sampleWeight: options.sampleWeight,
          steps: wholeNumber("validationSteps", options.validationSteps, 1),
          role: "validation",
        }),
      );
    } else {
      training = keep(await train());
      validation = await validationSource(engine, compiled, options, batchSize);
      if (validation !== undefined) keep(validation);
    }
    return await trainLoop(model, engine, compiled, training, validation, options, {
      batchSize,
      seed,
    });
  });
}

/**
 * Train a model on a dataset, with callbacks: a `tf.data.Dataset`, any iterable of batches, or a
 * generator function. Iterators are closed also when training stops early.
 *
 * @param model a compiled `tf.LayersModel` or `tf.Sequential`
 * @param dataset batches `{ xs, ys, sampleWeight? }` or `[xs, ys, sampleWeight?]`; the loop disposes
 *   their tensors
 * @param options how to train; see {@linkcode FitDatasetOptions}
 * @returns what happened, epoch by epoch
 * @throws TypeError when the model is not compiled, or a batch is of another form than it needs
 * @throws RangeError for shapes that do not fit, and for a dataset without batches
 * @throws CallbackError when a callback fails and its `onError` does not say otherwise
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
  model: tf.LayersModel,
  dataset: DatasetLike,
  options: FitDatasetOptions = {},
): Promise<History> {
  if (!isDataset(dataset)) {
    throw new TypeError(
      "Cannot read this dataset: it must be a tf.data.Dataset, an iterable or a function that " +
        "gives an iterator; for tensors call fit(model, x, y, options)",
    );
  }
  const engine = getEngine();
  const compiled = compiledParts(model, "fit");
  const steps = options.stepsPerEpoch ?? options.batchesPerEpoch;
  return await closing(async (keep) => {
    const training = keep(datasetSource(engine, compiled, dataset, {
      steps: wholeNumber("stepsPerEpoch", steps, 1),
      classWeight: options.classWeight,
      role: "training",
    }));
    const validationSteps = options.validationSteps ?? options.validationBatches;
    const validation = await validationSource(
      engine,
      compiled,
      { ...options, validationSteps },
      32,
    );
    if (validation !== undefined) keep(validation);
    return await trainLoop(model, engine, compiled, training, validation, options, {});
  });
}

async function trainLoop(
  model: tf.LayersModel,
  engine: Engine,
  compiled: Compiled,
  training: BatchSource,
  validation: BatchSource | undefined,
  options: TrainOptions,
  known: { batchSize?: number; seed?: number },
): Promise<History> {
  const epochs = wholeNumber("epochs", options.epochs, 0) ?? 1;
  const initialEpoch = wholeNumber("initialEpoch", options.initialEpoch, 0) ?? 0;
  const due = validationDue(options.validationFreq);
  const params: Params = {
    verbose: options.verbose ?? "auto",
    epochs,
    steps: training.steps,
    initialEpoch,
    batchSize: known.batchSize ?? null,
    samples: training.samples,
    doValidation: validation !== undefined,
    metrics: logKeys(compiled, validation !== undefined),
    directions: compiled.directions,
    seed: known.seed,
  };
  const turns = new Turns(options);
  const state = compiled.network as unknown as { isTraining?: boolean };
  if (state.isTraining) {
    throw new TypeError("Cannot fit: the model is in another fit already; await that one first");
  }
  const list = makeList(model, options, params, true);
  const flags = model as unknown as TrainableModel;
  state.isTraining = true;
  try {
    return await withList(list, async () => {
      flags.stopTraining = false;
      await list.onTrainBegin();
      if (initialEpoch >= epochs) {
        console.warn(
          `keepfit: fit trains no epoch: initialEpoch is ${initialEpoch}, epochs ${epochs} ` +
            `(the number to stop before, not a count)`,
        );
      }
      let logs: Record<string, number> = {};
      for (let epoch = initialEpoch; epoch < epochs; epoch++) {
        await list.onEpochBegin(epoch);
        const means = await trainEpoch(engine, compiled, training, list, turns, flags, epoch);
        const measured = validation !== undefined && due(epoch)
          ? await runTest(model, engine, compiled, validation, list, turns)
          : undefined;
        logs = epochLogs(means, measured);
        if (Number.isNaN(logs.loss)) warnOfNaN(epoch, list);
        await list.onEpochEnd(epoch, logs);
        if (flags.stopTraining) break;
        if (options.yieldEvery !== "never") await turns.yield();
      }
      await list.onTrainEnd(logs);
      return list.history ?? new History();
    });
  } finally {
    state.isTraining = false;
  }
}

async function trainEpoch(
  engine: Engine,
  compiled: Compiled,
  source: BatchSource,
  list: CallbackList,
  turns: Turns,
  flags: TrainableModel,
  epoch: number,
): Promise<Record<string, number>> {
  const synchronous = readsSynchronously(engine);
  const means = new RunningMeans(measuresOf(compiled.outputNames, compiled.metrics), synchronous);
  const batches = source.epoch(epoch);
  try {
    const tellsBatches = list.has("onTrainBatchEnd");
    for (let index = 0;; index++) {
      // Fetched before the begin hook, so that every begin has its end.
      let batch = batches.next();
      if (isPromise(batch)) batch = await batch;
      if (batch === null) break;
      try {
        const begun = list.onTrainBatchBegin(index);
        if (isPromise(begun)) await begun;
        const counted = means.add(trainStep(engine, compiled, batch), batch.size);
        if (isPromise(counted)) await counted;
      } finally {
        batch.dispose();
      }
      if (tellsBatches) {
        let logs: Record<string, number> | undefined;
        if (list.readsBatchLogs(index)) {
          logs = synchronous ? means.logsOnHost() : await means.logs();
        }
        const ended = list.onTrainBatchEnd(index, logs);
        if (isPromise(ended)) await ended;
      }
      if (flags.stopTraining) break;
      const turn = turns.afterBatch();
      if (isPromise(turn)) await turn;
    }
    return await means.logs();
  } finally {
    means.dispose();
    await batches.close();
  }
}

async function validationSource(
  engine: Engine,
  compiled: Compiled,
  options: TrainOptions,
  batchSize: number,
): Promise<BatchSource | undefined> {
  const { validationData: data } = options;
  if (data === undefined || data === null) return undefined;
  const steps = wholeNumber("validationSteps", options.validationSteps, 1);
  // An array is iterable too, but here it is [x, y].
  if (!Array.isArray(data) && isDataset(data)) {
    return freshEachTime(() =>
      datasetSource(engine, compiled, data, { steps, role: "validation" })
    );
  }
  if (!Array.isArray(data) || data.length < 2 || data.length > 3) {
    throw new TypeError(
      "Cannot use this validationData: it must be [x, y], [x, y, sampleWeight] or a dataset",
    );
  }
  const [x, y, sampleWeight] = data as [Tensors, Tensors, Tensors?];
  return await tensorSource(engine, compiled, x, y, {
    batchSize: options.validationBatchSize ?? batchSize,
    sampleWeight,
    steps,
    role: "validation",
  });
}

/** Each validation reads the dataset from its start, also when it takes a part of it only. */
function freshEachTime(make: () => BatchSource): BatchSource {
  let current = make();
  return {
    steps: current.steps,
    samples: null,
    epoch: () => {
      current = make();
      const batches = current.epoch(0);
      return { next: () => batches.next(), close: () => current.close() };
    },
    close: () => current.close(),
  };
}

/** Close every source that was opened, whatever happens. */
async function closing<T>(
  run: (keep: (source: BatchSource) => BatchSource) => Promise<T>,
): Promise<T> {
  const sources: BatchSource[] = [];
  try {
    return await run((source) => {
      sources.push(source);
      return source;
    });
  } finally {
    for (const source of sources) await source.close();
  }
}

function validationDue(frequency: number | readonly number[] = 1): (epoch: number) => boolean {
  if (Array.isArray(frequency)) {
    const epochs = new Set(frequency);
    return (epoch) => epochs.has(epoch + 1);
  }
  const every = wholeNumber("validationFreq", frequency as number, 1) as number;
  return (epoch) => (epoch + 1) % every === 0;
}

function rowsOf(tensors: Tensors): number {
  const first = "shape" in tensors ? tensors as tf.Tensor : Object.values(tensors)[0];
  return first.shape[0];
}

const warnedOfNaN = new WeakSet<CallbackList>();

function warnOfNaN(epoch: number, list: CallbackList): void {
  if (warnedOfNaN.has(list)) return;
  warnedOfNaN.add(list);
  console.warn(
    `keepfit: the loss of epoch ${epoch} is NaN: the data holds NaN, or the learning rate is too ` +
      `high; TerminateOnNaN stops such a run at its first batch`,
  );
}
