import type * as tf from "@tensorflow/tfjs";
import type { CallbackLike, ErrorPolicy, Params } from "../core/callback.ts";
import { CallbackList, type CallbacksArgument } from "../core/callback_list.ts";
import { normalizeLogs } from "../core/logs.ts";
import type { TrainableModel } from "../core/model.ts";
import type { Compiled } from "./compiled.ts";
import type { BatchSource } from "./data.ts";
import { type Engine, readsSynchronously } from "./engine.ts";
import { measuresOf, RunningMeans } from "./metrics.ts";
import { testStep } from "./step.ts";

/** Options that fit, evaluate and predict share. */
export interface RunOptions {
  /** Callbacks in any form, nested as you like; a ready `CallbackList` is used as it is. */
  callbacks?: CallbacksArgument;
  /** 0 silent, 1 progress bar, 2 one line an epoch. Default: `"auto"`, which is 1. */
  verbose?: 0 | 1 | 2 | "auto";
  /** What a failing callback does to the run, if it does not say so itself. Default: `"throw"`. */
  onError?: ErrorPolicy;
  /**
   * How long the loop may keep the event loop from timers, servers and signals: milliseconds,
   * `"auto"` (20 ms), `"batch"`, `"epoch"` or `"never"`. Default: `"auto"`.
   */
  yieldEvery?: "auto" | "batch" | "epoch" | "never" | number;
  /** Ends the run after the batch in which it aborts: the promise rejects with its reason. */
  signal?: AbortSignal;
  /** Makes the progress bar where `verbose` asks for one. Default: `ProgbarLogger`. */
  progbar?: () => CallbackLike;
}

/** The list of a run: the user's callbacks, and the defaults that the run asks for. */
export function makeList(
  model: tf.LayersModel,
  options: RunOptions,
  params: Params,
  addHistory: boolean,
): CallbackList {
  // As in Keras: whoever brings a list has set it up.
  if (options.callbacks instanceof CallbackList) return options.callbacks;
  return new CallbackList(options.callbacks, {
    model: model as unknown as TrainableModel,
    params,
    addHistory,
    addProgbar: params.verbose === 0 ? false : options.progbar,
    onError: options.onError,
  });
}

/**
 * Run with a list: when it fails every callback hears of it, and all are closed in any case. What
 * goes wrong in closing never hides the error that came first.
 */
export async function withList<T>(list: CallbackList, run: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await run();
  } catch (error) {
    await list.onException(error);
    await list.close(error ?? new Error("unknown"));
    throw error;
  }
  await list.close();
  return result;
}

/** Gives the event loop its turn, and stops a run whose signal aborts. */
export class Turns {
  readonly #budget: number;
  readonly #signal: AbortSignal | undefined;
  #last = performance.now();

  constructor(options: Pick<RunOptions, "yieldEvery" | "signal">) {
    const { yieldEvery = "auto" } = options;
    this.#signal = options.signal;
    this.#budget = typeof yieldEvery === "number"
      ? yieldEvery
      : { auto: 20, batch: 0, epoch: Infinity, never: Infinity }[yieldEvery];
    if (Number.isNaN(this.#budget) || this.#budget === undefined || this.#budget < 0) {
      throw new RangeError(
        `Cannot use yieldEvery ${yieldEvery}: it must be milliseconds, "auto", "batch", "epoch" ` +
          `or "never"`,
      );
    }
    this.#signal?.throwIfAborted();
  }

  /** After a batch: a promise when it is time to yield. */
  afterBatch(): void | Promise<void> {
    this.#signal?.throwIfAborted();
    if (performance.now() - this.#last >= this.#budget) return this.yield();
  }

  /** Yield now. */
  async yield(): Promise<void> {
    await nextTurn();
    this.#last = performance.now();
    this.#signal?.throwIfAborted();
  }
}

// A timer would wait a millisecond and more each time.
const nextTurn: () => Promise<void> = typeof setImmediate === "function"
  ? () => new Promise((resolve) => setImmediate(resolve))
  : () => new Promise((resolve) => setTimeout(resolve));

/**
 * An option that counts something.
 *
 * @throws RangeError when it is no whole number of at least `least`
 */
export function wholeNumber(
  name: string,
  value: number | undefined,
  least: number,
): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`Cannot use ${name} ${value}: it must be a whole number >= ${least}`);
  }
  return value;
}

/** True for what must be awaited. */
export function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value;
}

/**
 * Evaluate one source with the test hooks: a run of its own, or the validation of a fit.
 *
 * @returns means over all rows, keys without `val_`
 */
export async function runTest(
  model: tf.LayersModel,
  engine: Engine,
  compiled: Compiled,
  source: BatchSource,
  list: CallbackList,
  turns: Turns,
): Promise<Record<string, number>> {
  const flags = model as unknown as TrainableModel;
  const synchronous = readsSynchronously(engine);
  const means = new RunningMeans(measuresOf(compiled.outputNames, compiled.metrics), synchronous);
  flags.stopEvaluating = false;
  await list.onTestBegin();
  const batches = source.epoch(0);
  try {
    const tellsBatches = list.has("onTestBatchEnd");
    for (let index = 0;; index++) {
      let batch = batches.next();
      if (isPromise(batch)) batch = await batch;
      if (batch === null) break;
      try {
        const begun = list.onTestBatchBegin(index);
        if (isPromise(begun)) await begun;
        const counted = means.add(testStep(engine, compiled, batch), batch.size);
        if (isPromise(counted)) await counted;
      } finally {
        batch.dispose();
      }
      if (tellsBatches) {
        const logs = synchronous ? means.logsOnHost() : await means.logs();
        const ended = list.onTestBatchEnd(index, logs);
        if (isPromise(ended)) await ended;
      }
      if (flags.stopEvaluating) break;
      const turn = turns.afterBatch();
      if (isPromise(turn)) await turn;
    }
    const logs = await means.logs();
    await list.onTestEnd(logs);
    return logs;
  } finally {
    means.dispose();
    await batches.close();
  }
}

/** Logs of an epoch: training means, and validation means with `val_` before their names. */
export function epochLogs(
  training: Record<string, number>,
  validation: Record<string, number> | undefined,
): Record<string, number> {
  const logs: Record<string, number> = { ...training };
  for (const [name, value] of Object.entries(validation ?? {})) logs[`val_${name}`] = value;
  return normalizeLogs(logs);
}

/** The log keys of a model, sorted. */
export function logKeys(compiled: Compiled, validation: boolean): string[] {
  const names = measuresOf(compiled.outputNames, compiled.metrics).map(({ name }) => name);
  return [...names, ...(validation ? names.map((name) => `val_${name}`) : [])].sort();
}
