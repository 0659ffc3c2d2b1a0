import type * as tf from "@tensorflow/tfjs";
import type { PassOrder } from "./pass_order.ts";
import type { PlanBatch } from "../../tfjs/plan/step_plan.ts";
import type { Dataset, Tensor } from "../../tfjs/types.ts";

/** Tensors in the forms of tfjs: one, one for each input or output, or by name. */
export type Tensors = Tensor | Tensor[] | { [name: string]: Tensor };

/** Weight of each class, by class number. */
export type ClassWeight = { [classNumber: number]: number };

/**
 * Class weights in the forms that `fit` accepts: for a single output, or for each output in order
 * or by name.
 */
export type ClassWeights =
  | ClassWeight
  | (ClassWeight | undefined)[]
  | { [output: string]: ClassWeight };

/** A batch of a dataset; the loop disposes its tensors. */
export type DatasetBatch =
  | { xs: Tensors; ys?: Tensors; sampleWeight?: Tensors }
  | readonly [xs: Tensors, ys?: Tensors, sampleWeight?: Tensors];

/** A requested pass over the data of a dataset. */
export interface DatasetPass {
  /** 0-based number of the pass; the number of the epoch if each epoch has its own iterator. */
  pass: number;
  /** Seed of the run; 0 outside of training. */
  seed: number;
}

/**
 * A dataset that can create the batches of any pass, so that a resumed run trains on the same
 * batches as an uninterrupted one.
 */
export interface PassDataset {
  /** Batches of a pass. Default: unknown. */
  readonly size?: number;
  /** Return the batches of a pass, one after another. The parameter must be declared. */
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
export interface Batch extends PlanBatch {
  dispose(): void;
}

/** One pass over data, or the part of it that belongs to an epoch. */
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
  /** Rows of the data; null while unknown. */
  readonly samples: number | null;
  /** Rows of a batch; undefined if each batch has its own number. */
  readonly batchSize?: number;
  /** Whether an epoch had no batch after earlier ones had some. Default: false. */
  readonly isUsedUp?: boolean;
  /** The batches of an epoch. */
  epoch(start: EpochStart): BatchIterator;
  /**
   * Skip the data of the first epochs of a resumed run, if an epoch continues where the previous
   * one ended. Warn if the order of the last pass has changed. Default: an epoch depends only on
   * its number.
   */
  passOver?(epochs: number, order?: PassOrder): void;
  /** Order of the current pass, if it is shuffled and known. */
  readonly order?: PassOrder;
  /** Release everything. */
  close(): void | Promise<void>;
}

/** Whether a value is a tensor of any copy of tfjs. */
export function isTensor(value: unknown): value is tf.Tensor {
  return typeof value === "object" && value !== null && "dataId" in value && "shape" in value;
}

/**
 * Whether a value is a sequence of batches. Arrays are excluded, because their tensors last for
 * only one epoch, and typed arrays, which yield numbers.
 */
export function isDataset(data: unknown): data is DatasetLike {
  if (typeof data === "function") return true;
  if (typeof data !== "object" || data === null) return false;
  if (Array.isArray(data) || ArrayBuffer.isView(data)) return false;
  return typeof (data as { iterator?: unknown }).iterator === "function" ||
    Symbol.asyncIterator in data || Symbol.iterator in data;
}

/** Throw unless the value is a dataset, and name the function for tensors. */
export function checkDataset(data: unknown, forTensors: string): asserts data is DatasetLike {
  if (isDataset(data)) return;
  throw new TypeError(
    "Cannot read this dataset: expected a tf.data.Dataset, an iterable other than an array, or a " +
      `function that returns an iterator; for tensors call ${forTensors}`,
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
      "Cannot use sampleWeight with a dataset: each batch has its own weights; yield batches of " +
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
