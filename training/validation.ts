import type { Compiled } from "../tfjs/compiled.ts";
import {
  type BatchSource,
  type DatasetLike,
  isDataset,
  type Tensors,
  warnOfDatasetBatches,
} from "./data/data.ts";
import { datasetSource } from "./data/dataset_source.ts";
import type { Engine } from "../tfjs/engine.ts";
import { wholeNumber } from "./run.ts";
import { tensorSource } from "./data/tensor_source.ts";

/** Tensors to validate on: inputs, targets and optionally weights of the rows. */
export type ValidationTensors =
  | readonly [x: Tensors, y: Tensors]
  | readonly [x: Tensors, y: Tensors, sampleWeight: Tensors];

/** Options of validation inside a run. */
export interface ValidationOptions {
  /** Data to validate on after an epoch. Default: none. */
  validationData?: ValidationTensors | DatasetLike;
  /**
   * Interval of validation in epochs, or the epochs to validate after, counted from 1. Default: 1.
   */
  validationFreq?: number | readonly number[];
  /**
   * Batch size of validation in rows, for tensors. Default: `batchSize`; without one, 32, or with
   * `validationSteps` the size with which they have all rows, as in Keras.
   */
  validationBatchSize?: number;
  /** Batches to validate on. Default: all. */
  validationSteps?: number;
}

/** Source of validation batches; undefined without `validationData`. */
export async function validationSource(
  engine: Engine,
  compiled: Compiled,
  options: ValidationOptions & { batchSize?: number },
): Promise<BatchSource | undefined> {
  const { validationData: data } = options;
  if (data === undefined || data === null) return undefined;
  const role = "validation";
  const steps = wholeNumber("validationSteps", options.validationSteps, 1);
  if (isDataset(data)) {
    warnOfDatasetBatches("validationBatchSize", options.validationBatchSize);
    return datasetSource(engine, compiled, data, { steps, role });
  }
  if (!Array.isArray(data) || data.length < 2 || data.length > 3) {
    throw new TypeError(
      "Cannot use this validationData: it must be [x, y], [x, y, sampleWeight] or a dataset",
    );
  }
  const [x, y, sampleWeight] = data as [Tensors, Tensors, Tensors?];
  const batch = validationBatch(options);
  return await tensorSource(engine, compiled, x, y, { ...batch, sampleWeight, steps, role });
}

/** Batch size of validation, and the option that sets it. */
export function validationBatch(
  { validationBatchSize, batchSize }: ValidationOptions & { batchSize?: number },
): { batchSize?: number; batchSizeName: string } {
  return {
    batchSize: validationBatchSize ?? batchSize,
    batchSizeName: validationBatchSize === undefined ? "batchSize" : "validationBatchSize",
  };
}

/** Whether each of these epochs ends with validation. */
export function validatesEach(
  first: number,
  end: number,
  frequency: number | readonly number[] = 1,
): boolean {
  const isDue = validationDue(frequency);
  // If there is any epoch without validation, one of these is.
  const most = Array.isArray(frequency) ? frequency.length + 1 : frequency as number;
  for (let epoch = first; epoch < Math.min(end, first + most); epoch++) {
    if (!isDue(epoch)) return false;
  }
  return true;
}

/** Whether an epoch ends with validation. */
export function validationDue(
  frequency: number | readonly number[] = 1,
): (epoch: number) => boolean {
  if (Array.isArray(frequency)) {
    if (frequency.length === 0) {
      throw new RangeError("Cannot use validationFreq []: it names no epoch to validate after");
    }
    const epochs = new Set(frequency.map((epoch) => wholeNumber("validationFreq", epoch, 1)));
    return (epoch) => epochs.has(epoch + 1);
  }
  const every = wholeNumber("validationFreq", frequency as number, 1) ?? 1;
  return (epoch) => (epoch + 1) % every === 0;
}
