import type * as tf from "@tensorflow/tfjs";
import type { CallbacksArgument } from "../core/callback_list.ts";
import type { History } from "../core/history.ts";
import { random } from "../core/random.ts";
import { skipBanner } from "../tfjs/backend/banner.ts";
import type { Optimizer, Sequential, Tensor2D } from "../tfjs/types.ts";
import { fit } from "../training/fit.ts";

/** TensorFlow.js, as imported by `import * as tf from "@tensorflow/tfjs"`. */
export type TensorFlow = typeof tf;

/** Task of a small model. */
export type SmallTask = "classification" | "regression";

/** Options of {@linkcode trainSmall}. */
export interface TrainSmallOptions {
  /**
   * Task. `"regression"` is the sum of two waves (loss, mae), `"classification"` are three clouds
   * of points (loss, acc). Default: `"regression"`.
   */
  task?: SmallTask;
  /** Number of epochs. Default: 3. */
  epochs?: number;
  /** Number of training rows; the validation has a quarter of it. Default: 256. */
  rows?: number;
  /** Batch size in rows. Default: 32. */
  batchSize?: number;
  /** Seed of data, initial weights and order of rows. Default: 1. */
  seed?: number;
  /** Whether to validate after each epoch. Default: true. */
  validation?: boolean;
  /** Optimizer. Default: SGD with learning rate 0.05, which has no tensors of state. */
  optimizer?: Optimizer;
}

/** Result of {@linkcode trainSmall}. */
export interface SmallTraining {
  /** Result of `fit`. */
  history: History;
  /** The trained model. */
  model: Sequential;
  /** Training rows. */
  x: Tensor2D;
  /** Targets of the rows in `x`. */
  y: Tensor2D;
  /** Number of tensors left after the run; more than 0 is a leak, usually in a callback. */
  tensorsLeft: number;
  /** Dispose the model and its data. */
  dispose(): void;
}

/**
 * Train a small model with callbacks. A training takes about a second and always has the same data,
 * initial weights and order of rows.
 *
 * @param tensorflow TensorFlow.js, as your program imports it
 * @param callbacks callbacks in any form that `fit` takes
 * @param options task and length of the training
 * @returns history and model
 * @throws CallbackError if a callback fails, unless its `onError` says otherwise
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { trainSmall } from "keepfit/testing";
 * import assert from "node:assert/strict";
 *
 * let batches = 0;
 * const training = await trainSmall(tf, { onTrainBatchEnd: () => void batches++ });
 * assert.equal(batches, 3 * 256 / 32);
 * assert(training.history.history.loss[2] < training.history.history.loss[0]);
 * assert.equal(training.tensorsLeft, 0);
 * training.dispose();
 * ```
 */
export async function trainSmall(
  tensorflow: TensorFlow,
  callbacks: CallbacksArgument,
  options: TrainSmallOptions = {},
): Promise<SmallTraining> {
  const { epochs = 3, batchSize = 32, seed = 1, validation = true } = options;
  const { model, x, y, validationData, dispose } = makeSmall(tensorflow, options);
  try {
    const before = tensorflow.memory().numTensors;
    const history = await fit(model, x, y, {
      epochs,
      batchSize,
      seed,
      validationData: validation ? validationData : undefined,
      verbose: 0,
      callbacks,
    });
    return {
      history,
      model,
      x,
      y,
      tensorsLeft: tensorflow.memory().numTensors - before,
      dispose,
    };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** A small model with its data before training. */
export interface SmallWorld {
  model: Sequential;
  x: Tensor2D;
  y: Tensor2D;
  validationData: [Tensor2D, Tensor2D];
  /** Dispose model and data. */
  dispose(): void;
}

/** Create model and data of {@linkcode trainSmall}. */
export function makeSmall(tensorflow: TensorFlow, options: TrainSmallOptions = {}): SmallWorld {
  // Initialize the default backend only if there is none; otherwise it would replace the current
  // one.
  tensorflow.backend();
  skipBanner(tensorflow);
  const { task = "regression", rows = 256, seed = 1 } = options;
  const own = options.optimizer === undefined;
  const optimizer = options.optimizer ?? tensorflow.train.sgd(0.05);
  const { fraction } = random(seed);
  const make = task === "regression" ? wave : cloud;
  const [x, y] = tensorsOf(tensorflow, make, rows, fraction);
  const validationData = tensorsOf(tensorflow, make, Math.ceil(rows / 4), fraction);
  const dense = (units: number, nth: number, more: object) =>
    tensorflow.layers.dense({
      units,
      kernelInitializer: tensorflow.initializers.glorotUniform({ seed: seed + nth }),
      ...more,
    });
  const isRegression = task === "regression";
  const model = tensorflow.sequential({
    layers: [
      dense(8, 0, { inputShape: [2], activation: "relu" }),
      dense(isRegression ? 1 : 3, 1, isRegression ? {} : { activation: "softmax" }),
    ],
  });
  model.compile({
    optimizer,
    loss: isRegression ? "meanSquaredError" : "categoricalCrossentropy",
    metrics: [isRegression ? "mae" : "accuracy"],
  });
  return {
    model,
    x,
    y,
    validationData,
    dispose() {
      tensorflow.dispose([x, y, ...validationData]);
      model.dispose();
      if (own) optimizer.dispose();
    },
  };
}

/** A row: input and target. */
type MakeRow = (fraction: () => number) => [x: [number, number], y: number[]];

const wave: MakeRow = (fraction) => {
  const [a, b] = [2 * fraction() - 1, 2 * fraction() - 1];
  return [[a, b], [Math.sin(2 * a) + 0.5 * Math.cos(3 * b) + 0.05 * (fraction() - 0.5)]];
};

const cloud: MakeRow = (fraction) => {
  const kind = Math.floor(3 * fraction());
  const angle = 2 * Math.PI * kind / 3;
  const spread = (): number => 0.6 * (fraction() + fraction() - 1);
  return [
    [Math.cos(angle) + spread(), Math.sin(angle) + spread()],
    [0, 1, 2].map((one) => one === kind ? 1 : 0),
  ];
};

function tensorsOf(
  tensorflow: TensorFlow,
  make: MakeRow,
  rows: number,
  fraction: () => number,
): [Tensor2D, Tensor2D] {
  const made = Array.from({ length: rows }, () => make(fraction));
  return [
    tensorflow.tensor2d(made.map(([x]) => x)),
    tensorflow.tensor2d(made.map(([, y]) => y)),
  ];
}
