import { warnOfUnknownOption } from "../core/unknown_option.ts";
import type { Dataset } from "../tfjs/types.ts";
import type { DatasetPass, PassDataset } from "./data/data.ts";

/** Options of {@linkcode shuffledDataset}. */
export interface ShuffledDatasetOptions {
  /**
   * Number of buffered elements from which the next one is drawn. The size of the dataset gives a
   * uniform shuffle.
   */
  bufferSize: number;
  /**
   * Function that batches the shuffled elements, and applies further steps such as `map`,
   * `prefetch` or `repeat`. Called for each pass over the data.
   */
  prepare: (shuffled: Dataset) => Dataset;
  /** Seed of the order, an integer. Default: the seed of the run. */
  seed?: number;
}

/**
 * Create a `tf.data` dataset with a new order in each epoch, which depends only on a seed and the
 * number of the epoch. The order is the same in a run that `BackupAndRestore` resumes, wherever it
 * was killed, in a run that starts at a later epoch, and after other runs in the process.
 *
 * In TensorFlow.js, the order of `dataset.shuffle(n)` depends on the clock, and that of
 * `dataset.shuffle(n, seed)` on the number of iterators in the process.
 *
 * @param dataset single elements `{ xs, ys }`, not batches
 * @param options buffer size, batching and seed
 * @returns a dataset for `fitDataset`
 * @throws TypeError if `dataset`, or the result of `prepare`, is not a `tf.data` dataset
 * @throws RangeError for a `bufferSize` that is not a whole number above 0, and a `seed` that is not a
 *   whole number of at least 0
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * import { fitDataset, shuffledDataset } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const rows = Array.from({ length: 100 }, (_, i) => ({ xs: [i / 100], ys: [i / 50] }));
 * const dataset = shuffledDataset(tf.data.array(rows), {
 *   bufferSize: 100,
 *   prepare: (shuffled) => shuffled.batch(10),
 * });
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
 * model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
 *
 * const history = await fitDataset(model, dataset, { epochs: 2, seed: 1, verbose: 0 });
 *
 * assert.equal(dataset.size, 10);
 * assert.equal(history.epoch.length, 2);
 * ```
 */
export function shuffledDataset(dataset: Dataset, options: ShuffledDatasetOptions): PassDataset {
  const { bufferSize, prepare, seed, ...others } = options;
  for (const name of Object.keys(others)) {
    warnOfUnknownOption("shuffledDataset", name, ["bufferSize", "prepare", "seed"]);
  }
  if (!isTfDataset(dataset)) {
    throw new TypeError(
      "Cannot shuffle this dataset: expected a tf.data.Dataset, such as tf.data.array(rows)",
    );
  }
  if (!Number.isSafeInteger(bufferSize) || bufferSize < 1) {
    throw new RangeError(
      `Cannot use bufferSize ${String(bufferSize)}: it must be a whole number >= 1`,
    );
  }
  if (seed !== undefined && !(Number.isSafeInteger(seed) && seed >= 0)) {
    throw new RangeError(`Cannot use seed ${String(seed)}: it must be a whole number >= 0`);
  }
  if (typeof prepare !== "function") {
    throw new TypeError(
      "Cannot shuffle a dataset: prepare must be a function, such as (shuffled) => shuffled.batch(32)",
    );
  }
  const prepared = (pass: DatasetPass): Dataset => {
    const made: unknown = prepare(
      inOrder(dataset, bufferSize, { ...pass, seed: seed ?? pass.seed }),
    );
    if (isTfDataset(made)) return made;
    throw new TypeError(
      "Cannot shuffle a dataset: prepare must return a tf.data.Dataset, such as shuffled.batch(32)",
    );
  };
  const { size } = prepared({ pass: 0, seed: 0 });
  return { size, iterator: async (pass) => await prepared(pass).iterator() };
}

/**
 * The dataset with shuffled iterators. Iterators of one pass, as created by `repeat`, also differ.
 */
function inOrder(dataset: Dataset, bufferSize: number, { pass, seed }: DatasetPass): Dataset {
  let round = 0;
  const iterator = async () =>
    (await dataset.iterator()).shuffle(bufferSize, `${seed} ${pass} ${round++}`);
  return Object.create(dataset, { iterator: { value: iterator } });
}

function isTfDataset(value: unknown): value is Dataset {
  const { batch, iterator } = (value ?? {}) as Partial<Dataset>;
  return typeof batch === "function" && typeof iterator === "function";
}
