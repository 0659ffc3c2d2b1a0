import type * as tf from "@tensorflow/tfjs";
import type { ErrorPolicy, Params } from "../core/callback.ts";
import { CallbackList, type CallbacksArgument } from "../core/callback_list.ts";
import { CallbackError, messageOf } from "../core/errors.ts";
import { claimCallbacks, releaseCallbacks } from "../core/in_use.ts";
import type { TrainableModel } from "../core/model.ts";
import { untilAborted, untilOverdue } from "../core/patience.ts";
import { disposedPart } from "../tfjs/compiled.ts";
import { describeValue, isTensor } from "./data/data.ts";
import { openList } from "./open_list.ts";
import { warnOfUnknownOption } from "../core/unknown_option.ts";

/** Options of fit, evaluate and predict. */
export interface RunOptions {
  /**
   * Callbacks in any form, possibly nested. A `CallbackList` is used as it is, without default
   * callbacks. A string, a URL or `{ plugin, ... }` is a plugin, which is loaded for this run and
   * closed with it.
   */
  callbacks?: CallbacksArgument;
  /**
   * 0 silent, 1 progress bar, 2 one line per epoch. 1 and 2 also print a hint about faster
   * backends, once per process, before a long run on cpu. Default: `"auto"`, which is 1.
   */
  verbose?: 0 | 1 | 2 | "auto";
  /** Error policy for callbacks without an `onError`. Default: `"throw"`. */
  onError?: ErrorPolicy;
  /**
   * Interval at which the loop yields to timers, servers and signals: milliseconds, `"auto"` (20
   * ms), `"batch"`, `"epoch"` or `"never"`. Default: `"auto"`.
   */
  yieldEvery?: "auto" | "batch" | "epoch" | "never" | number;
  /**
   * Whether the steps are compiled, as in Keras: `"auto"` compiles what it can and uses
   * TensorFlow.js for the rest; `true` throws if a step cannot be compiled; `false` never compiles.
   * `describeStep` shows which steps are compiled. Default: `"auto"`.
   */
  jitCompile?: boolean | "auto";
  /**
   * Batches between two calls of the batch hooks, as in Keras: begin hooks receive the index of the
   * first batch, end hooks that of the last, with the logs after it. It saves time if batches are
   * small and callbacks many. `stopTraining` and `signal` end the run after an execution. Default: 1.
   */
  stepsPerExecution?: number;
  /**
   * Signal that ends the run when it aborts: after the current batch, or immediately while the next
   * one is pending. A hook that does not return within 5 s is abandoned, `onException` and `close`
   * after 30 s. The promise rejects with the reason of the signal. Default: none.
   */
  signal?: AbortSignal;
}

/** The names of {@linkcode RunOptions}. */
export const runOptions: Record<keyof RunOptions, true> = {
  callbacks: true,
  verbose: true,
  onError: true,
  yieldEvery: true,
  jitCompile: true,
  stepsPerExecution: true,
  signal: true,
};

/**
 * The options of a run without null values, which mean "not set" as in TensorFlow.js and Keras.
 * Unknown names cause a warning.
 *
 * @param ofTensors options that only apply to tensors, with alternatives
 * @throws TypeError for options that are not an object, and an invalid `signal`
 * @throws RangeError for an invalid `verbose`, `jitCompile` or `stepsPerExecution`
 */
export function readOptions<Options extends RunOptions>(
  verb: string,
  given: Options | null | undefined,
  known: Record<string, true>,
  ofTensors: ReadonlyMap<string, string> = new Map(),
): Options {
  const options: unknown = given ?? {};
  if (
    typeof options !== "object" || options === null || Array.isArray(options) ||
    isTensor(given)
  ) {
    throw new TypeError(
      `Cannot ${verb}: expected an object of options, such as { verbose: 0 }, got ` +
        describeValue(given),
    );
  }
  const read: { [name: string]: unknown } = {};
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(known, name)) {
      warnOfUnknownOption(verb, name, Object.keys(known), ofTensors.get(name));
    } else if (value !== null && value !== undefined) read[name] = value;
  }
  checkVerbose(read);
  checkSignal(read.signal);
  checkJitCompile(read.jitCompile);
  wholeNumber("stepsPerExecution", read.stepsPerExecution as number | undefined, 1);
  return read as Partial<Options> as Options;
}

/** Check `verbose`; true and false become 1 and 0, as in Python. */
function checkVerbose(options: { verbose?: unknown }): void {
  const { verbose } = options;
  if (verbose === undefined) return;
  if (typeof verbose === "boolean") options.verbose = verbose ? 1 : 0;
  else if (![0, 1, 2, "auto"].includes(verbose as number)) {
    throw new RangeError(
      `Cannot use verbose: expected 0, 1, 2 or "auto", got ${describeValue(verbose)}`,
    );
  }
}

function checkJitCompile(jitCompile: unknown): void {
  if (jitCompile === undefined || typeof jitCompile === "boolean" || jitCompile === "auto") return;
  throw new RangeError(
    `Cannot use jitCompile: expected true, false or "auto", got ${describeValue(jitCompile)}`,
  );
}

function checkSignal(signal: unknown): void {
  if (signal === undefined) return;
  if (typeof (signal as Partial<AbortSignal>)?.throwIfAborted === "function") return;
  const isController = typeof (signal as Partial<AbortController>).abort === "function";
  throw new TypeError(
    `Cannot use signal: expected an AbortSignal, got ${describeValue(signal)}` +
      (isController ? "; write controller.signal" : ""),
  );
}

/**
 * The value of an option that TensorFlow.js has under another name.
 *
 * @throws RangeError if both are set and differ
 */
export function oneOf<Name extends string>(
  options: { [name in Name]?: number },
  name: Name,
  otherName: Name,
): number | undefined {
  const [value, other] = [options[name], options[otherName]];
  if (value !== undefined && other !== undefined && value !== other) {
    throw new RangeError(
      `Cannot use ${name} ${value} and ${otherName} ${other}: they are names of the same option`,
    );
  }
  return value ?? other;
}

/**
 * Run with callbacks: each receives the model and the params, is notified if the run fails, and is
 * always closed. An error in closing never hides an earlier error.
 *
 * @param addHistory whether to append a history if the list has none
 */
export async function withCallbacks<T>(
  model: tf.LayersModel,
  options: RunOptions,
  params: Params,
  addHistory: boolean,
  run: (list: CallbackList) => Promise<T>,
): Promise<T> {
  const { callbacks: given } = options;
  // A list stores the position of its run, so it can only be in one run at a time.
  const ready = given instanceof CallbackList ? [given, ...given.callbacks] : [];
  claimCallbacks(ready);
  const open = async () => {
    if (given instanceof CallbackList) return given;
    const { onError } = options;
    return await openList(given, { addHistory, addProgbar: params.verbose !== 0, onError });
  };
  const list = await untilAborted(open(), options.signal, async (late) => {
    releaseCallbacks([...ready, ...late.callbacks]);
    await late.close();
  });
  list.signal = options.signal;
  const disposedBefore = disposedPart(model);
  try {
    return await closingList(list, async () => {
      list.setModel(model as unknown as TrainableModel);
      const { stepsPerExecution = 1 } = options;
      if (stepsPerExecution > 1) params.stepsPerExecution = stepsPerExecution;
      list.setParams(params);
      try {
        return await run(list);
      } catch (error) {
        // TensorFlow.js's own errors do not name it.
        const disposed = disposedPart(model);
        if (
          disposed === disposedBefore || error instanceof CallbackError ||
          error === options.signal?.reason
        ) throw error;
        throw new TypeError(`Cannot continue: ${disposed} was disposed during the run`, {
          cause: error,
        });
      }
    });
  } finally {
    releaseCallbacks([...ready, ...list.callbacks]);
    const summary = list.summary();
    if (summary !== undefined) console.warn(`keepfit: ${summary}`);
  }
}

/** Close the list after `run`; if that fails, notify every callback first. */
export async function closingList<T>(list: CallbackList, run: () => Promise<T>): Promise<T> {
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

/** Time limit of closing in milliseconds after the signal has aborted. */
const patience = 5000;

/**
 * Close something after `run`. An error of `run` takes precedence over one in closing.
 *
 * @param signal ends the wait for resources that do not close. Default: wait forever
 */
export async function closing<T>(
  open: { close(): void | Promise<void> },
  run: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const close = async () => await untilOverdue(Promise.resolve(open.close()), signal, patience);
  let result: T;
  try {
    result = await run();
  } catch (error) {
    try {
      await close();
    } catch (second) {
      console.warn(`keepfit: closing the data failed too: ${messageOf(second)}`);
    }
    throw error;
  }
  await close();
  return result;
}

/**
 * Check an option that is an integer.
 *
 * @throws RangeError if it is not a whole number >= `least`
 */
export function wholeNumber(
  name: string,
  value: number | undefined,
  least: number,
): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Number.isSafeInteger(value) || value < least) {
    // Strings in quotes, because "3" is not a number.
    const shown = typeof value === "number" ? value : describeValue(value);
    throw new RangeError(`Cannot use ${name} ${shown}: it must be a whole number >= ${least}`);
  }
  return value;
}
