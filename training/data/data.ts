import type * as tf from "@tensorflow/tfjs";
import type { PassOrder } from "./pass_order.ts";
import type { Dataset, Tensor } from "../../tfjs/types.ts";

/** Tensors in the forms of tfjs: one, one for each input or output, or by name. */
export type Tensors = Tensor | Tensor[] | { [name: string]: Tensor };

/** Weight of each class, by class number. */
export type ClassWeight = { [classNumber: number]: number };

/**
 * Class weights in the forms that `fit` takes: for a single output, or for each output in order or
 * by name.
 */
export type ClassWeights =
  | ClassWeight
  | (ClassWeight | undefined)[]
  | { [output: string]: ClassWeight };

/** A batch of a dataset; the loop disposes its tensors. */
export type DatasetBatch =
  | { xs: Tensors; ys?: Tensors; sampleWeight?: Tensors }
  | readonly [xs: Tensors, ys?: Tensors, sampleWeight?: Tensors];

/** Which pass over its data a dataset is asked for. */
export interface DatasetPass {
  /** 0-based number of the pass: of the epoch, where each has an iterator of its own. */
  pass: number;
  /** Seed of the run; 0 outside of training. */
  seed: number;
}

/**
 * A dataset that makes the batches of any pass, so that a resumed run has those that it would have had.
 */
export interface PassDataset {
  /** Batches of a pass. Default: unknown. */
  readonly size?: number;
  /** The batches of a pass, one after another. The parameter must be declared. */
  iterator(
    pass: DatasetPass,
  ): AsyncIterator<unknown> | Iterator<unknown> | Promise<AsyncIterator<unknown>>;
}

/**
 * A sequence of batches: a `tf.data.Dataset`, anything iterable (again for each epoch), a function
 * that returns an iterator, such as a generator function, or a {@linkcode PassDataset}. Iterators
 * are closed when the run no longer needs them, if possible.
 */
export type DatasetLike =
  | Dataset
  | PassDataset
  | AsyncIterable<DatasetBatch>
  | Iterable<DatasetBatch>
  | (() => AsyncIterator<DatasetBatch> | Iterator<DatasetBatch>);

/** One batch, ready for a step. */
export interface Batch {
  xs: tf.Tensor[];
  ys: tf.Tensor[];
  /** Weights of the rows for each output's loss; undefined for an output without weights. */
  weights: (tf.Tensor | undefined)[];
  /** Number of rows. */
  size: number;
  dispose(): void;
}

/** One pass over data, or the part of it that an epoch takes. */
export interface BatchIterator {
  /** The next batch, null at the end; a promise only if data must be awaited. */
  next(): Batch | null | Promise<Batch | null>;
  close(): void | Promise<void>;
}

/** The epoch to read, and its first batch. */
export interface EpochStart {
  /** 0-based number of the epoch. */
  epoch: number;
  /** First batch of the epoch to return; earlier ones are skipped. Default: 0. */
  firstBatch?: number;
  /** Seed of the order of shuffled rows. Default: 0. */
  seed?: number;
}

/** Source of batches. */
export interface BatchSource {
  /** Batches of an epoch; null while unknown. */
  readonly steps: number | null;
  /** Rows of all the data; null when unknown. */
  readonly samples: number | null;
  /** True if an epoch had no batch after others had some. Default: false. */
  readonly isUsedUp?: boolean;
  /** The batches of an epoch. */
  epoch(start: EpochStart): BatchIterator;
  /**
   * Pass over what the first epochs of a resumed run have taken, where the next one does not begin
   * anew, and warn where the pass in which the run ended had another order then. Default: each epoch
   * is given by its number alone.
   */
  passOver?(epochs: number, order?: PassOrder): void;
  /** Order of the pass that was begun last, where it is shuffled and can be told. */
  readonly order?: PassOrder;
  /** Release everything. */
  close(): void | Promise<void>;
}

/** True for a tensor of any copy of tfjs. */
export function isTensor(value: unknown): value is tf.Tensor {
  return typeof value === "object" && value !== null && "dataId" in value && "shape" in value;
}

/**
 * True for a sequence of batches. Arrays do not count, because their tensors last for one epoch,
 * nor do typed arrays, which yield numbers.
 */
export function isDataset(data: unknown): data is DatasetLike {
  if (typeof data === "function") return true;
  if (typeof data !== "object" || data === null) return false;
  if (Array.isArray(data) || ArrayBuffer.isView(data)) return false;
  return typeof (data as { iterator?: unknown }).iterator === "function" ||
    Symbol.asyncIterator in data || Symbol.iterator in data;
}

/** Fail unless the value is a dataset, and name the function that takes tensors. */
export function checkDataset(data: unknown, forTensors: string): asserts data is DatasetLike {
  if (isDataset(data)) return;
  throw new TypeError(
    "Cannot read this dataset: it must be a tf.data.Dataset, an iterable that is no array, or a " +
      `function that gives an iterator; for tensors call ${forTensors}`,
  );
}

/** Options for tensors that a dataset determines itself, with alternatives. */
export const decidedByDataset: ReadonlyMap<string, string> = new Map([
  ["batchSize", "a dataset has its own batches; write dataset.batch(n)"],
  ["shuffle", "a dataset has its own order; write dataset.shuffle(n, seed)"],
  ["seed", "a dataset has its own order; write dataset.shuffle(n, seed)"],
]);

/** Warn about a batch size for a dataset. */
export function warnOfDatasetBatches(name: string, size: number | undefined): void {
  if (size === undefined || size === null) return;
  console.warn(`keepfit: ${name} is ignored: ${decidedByDataset.get("batchSize")}`);
}

/**
 * Reject options for tensors that would change the run if they were ignored.
 *
 * @throws TypeError for `validationSplit` and `sampleWeight`
 */
export function checkNotOfTensors(options: object | null | undefined): void {
  const { validationSplit, sampleWeight } = (options ?? {}) as { [name: string]: unknown };
  if (validationSplit) {
    throw new TypeError(
      "Cannot use validationSplit with a dataset: it cannot be split; pass validationData",
    );
  }
  if (sampleWeight !== undefined && sampleWeight !== null) {
    throw new TypeError(
      "Cannot use sampleWeight with a dataset: each batch holds its own; give batches of " +
        "{ xs, ys, sampleWeight }",
    );
  }
}

/** A short description of a value, for messages. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (isTensor(value)) return `a tensor of shape [${value.shape}]`;
  if (typeof value === "string") return `the string ${JSON.stringify(value)}`;
  if (typeof value === "function") return "a function";
  if (typeof value !== "object") return `the ${typeof value} ${String(value)}`;
  if (Array.isArray(value)) {
    return `an array of ${value.length}` +
      (typeof value[0] === "number" ? ` number${value.length === 1 ? "" : "s"}` : "");
  }
  if (typeof (value as { then?: unknown }).then === "function") return "a promise; await it first";
  const { name = "Object" } = value.constructor ?? {};
  const keys = Object.keys(value);
  if (name !== "Object") return `an object of class ${name}`;
  return keys.length === 0 ? "an empty object" : `{ ${keys.join(", ")} }`;
}

/** Dispose the tensors that exist. */
export function disposeAll(tensors: Iterable<tf.Tensor | undefined>): void {
  for (const tensor of tensors) tensor?.dispose();
}
