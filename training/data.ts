import type * as tf from "@tensorflow/tfjs";
import type { Compiled } from "./compiled.ts";
import { type Engine, keepsRowsOnHost } from "./engine.ts";
import { shuffledOrder } from "./shuffle.ts";

/** Tensors as tfjs takes them: one, one for each input or output, or by name. */
export type Tensors = tf.Tensor | tf.Tensor[] | { [name: string]: tf.Tensor };

/** Weight of each class, by its number; for several outputs one each, in order or by name. */
export type ClassWeight = { [classNumber: number]: number };

/** What a dataset gives for one batch; its tensors belong to the loop, which disposes them. */
export type DatasetBatch =
  | { xs: Tensors; ys?: Tensors; sampleWeight?: Tensors }
  | readonly [xs: Tensors, ys?: Tensors, sampleWeight?: Tensors];

/**
 * Batches that come one after another: a `tf.data.Dataset`, anything that can be iterated (again
 * for each epoch), or a function that gives an iterator, such as a generator function. Iterators
 * are closed when the run is done with them, if they can be.
 */
export type DatasetLike =
  | tf.data.Dataset<tf.TensorContainer>
  | AsyncIterable<DatasetBatch>
  | Iterable<DatasetBatch>
  | (() => AsyncIterator<DatasetBatch> | Iterator<DatasetBatch>);

/** One batch, ready for a step. */
export interface Batch {
  xs: tf.Tensor[];
  ys: tf.Tensor[];
  /** Weights of the rows for each output's loss; undefined for an output that has none. */
  weights: (tf.Tensor | undefined)[];
  /** Rows. */
  size: number;
  dispose(): void;
}

/** One pass over data, or as much of it as an epoch takes. */
export interface BatchIterator {
  /** The next batch, null at the end; a promise only where data must be waited for. */
  next(): Batch | null | Promise<Batch | null>;
  close(): void | Promise<void>;
}

/** Where batches come from. */
export interface BatchSource {
  /** Batches of an epoch; null while unknown. */
  readonly steps: number | null;
  /** Rows of all the data; null when unknown. */
  readonly samples: number | null;
  /** The batches of this epoch. */
  epoch(epoch: number): BatchIterator;
  /** Let go of everything. */
  close(): void | Promise<void>;
}

/** What a model wants of its data; targets are left out where only outputs are wanted. */
export type Wanted =
  & Pick<Compiled, "inputNames" | "inputShapes">
  & Partial<Pick<Compiled, "outputNames" | "outputShapes" | "losses" | "sparse">>;

/** Options of {@linkcode tensorSource}. */
export interface TensorSourceOptions {
  batchSize: number;
  sampleWeight?: Tensors;
  classWeight?: ClassWeight | ClassWeight[] | { [output: string]: ClassWeight };
  /** Batches of an epoch, when other than the whole data. */
  steps?: number;
  shuffle?: boolean | "batch";
  seed?: number;
  /** First row, and the row to stop before. */
  range?: [number, number];
  /** What messages call the data: "training" or "validation". */
  role: string;
  /** Host copies that two sources of one tensor share. */
  copies?: HostCopies;
}

/** Values of tensors on the host: a device is asked once. */
export type HostCopies = Map<tf.Tensor, Promise<tf.TypedArray>>;

/** Rows that are taken batch by batch. */
interface Rows {
  take(begin: number, end: number, order: Uint32Array | undefined): tf.Tensor;
  dispose(): void;
}

/**
 * Batches from whole tensors. Rows are copied on the host where that is cheaper than the device's
 * own gather; a range and an unshuffled pass copy nothing.
 *
 * @throws TypeError or RangeError for data that does not fit the model
 */
export async function tensorSource(
  engine: Engine,
  wanted: Wanted,
  x: Tensors,
  y: Tensors | undefined,
  options: TensorSourceOptions,
): Promise<BatchSource> {
  const { batchSize, role } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new RangeError(`Cannot use batchSize ${batchSize}: it must be a whole number >= 1`);
  }
  const xs = byName(x, wanted.inputNames, `${role} x`);
  const ys = y === undefined ? [] : byName(y, wanted.outputNames ?? [], `${role} y`);
  const total = checkShapes(xs, ys, wanted, role);
  const [first, last] = options.range ?? [0, total];
  const rows = last - first;
  if (rows < 1) throw new RangeError(`Cannot use ${role} data without rows: x has ${rows} rows`);

  const weights = await rowWeights(ys, wanted.outputNames ?? [], total, options);
  const copies: HostCopies = options.copies ?? new Map();
  const xRows = await Promise.all(xs.map((tensor) => makeRows(engine, tensor, copies)));
  const yRows = await Promise.all(ys.map((tensor) => makeRows(engine, tensor, copies)));
  const weightRows = weights.map((one) =>
    one && hostRows(engine, one.values, one.rowShape, "float32")
  );

  const batches = Math.ceil(rows / batchSize);
  const steps = options.steps ?? batches;
  let order: Uint32Array | undefined;
  let orderedPass = -1;

  const take = (pass: number, index: number): Batch => {
    if (options.shuffle && pass !== orderedPass) {
      const together = options.shuffle === "batch" ? batchSize : 1;
      order = shuffledOrder(rows, options.seed ?? 0, pass, together);
      if (first > 0) order = order.map((row) => row + first);
      orderedPass = pass;
    }
    const begin = index * batchSize;
    const end = Math.min(begin + batchSize, rows);
    const from = order === undefined ? first : 0;
    return gatherBatch(end - begin, (all) => all.take(from + begin, from + end, order));
  };
  const gatherBatch = (size: number, takeRows: (rows: Rows) => tf.Tensor): Batch => {
    const batch = {
      xs: xRows.map(takeRows),
      ys: yRows.map(takeRows),
      weights: weightRows.map((one) => one && takeRows(one)),
      size,
      dispose: () => disposeAll([...batch.xs, ...batch.ys, ...batch.weights]),
    };
    return batch;
  };

  return {
    steps,
    samples: rows,
    epoch: (epoch) => {
      // Where an epoch is shorter or longer than the data, the next one goes on where it ended.
      let at = epoch * steps;
      const end = at + steps;
      return {
        next: () => at < end ? take(Math.floor(at / batches), at++ % batches) : null,
        close: () => {},
      };
    },
    close: () => {
      for (const one of [...xRows, ...yRows]) one.dispose();
    },
  };
}

/** Options of {@linkcode datasetSource}. */
export interface DatasetSourceOptions {
  /** Batches of an epoch; absent means all that the dataset gives. */
  steps?: number;
  classWeight?: TensorSourceOptions["classWeight"];
  role: string;
}

/**
 * Batches from a dataset. With `steps`, one iterator runs on through the epochs; without, each
 * epoch has one of its own.
 */
export function datasetSource(
  engine: Engine,
  wanted: Wanted,
  dataset: DatasetLike,
  options: DatasetSourceOptions,
): BatchSource {
  const { role, steps } = options;
  let running: AsyncIterator<unknown> | Iterator<unknown> | undefined;
  let warned = false;
  const size = (dataset as { size?: number }).size;
  const known = typeof size === "number" && Number.isFinite(size) ? size : null;

  const closeRunning = async (): Promise<void> => {
    const iterator = running;
    running = undefined;
    await iterator?.return?.();
  };

  return {
    steps: steps ?? known,
    samples: null,
    epoch: () => {
      let given = 0;
      return {
        async next() {
          if (given === steps) return null;
          running ??= await iterate(dataset);
          const item = await running.next();
          if (item.done) {
            running = undefined;
            if (given === 0) {
              throw new RangeError(
                `Cannot use the ${role} dataset: it gave no batch` +
                  (steps === undefined ? "" : "; a dataset that can be read once needs .repeat()"),
              );
            }
            if (steps !== undefined && !warned) {
              warned = true;
              console.warn(
                `keepfit: the ${role} dataset ran out of data after ${given} of ${steps} batches; ` +
                  `this epoch ends here. Give it ${steps} batches for each epoch, or .repeat()`,
              );
            }
            return null;
          }
          given++;
          return await datasetBatch(engine, wanted, item.value, options);
        },
        // With steps the iterator goes on in the next epoch.
        close: () => steps === undefined ? closeRunning() : undefined,
      };
    },
    close: closeRunning,
  };
}

/** True for what only {@linkcode datasetSource} can read. */
export function isDataset(data: unknown): data is DatasetLike {
  if (typeof data === "function") return true;
  if (typeof data !== "object" || data === null || Array.isArray(data)) return false;
  return typeof (data as { iterator?: unknown }).iterator === "function" ||
    Symbol.asyncIterator in data || Symbol.iterator in data;
}

async function iterate(
  dataset: DatasetLike,
): Promise<AsyncIterator<unknown> | Iterator<unknown>> {
  if (typeof dataset === "function") return dataset();
  if ("iterator" in dataset && typeof dataset.iterator === "function") {
    return await dataset.iterator() as unknown as AsyncIterator<unknown>;
  }
  if (Symbol.asyncIterator in dataset) return dataset[Symbol.asyncIterator]();
  return (dataset as Iterable<unknown>)[Symbol.iterator]();
}

async function datasetBatch(
  engine: Engine,
  wanted: Wanted,
  value: unknown,
  options: DatasetSourceOptions,
): Promise<Batch> {
  const { role } = options;
  const item = value as { xs?: Tensors; ys?: Tensors; sampleWeight?: Tensors };
  const targets = wanted.outputNames !== undefined;
  let [x, y, w] = Array.isArray(value) && (targets || value.length !== wanted.inputNames.length)
    ? value as [Tensors, Tensors?, Tensors?]
    : [item?.xs, item?.ys, item?.sampleWeight];
  if (x === undefined && !targets) x = value as Tensors;
  if (x === undefined || (targets && y === undefined)) {
    throw new TypeError(
      `Cannot read a batch of the ${role} dataset: expected { xs, ys } or [xs, ys], got ` +
        (value === null || typeof value !== "object"
          ? String(value)
          : `{ ${Object.keys(value).join(", ")} }`),
    );
  }
  const xs = byName(x, wanted.inputNames, `${role} xs`);
  const ys = targets ? byName(y as Tensors, wanted.outputNames ?? [], `${role} ys`) : [];
  const size = checkShapes(xs, ys, wanted, role);
  const given = new Set<tf.Tensor>([...xs, ...ys, ...(w === undefined ? [] : listTensors(w))]);
  const made: tf.Tensor[] = [];
  try {
    const weights = await rowWeights(ys, wanted.outputNames ?? [], size, {
      role,
      sampleWeight: w,
      classWeight: options.classWeight,
    });
    const batch = {
      xs: xs.map((tensor) => withTwoAxes(tensor, made)),
      ys: ys.map((tensor) => withTwoAxes(tensor, made)),
      weights: weights.map((one) => {
        if (one === undefined) return undefined;
        const tensor = engine.makeTensor(one.values, [size, ...one.rowShape], "float32");
        made.push(tensor);
        return tensor;
      }),
      size,
      dispose: () => disposeAll([...given, ...made]),
    };
    return batch;
  } catch (error) {
    disposeAll([...given, ...made]);
    throw error;
  }
}

function withTwoAxes(tensor: tf.Tensor, made: tf.Tensor[]): tf.Tensor {
  if (tensor.rank !== 1) return tensor;
  const column = tensor.reshape([tensor.shape[0], 1]);
  made.push(column);
  return column;
}

/** Rows of a tensor, from the host or the device, whichever is cheaper on this backend. */
async function makeRows(engine: Engine, tensor: tf.Tensor, copies: HostCopies): Promise<Rows> {
  const rowShape = tensor.rank === 1 ? [1] : tensor.shape.slice(1);
  if (keepsRowsOnHost(engine) && ["float32", "int32", "bool"].includes(tensor.dtype)) {
    // On cpu this is the live storage: read, never written.
    const values = copies.get(tensor) ?? tensor.data() as Promise<tf.TypedArray>;
    copies.set(tensor, values);
    return hostRows(engine, await values, rowShape, tensor.dtype);
  }
  const column = engine.tidy(() =>
    engine.keep(tensor.rank === 1 ? tensor.reshape([tensor.shape[0], 1]) : tensor.clone())
  );
  return {
    take: (begin, end, order) => {
      if (order === undefined) {
        const sizes = [end - begin, ...column.shape.slice(1)];
        return column.slice([begin, ...sizes.slice(1).map(() => 0)], sizes);
      }
      return engine.tidy(() => {
        const indices = Int32Array.from(order.subarray(begin, end));
        return column.gather(
          engine.makeTensor(indices, [indices.length], "int32") as tf.Tensor1D,
        );
      });
    },
    dispose: () => column.dispose(),
  };
}

function hostRows(
  engine: Engine,
  values: tf.TypedArray,
  rowShape: number[],
  dtype: tf.DataType,
): Rows {
  const width = rowShape.reduce((size, one) => size * one, 1);
  const Values = values.constructor as new (length: number) => Float32Array;
  return {
    take: (begin, end, order) => {
      const shape = [end - begin, ...rowShape];
      if (order === undefined) {
        return engine.makeTensor(values.subarray(begin * width, end * width), shape, dtype);
      }
      const taken = new Values((end - begin) * width);
      for (let i = begin, to = 0; i < end; i++, to += width) {
        const from = order[i] * width;
        if (width === 1) taken[to] = values[from];
        else taken.set(values.subarray(from, from + width), to);
      }
      return engine.makeTensor(taken, shape, dtype);
    },
    dispose: () => {},
  };
}

interface HostWeights {
  values: Float32Array;
  rowShape: number[];
}

/** Sample weights times class weights, for each output; undefined where it has neither. */
async function rowWeights(
  ys: tf.Tensor[],
  outputNames: string[],
  rows: number,
  options: Pick<TensorSourceOptions, "sampleWeight" | "classWeight" | "role">,
): Promise<(HostWeights | undefined)[]> {
  const { sampleWeight, classWeight, role } = options;
  const samples = sampleWeight === undefined
    ? []
    : perOutput(sampleWeight, outputNames, `${role} sampleWeight`, isTensor);
  const classes = classWeight === undefined
    ? []
    : perOutput(classWeight, outputNames, "classWeight", isClassWeight);
  return await Promise.all(ys.map(async (target, i) => {
    const ofSample = samples[i];
    const ofClass = classes[i];
    let weights: HostWeights | undefined;
    if (ofSample !== undefined) {
      if (ofSample.shape[0] !== rows) {
        throw new RangeError(
          `Cannot use ${role} sampleWeight of shape [${ofSample.shape}]: x has ${rows} rows`,
        );
      }
      const values = Float32Array.from(await ofSample.data() as Float32Array);
      weights = { values, rowShape: ofSample.shape.slice(1) };
    }
    if (ofClass === undefined) return weights;
    const byClass = await classWeights(target, ofClass, outputNames[i]);
    if (weights === undefined) return { values: byClass, rowShape: [] };
    const { values } = weights;
    const width = values.length / rows;
    for (let at = 0; at < values.length; at++) values[at] *= byClass[Math.floor(at / width)];
    return weights;
  }));
}

async function classWeights(
  target: tf.Tensor,
  weights: ClassWeight,
  output: string,
): Promise<Float32Array> {
  if (target.rank > 2) {
    throw new RangeError(
      `Cannot use classWeight for ${output}: its targets have shape [${target.shape}], class ` +
        `numbers or one-hot rows are needed`,
    );
  }
  const values = await target.data() as Float32Array;
  const found = new Float32Array(target.shape[0]);
  const width = values.length / found.length;
  for (let row = 0; row < found.length; row++) {
    let number = values[row * width];
    if (width > 1) {
      number = 0;
      for (let i = 1; i < width; i++) {
        if (values[row * width + i] > values[row * width + number]) number = i;
      }
    }
    const weight = weights[number];
    if (weight === undefined) {
      throw new RangeError(
        `Cannot use classWeight for ${output}: class ${number} is in the data and not among the ` +
          `weights (${Object.keys(weights).join(", ")})`,
      );
    }
    found[row] = weight;
  }
  return found;
}

/** One thing for each output: given alone, in order, or by name. */
function perOutput<T>(
  given: unknown,
  outputNames: string[],
  what: string,
  is: (value: unknown) => value is T,
): (T | undefined)[] {
  if (is(given)) {
    if (outputNames.length === 1) return [given];
    throw new TypeError(
      `Cannot use one ${what} for ${outputNames.length} outputs: give one for each of ` +
        outputNames.join(", "),
    );
  }
  const list = Array.isArray(given)
    ? given
    : outputNames.map((name) => (given as Record<string, unknown>)[name]);
  const unknown = Array.isArray(given)
    ? []
    : Object.keys(given as object).filter((name) => !outputNames.includes(name));
  if (list.length !== outputNames.length || unknown.length > 0) {
    throw new TypeError(
      `Cannot use ${what} for ${unknown.join(", ") || `${list.length} outputs`}: the model's ` +
        `outputs are ${outputNames.join(", ")}`,
    );
  }
  return list.map((one) => is(one) ? one : undefined);
}

function isTensor(value: unknown): value is tf.Tensor {
  return typeof value === "object" && value !== null && "dataId" in value && "shape" in value;
}

function isClassWeight(value: unknown): value is ClassWeight {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.entries(value).every(([key, one]) => /^\d+$/.test(key) && typeof one === "number");
}

function listTensors(tensors: Tensors): tf.Tensor[] {
  return isTensor(tensors) ? [tensors] : Object.values(tensors);
}

function byName(given: Tensors, names: string[], what: string): tf.Tensor[] {
  if (isTensor(given)) {
    if (names.length === 1) return [given];
    throw new TypeError(
      `Cannot use one tensor as ${what}: the model has ${names.length}, ${names.join(", ")}`,
    );
  }
  if (typeof given !== "object" || given === null) {
    throw new TypeError(`Cannot use ${String(given)} as ${what}: a tf.Tensor is needed`);
  }
  const list = Array.isArray(given)
    ? given
    : names.map((name) => (given as Record<string, tf.Tensor>)[name]);
  if (list.length !== names.length) {
    throw new TypeError(
      `Cannot use ${list.length} tensors as ${what}: the model has ${names.length}, ` +
        names.join(", "),
    );
  }
  list.forEach((tensor, i) => {
    if (isTensor(tensor)) return;
    throw new TypeError(
      tensor === undefined || tensor === null
        ? `Cannot use ${what}: nothing was given for ${names[i]}`
        : `Cannot use ${what}: ${names[i]} must be a tf.Tensor, got ${typeof tensor}`,
    );
  });
  return list;
}

/** Check every shape against the model. @returns the number of rows */
function checkShapes(xs: tf.Tensor[], ys: tf.Tensor[], wanted: Wanted, role: string): number {
  xs.forEach((tensor, i) => {
    checkShape(tensor, wanted.inputShapes[i], `${role} x`, wanted.inputNames[i]);
  });
  ys.forEach((tensor, i) => {
    // A loss of the user's own may want targets of any shape.
    const shape = wanted.outputShapes?.[i];
    const loss = wanted.losses?.[i];
    if (shape === undefined || loss === undefined || !isBuiltInLoss(loss)) return;
    const sparse = wanted.sparse?.[i] ?? false;
    const name = wanted.outputNames?.[i] as string;
    checkShape(tensor, sparse ? [...shape.slice(0, -1), 1] : shape, `${role} y`, name, sparse);
  });
  const rows = xs[0].shape[0];
  for (const tensor of [...xs, ...ys]) {
    if (tensor.shape[0] !== rows) {
      throw new RangeError(
        `Cannot use ${role} data of different lengths: the first x has ${rows} rows, another ` +
          `tensor has ${tensor.shape[0]} (shapes ${
            [...xs, ...ys].map((one) => `[${one.shape}]`).join(" ")
          })`,
      );
    }
  }
  return rows;
}

function checkShape(
  tensor: tf.Tensor,
  wanted: (number | null)[],
  what: string,
  name: string,
  sparse = false,
): void {
  const shape = tensor.rank === 1 ? [tensor.shape[0], 1] : tensor.shape;
  const fits = tensor.rank > 0 && shape.length === wanted.length &&
    wanted.every((size, axis) => axis === 0 || size === null || size === shape[axis]);
  if (fits) return;
  const sizes = ["rows", ...wanted.slice(1).map((size) => size ?? "any")].join(", ");
  throw new RangeError(
    `Cannot use ${what} of shape [${tensor.shape}]: ${name} needs [${sizes}]` +
      (sparse ? " (class numbers, because the loss is sparseCategoricalCrossentropy)" : ""),
  );
}

const builtInLosses = new Set([
  "meanSquaredError",
  "meanAbsoluteError",
  "meanAbsolutePercentageError",
  "meanSquaredLogarithmicError",
  "squaredHinge",
  "hinge",
  "categoricalHinge",
  "logcosh",
  "categoricalCrossentropy",
  "sparseCategoricalCrossentropy",
  "binaryCrossentropy",
  "kullbackLeiblerDivergence",
  "poisson",
  "cosineProximity",
]);

function isBuiltInLoss(loss: { name: string }): boolean {
  return builtInLosses.has(loss.name);
}

function disposeAll(tensors: (tf.Tensor | undefined)[]): void {
  for (const tensor of tensors) tensor?.dispose();
}
