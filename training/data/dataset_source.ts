import type * as tf from "@tensorflow/tfjs";
import {
  type Batch,
  type BatchSource,
  type DatasetLike,
  disposeAll,
  isTensor,
  type Tensors,
} from "./data.ts";
import type { Engine } from "../../tfjs/engine.ts";
import { type GivenWeights, rowWeights } from "./row_weights.ts";
import { byName, checkShapes, type Wanted } from "./shapes.ts";

/** Options of {@linkcode datasetSource}. */
export interface DatasetSourceOptions extends Pick<GivenWeights, "classWeight" | "role"> {
  /** Batches of an epoch; absent means all that the dataset gives. */
  steps?: number;
  /** With `steps`, whether an epoch goes on where the last one ended, from one iterator. */
  wraps?: boolean;
}

/** Batches from a dataset: from an iterator of its own for each epoch, or from one that runs on. */
export function datasetSource(
  engine: Engine,
  wanted: Wanted,
  dataset: DatasetLike,
  options: DatasetSourceOptions,
): BatchSource {
  const { role, steps } = options;
  const runsOn = options.wraps === true && steps !== undefined;
  const size = (dataset as { size?: number }).size;
  const known = typeof size === "number" && Number.isFinite(size) ? size : null;
  let running: AsyncIterator<unknown> | Iterator<unknown> | undefined;
  let warned = false;

  const closeRunning = async (): Promise<void> => {
    const iterator = running;
    running = undefined;
    await iterator?.return?.();
  };

  return {
    steps: steps ?? known,
    samples: null,
    epoch: ({ epoch, firstBatch = 0 }) => {
      let given = 0;
      return {
        async next() {
          if (given === steps) return null;
          running ??= await iterate(dataset);
          let item = await running.next();
          for (; !item.done && given < firstBatch; given++) {
            disposeAll(tensorsIn(item.value));
            item = await running.next();
          }
          if (!item.done) {
            given++;
            return await datasetBatch(engine, wanted, item.value, options);
          }
          running = undefined;
          if (given === 0) {
            throw new RangeError(
              `Cannot use the ${role} dataset: it gave no batch in epoch ${epoch}; one that must ` +
                `be read again for each epoch is a function that gives a new iterator` +
                (runsOn ? `, one that must not end needs .repeat()` : ""),
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
        },
        close: () => runsOn ? undefined : closeRunning(),
      };
    },
    close: closeRunning,
  };
}

async function iterate(dataset: DatasetLike): Promise<AsyncIterator<unknown> | Iterator<unknown>> {
  const iterator: unknown = typeof dataset === "function"
    ? await dataset()
    : "iterator" in dataset && typeof dataset.iterator === "function"
    ? await dataset.iterator()
    : Symbol.asyncIterator in dataset
    ? dataset[Symbol.asyncIterator]()
    : (dataset as Iterable<unknown>)[Symbol.iterator]();
  if (typeof (iterator as Partial<Iterator<unknown>> | null)?.next === "function") {
    return iterator as Iterator<unknown>;
  }
  throw new TypeError(
    `Cannot read the dataset: it must give an iterator with next(), got ${describe(iterator)}`,
  );
}

async function datasetBatch(
  engine: Engine,
  wanted: Wanted,
  value: unknown,
  { role, classWeight }: DatasetSourceOptions,
): Promise<Batch> {
  const owned = tensorsIn(value);
  try {
    const { x, y, sampleWeight } = partsOf(value, wanted, role);
    const outputNames = wanted.outputNames ?? [];
    const xs = byName(x, wanted.inputNames, `${role} xs`);
    const ys = outputNames.length === 0 ? [] : byName(y as Tensors, outputNames, `${role} ys`);
    const size = checkShapes(xs, ys, wanted, role);
    if (size < 1) throw new RangeError(`Cannot use a batch of the ${role} dataset without rows`);
    const weights = sampleWeight === undefined && classWeight === undefined
      ? ys.map(() => undefined)
      : await rowWeights(ys, outputNames, size, { role, sampleWeight, classWeight });
    const withTwoAxes = (tensor: tf.Tensor): tf.Tensor => {
      if (tensor.rank !== 1) return tensor;
      const column = tensor.reshape([size, 1]);
      owned.add(column);
      return column;
    };
    return {
      xs: xs.map(withTwoAxes),
      ys: ys.map(withTwoAxes),
      weights: weights.map((one) => {
        if (one === undefined) return undefined;
        const tensor = engine.makeTensor(one.values, [size, ...one.rowShape], "float32");
        owned.add(tensor);
        return tensor;
      }),
      size,
      dispose: () => disposeAll(owned),
    };
  } catch (error) {
    disposeAll(owned);
    throw error;
  }
}

/** Inputs, targets and weights of a batch, in whichever form it came. */
function partsOf(
  value: unknown,
  wanted: Wanted,
  role: string,
): { x: Tensors; y?: Tensors; sampleWeight?: Tensors } {
  const wantsTargets = wanted.outputNames !== undefined;
  let [x, y, sampleWeight]: (Tensors | undefined)[] = [];
  if (Array.isArray(value)) {
    const areInputs = !wantsTargets && value.length === wanted.inputNames.length &&
      value.every(isTensor);
    [x, y, sampleWeight] = areInputs ? [value] : value;
  } else {
    ({ xs: x, ys: y, sampleWeight } = (value ?? {}) as { [part: string]: Tensors | undefined });
    if (x === undefined && !wantsTargets) x = value as Tensors;
  }
  if (x === undefined || x === null || (wantsTargets && (y === undefined || y === null))) {
    throw new TypeError(
      `Cannot read a batch of the ${role} dataset: expected ` +
        `${wantsTargets ? "{ xs, ys } or [xs, ys]" : "{ xs }, [xs] or xs"}, got ${describe(value)}`,
    );
  }
  return { x, y, sampleWeight };
}

/** All tensors of a batch, `{ xs: { name: tensor } }` deep, also those that nobody wants. */
function tensorsIn(value: unknown, depth = 3): Set<tf.Tensor> {
  if (isTensor(value)) return new Set([value]);
  if (depth === 0 || typeof value !== "object" || value === null) return new Set();
  return new Set(Object.values(value).flatMap((one) => [...tensorsIn(one, depth - 1)]));
}

function describe(value: unknown): string {
  if (isTensor(value)) return "a tensor";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value !== "object" || value === null) return String(value);
  return `{ ${Object.keys(value).join(", ")} }`;
}
