import type * as tf from "@tensorflow/tfjs";
import { type Batch, type BatchSource, disposeAll, type Tensors } from "./data.ts";
import type { Engine } from "../../tfjs/engine.ts";
import { type GivenWeights, rowWeigher } from "./row_weights.ts";
import { hostRows, type Rows, type TakenRows, tensorRows } from "./rows.ts";
import { byName, checkShapes, type ModelSignature } from "./shapes.ts";
import { shuffledOrder } from "./shuffle.ts";
import { checkTargets } from "./targets.ts";

/** Options of {@linkcode tensorSource}. */
export interface TensorSourceOptions extends GivenWeights {
  /**
   * Rows of a batch. Default: the number that a stateful model requires; otherwise that which
   * distributes all rows to `steps` batches, as in Keras; otherwise 32.
   */
  batchSize?: number;
  /** Weight of each row in the loss. */
  sampleWeight?: Tensors;
  /** Name of the batch size in messages. Default: `"batchSize"`. */
  batchSizeName?: string;
  /** Batches of an epoch. Default: all of the data. */
  steps?: number;
  /**
   * Whether an epoch continues where the last one ended, and wraps around at the end of the data.
   */
  wraps?: boolean;
  shuffle?: boolean | "batch";
  /** Returns the range of rows, end exclusive, from the number of rows. Default: all. */
  range?: (rows: number) => [first: number, end: number];
}

/**
 * Batches from whole tensors. Rows are copied on the host if that is cheaper than a gather on the
 * device; a range and an unshuffled pass copy nothing.
 *
 * @throws TypeError or RangeError for data that does not match the model
 */
export async function tensorSource(
  engine: Engine,
  signature: ModelSignature,
  x: Tensors,
  y: Tensors | undefined,
  options: TensorSourceOptions,
): Promise<BatchSource> {
  const { role, batchSizeName = "batchSize" } = options;
  const { batchSize: given } = options;
  if (given !== undefined && (!Number.isSafeInteger(given) || given < 1)) {
    throw new RangeError(
      `Cannot use ${batchSizeName} ${describeNumber(given)}: it must be a whole number >= 1`,
    );
  }
  const outputNames = signature.outputNames ?? [];
  const xs = byName(x, signature.inputNames, `${role} x`);
  const ys = outputNames.length === 0 ? [] : byName(y as Tensors, outputNames, `${role} y`);
  const total = checkShapes(xs, ys, signature, role);
  if (total < 1) throw new RangeError(`Cannot use ${role} data without rows: x has ${total} rows`);
  const [first, end] = options.range?.(total) ?? [0, total];
  const rows = end - first;
  const perStep = options.steps === undefined ? 32 : Math.ceil(rows / options.steps);
  const batchSize = given ?? signature.batchRows ?? perStep;
  const batches = Math.ceil(rows / batchSize);
  const steps = stepsOf(options, batches);
  checkBatchRows(signature, { ...options, batchSize }, rows, steps >= batches);
  const used = [first, end] as const;
  await checkTargets(
    ys,
    signature,
    { what: `${role} y`, first, end },
    (sentence) => console.warn(`keepfit: ${sentence}`),
  );
  const weigh = rowWeigher(outputNames, options);
  const weights = await weigh(ys, total, options.sampleWeight, used);
  const opened = await openRows(engine, [...xs, ...ys]);
  const xRows = opened.slice(0, xs.length);
  const yRows = opened.slice(xs.length);
  const weightRows = weights.map((one) =>
    one && hostRows(engine, one.values, one.rowShape, "float32")
  );

  const isOnHost = opened.every((rows) => rows.isOnHost);
  let order: Uint32Array | undefined;
  let orderedPass = -1;
  let orderedSeed = -1;
  const take = (pass: number, index: number, seed: number): Batch => {
    if (options.shuffle && (pass !== orderedPass || seed !== orderedSeed)) {
      const together = options.shuffle === "batch" ? batchSize : 1;
      order = shuffledOrder(rows, seed, pass, together);
      if (first > 0) order.forEach((row, i, all) => all[i] = row + first);
      orderedPass = pass;
      orderedSeed = seed;
    }
    const begin = (order === undefined ? first : 0) + index * batchSize;
    const size = Math.min(batchSize, rows - index * batchSize);
    const selection = { begin, end: begin + size, order };
    const taken = {
      xs: xRows.map((rows) => rows.take(selection)),
      ys: yRows.map((rows) => rows.take(selection)),
      weights: weightRows.map((rows) => rows?.take(selection)),
    };
    return new TensorBatch(engine, taken, size, isOnHost);
  };

  return {
    steps,
    samples: rows,
    batchSize,
    epoch: ({ epoch, firstBatch = 0, seed = 0 }) => {
      const begin = options.wraps ? epoch * steps : 0;
      const stop = begin + steps;
      let at = begin + firstBatch;
      return {
        next: () => at < stop ? take(Math.floor(at / batches), at++ % batches, seed) : null,
        close: () => {},
      };
    },
    close: () => opened.forEach((one) => one.dispose()),
  };
}

/** A number unchanged, a string in quotes. */
function describeNumber(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** Throw unless every batch has the number of rows that a stateful model requires. */
function checkBatchRows(
  { batchRows = null }: ModelSignature,
  { batchSize, batchSizeName = "batchSize", role }: TensorSourceOptions & { batchSize: number },
  rows: number,
  takesAll: boolean,
): void {
  // All rows may form one batch that is smaller than the batch size.
  if (batchRows === null || (rows === batchRows && batchSize > rows)) return;
  if (batchSize !== batchRows) {
    throw new RangeError(
      `Cannot use ${batchSizeName} ${batchSize}: the model is stateful and made for batches of ` +
        `${batchRows} rows; pass ${batchSizeName}: ${batchRows}`,
    );
  }
  if (takesAll && rows % batchRows !== 0) {
    throw new RangeError(
      `Cannot use ${role} data of ${rows} rows: the model is stateful, so the rows must be divisible ` +
        `by the batch size, ${batchRows}`,
    );
  }
}

/** Taken rows of each input and output, and weights. */
interface Taken {
  xs: TakenRows[];
  ys: TakenRows[];
  weights: (TakenRows | undefined)[];
}

/** A batch whose tensors are created when they are read. */
class TensorBatch implements Batch {
  readonly size: number;
  readonly rows: Batch["rows"];
  readonly #engine: Engine;
  readonly #taken: Taken;
  #xs: tf.Tensor[] | undefined;
  #ys: tf.Tensor[] | undefined;
  #weights: (tf.Tensor | undefined)[] | undefined;

  constructor(engine: Engine, taken: Taken, size: number, isOnHost: boolean) {
    this.#engine = engine;
    this.#taken = taken;
    this.size = size;
    this.rows = isOnHost ? taken as Batch["rows"] : undefined;
  }

  get xs(): tf.Tensor[] {
    return this.#xs ??= this.#taken.xs.map((rows) => this.#toTensor(rows));
  }

  get ys(): tf.Tensor[] {
    return this.#ys ??= this.#taken.ys.map((rows) => this.#toTensor(rows));
  }

  get weights(): (tf.Tensor | undefined)[] {
    return this.#weights ??= this.#taken.weights.map((rows) => rows && this.#toTensor(rows));
  }

  dispose(): void {
    for (const tensors of [this.#xs, this.#ys, this.#weights]) disposeAll(tensors ?? []);
  }

  #toTensor(rows: TakenRows): tf.Tensor {
    // It may be read first in a scope, which would dispose it.
    return this.#engine.keep(rows.toTensor());
  }
}

function stepsOf({ steps, wraps, role }: TensorSourceOptions, batches: number): number {
  if (steps === undefined) return batches;
  if (wraps || steps <= batches) return steps;
  console.warn(
    `keepfit: the ${role} data has ${batches} batches, fewer than the requested ${steps}; all ` +
      `of it is used once`,
  );
  return batches;
}

async function openRows(engine: Engine, tensors: tf.Tensor[]): Promise<Rows[]> {
  const opened: Rows[] = [];
  try {
    for (const tensor of tensors) opened.push(await tensorRows(engine, tensor));
  } catch (error) {
    for (const one of opened) one.dispose();
    throw error;
  }
  return opened;
}
