import {
  type BatchSource,
  type DatasetLike,
  type DatasetPass,
  describeValue,
  disposeAll,
} from "./data.ts";
import { isPromise } from "../../core/promise.ts";
import { datasetBatch, tensorsIn } from "./dataset_batch.ts";
import type { Engine } from "../../tfjs/engine.ts";
import { drawsOf, type PassOrder } from "./pass_order.ts";
import { type GivenWeights, rowWeigher } from "./row_weights.ts";
import type { ModelSignature } from "./shapes.ts";

/** Options of {@linkcode datasetSource}. */
export interface DatasetSourceOptions extends Pick<GivenWeights, "classWeight" | "role"> {
  /** Batches per epoch. Default: all of the dataset. */
  steps?: number;
  /**
   * Whether an epoch continues on the iterator of the previous one, with `steps`. Default: false.
   */
  wraps?: boolean;
}

/** Batches from a dataset: from one iterator per epoch, or from one that continues. */
export function datasetSource(
  engine: Engine,
  signature: ModelSignature,
  dataset: DatasetLike,
  options: DatasetSourceOptions,
): BatchSource {
  const { role, steps } = options;
  const continues = options.wraps === true && steps !== undefined;
  const size = (dataset as { size?: number }).size;
  const known = typeof size === "number" && Number.isFinite(size) ? size : null;
  if (size === Infinity && steps === undefined) {
    throw new RangeError(
      `Cannot use the ${role} dataset: it is endless, so set ${stepsNames[role] ?? "steps"} to ` +
        `the number of batches to take`,
    );
  }
  const weigh = rowWeigher(signature.outputNames ?? [], options);
  const warn = (sentence: string): void => console.warn(`keepfit: ${sentence}`);
  const [warnOfTargets, warnOfShortEpoch] = [onlyOnce(warn), onlyOnce(warn)];
  let batchesRead = 0;
  let epochsToPass = 0;
  let hasPassed = false;
  let isUsedUp = false;
  let running: AsyncIterator<unknown> | Iterator<unknown> | undefined;

  let passes = 0;
  let order: PassOrder | undefined;
  let expected: PassOrder | undefined;
  let isReading = false;
  let isClosed = false;

  const closeRunning = async (): Promise<void> => {
    const iterator = running;
    running = undefined;
    const closed = iterator?.return?.();
    // A generator closes only after its pending batch has arrived, which may never happen.
    if (isReading && isPromise(closed)) closed.then(() => {}, () => {});
    else await closed;
  };

  /** Create an iterator, and warn if a resumed run has another order than before. */
  const begin = async (epoch: number, seed: number): ReturnType<typeof iterate> => {
    const pass = passes++;
    const iterator = await iterate(dataset, { pass: continues ? pass : epoch, seed });
    const draws = drawsOf(iterator);
    order = draws.length === 0 ? undefined : { pass, draws };
    if (expected?.pass === pass && expected.draws.join() !== draws.join()) {
      warn(
        `the ${role} dataset has another order than before the interruption, so the run trains ` +
          `on other batches: pass a seed to shuffle, or use shuffledDataset`,
      );
    }
    return iterator;
  };

  /** The next item of the current iterator, or of a new one. */
  const read = async (epoch: number, seed: number): Promise<IteratorResult<unknown>> => {
    isReading = true;
    try {
      running ??= await begin(epoch, seed);
      return await nextOf(running);
    } finally {
      isReading = false;
      // The run has ended in the meantime.
      if (isClosed) await closeRunning();
    }
  };

  /** Advance the dataset, epoch by epoch, to where an earlier process stopped. */
  const passEpochs = async (epoch: number, seed: number): Promise<void> => {
    for (; epochsToPass > 0; epochsToPass--) {
      if (!continues) {
        // The order of a seeded shuffle depends on the number of earlier iterators.
        if (hasIterator(dataset) && !takesPass(dataset)) await begin(epoch, seed);
        else passes++;
        continue;
      }
      for (let returned = 0; returned < steps; returned++) {
        const item = await read(epoch, seed);
        if (item.done) {
          running = undefined;
          break;
        }
        hasPassed = true;
        disposeAll(tensorsIn(item.value));
      }
    }
  };

  return {
    steps: steps ?? known,
    samples: null,
    passOver(epochs, order) {
      epochsToPass = epochs;
      expected = order;
    },
    get order() {
      return order;
    },
    get isUsedUp() {
      return isUsedUp;
    },
    epoch: ({ epoch, firstBatch = 0, seed = 0 }) => {
      let returned = 0;
      /** Skip the batches that an earlier process has trained on. */
      const skip = async (): Promise<void> => {
        for (; returned < firstBatch; returned++) {
          const item = await read(epoch, seed);
          // The dataset has become shorter, which is reported below.
          if (item.done) return;
          hasPassed = true;
          disposeAll(tensorsIn(item.value));
        }
      };
      return {
        async next() {
          if (epochsToPass > 0) await passEpochs(epoch, seed);
          if (returned < firstBatch) await skip();
          if (returned === steps) return null;
          const item = await read(epoch, seed);
          if (!item.done) {
            returned++;
            const what = `batch ${returned - 1} of the ${role} dataset`;
            const isFirst = batchesRead++ === 0;
            const read = { what, isFirst, weigh, warn: warnOfTargets };
            return await datasetBatch(engine, signature, item.value, role, read);
          }
          running = undefined;
          if (returned > 0) {
            if (steps !== undefined) {
              warnOfShortEpoch(
                `the ${role} dataset ran out of data after ${returned} of ${steps} batches; this ` +
                  `epoch ends here. Provide ${steps} batches for each epoch, or use .repeat()`,
              );
            }
            return null;
          }
          const advice = "to read it again in each epoch, pass a function that returns a new " +
            `iterator${continues ? "; to continue beyond its end, use .repeat()" : ""}`;
          // A validation without data fails early, so that little work is lost.
          if ((batchesRead === 0 && !hasPassed) || role !== "training") {
            throw new RangeError(
              `Cannot use the ${role} dataset: it has no batch in epoch ${epoch}; ${advice}`,
            );
          }
          if (!isUsedUp) {
            warn(
              `the ${role} dataset has no batch in epoch ${epoch}, so training ends; ${advice}`,
            );
          }
          isUsedUp = true;
          return null;
        },
        close: () => continues ? undefined : closeRunning(),
      };
    },
    close: async () => {
      isClosed = true;
      await closeRunning();
    },
  };
}

function hasIterator(dataset: DatasetLike): dataset is Extract<DatasetLike, { iterator: unknown }> {
  return "iterator" in dataset && typeof dataset.iterator === "function";
}

/** Whether a dataset can create any pass. The `iterator` of `tf.data` has no parameter. */
function takesPass({ iterator }: { iterator: { length: number } }): boolean {
  return iterator.length > 0;
}

async function iterate(
  dataset: DatasetLike,
  pass: DatasetPass,
): Promise<AsyncIterator<unknown> | Iterator<unknown>> {
  const iterator: unknown = typeof dataset === "function"
    ? await dataset()
    : hasIterator(dataset)
    ? await dataset.iterator(pass)
    : Symbol.asyncIterator in dataset
    ? dataset[Symbol.asyncIterator]()
    : (dataset as Iterable<unknown>)[Symbol.iterator]();
  if (typeof (iterator as Partial<Iterator<unknown>> | null)?.next === "function") {
    return iterator as Iterator<unknown>;
  }
  throw new TypeError(
    `Cannot read the dataset: expected an iterator with next(), got ${describeValue(iterator)}`,
  );
}

/** Options for the number of batches of an endless dataset, by role. */
const stepsNames: { [role: string]: string } = {
  training: "stepsPerEpoch",
  validation: "validationSteps",
};

async function nextOf(
  iterator: AsyncIterator<unknown> | Iterator<unknown>,
): Promise<IteratorResult<unknown>> {
  const item: unknown = await iterator.next();
  if (typeof item === "object" && item !== null) return item as IteratorResult<unknown>;
  throw new TypeError(
    `Cannot read the dataset: expected { value, done } from next(), got ${describeValue(item)}`,
  );
}

/** A function that runs only in its first call. */
function onlyOnce<T>(run: (value: T) => void): (value: T) => void {
  let isDone = false;
  return (value) => {
    if (!isDone) run(value);
    isDone = true;
  };
}
