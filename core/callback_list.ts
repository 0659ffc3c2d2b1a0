import type {
  CallbackLike,
  CallbackState,
  ErrorPolicy,
  Params,
  PredictLogs,
  ResumableLoop,
  ResumableTraining,
} from "./callback.ts";
import type { CallbackError } from "./errors.ts";
import { hookError, summaryOf } from "./failures.ts";
import {
  type CallbackReference,
  type CallbacksArgument,
  flatten,
  isErrorPolicy,
  type TfjsCallback,
} from "./flatten.ts";
import { type CallbackFailure, History, type HookTiming } from "./history.ts";
import { normalizeLogs } from "./logs.ts";
import type { TrainableModel } from "./model.ts";
import { isPromise } from "./promise.ts";
import { hookNames, type ListHook, lookUpReceivers, nameOf, type Receiver } from "./receivers.ts";
import { getStates, setStates } from "./states.ts";

export type { CallbackReference, CallbacksArgument, ListHook, TfjsCallback };

/** Options of {@linkcode CallbackList}. */
export interface CallbackListOptions {
  /** Told to each callback before anything else. */
  model?: TrainableModel;
  /** Told to each callback after the model. */
  params?: Params;
  /** Append a {@linkcode History} when the list has none. Default: false. */
  addHistory?: boolean;
  /** A progress bar to append when the list has no ProgbarLogger. Default: false. */
  addProgbar?: CallbackLike | false;
  /** What a failing hook does to the run, for callbacks that do not say. Default: `"throw"`. */
  onError?: ErrorPolicy;
}

/**
 * Calls the hooks of many callbacks, in list order unless a callback's `hookOrder` says otherwise.
 *
 * `fit`, `evaluate` and `predict` make one by themselves. Make your own to drive callbacks from a
 * loop of your own: call the hooks where they belong, await what they return, and `close()` in a
 * `finally`. A hook returns a promise only when a callback's did.
 *
 * A callback that throws ends the run with a {@linkcode CallbackError} unless its `onError` (or the
 * list's) says `"disable"` (drop it for the rest of the run) or `"warn"` (go on calling it).
 *
 * @example
 * ```ts
 * import { CallbackList } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const seen: string[] = [];
 * const list = new CallbackList([
 *   { onEpochEnd: (epoch, logs) => seen.push(`${epoch} ${logs.loss}`) },
 *   [{ onEpochEnd: () => seen.push("nested") }],
 * ], { addHistory: true });
 * try {
 *   await list.onTrainBegin();
 *   await list.onEpochEnd(0, { loss: 0.5 });
 *   await list.onTrainEnd();
 * } finally {
 *   await list.close();
 * }
 * assert.deepEqual(seen, ["0 0.5", "nested"]);
 * assert.deepEqual(list.history?.history, { loss: [0.5] });
 * ```
 */
export class CallbackList implements ResumableTraining {
  /** The callbacks, flattened, in the order in which they are called. */
  readonly callbacks: readonly CallbackLike[];
  /** Hooks that failed without ending the run. */
  readonly failures: CallbackFailure[] = [];
  /** The run's history: the last {@linkcode History} in the list, if there is one. */
  readonly history: History | undefined;
  /**
   * Set by a callback before training begins to have it start at this epoch; each run clears it.
   * `fit` heeds it unless it is 0 or undefined; in a loop of your own, read it after `onTrainBegin`.
   */
  initialEpoch: number | undefined;
  /**
   * Progress of the loop that calls this list, until {@linkcode close}. `fit` sets it; set it before
   * `onTrainBegin` of a loop of your own, and `BackupAndRestore` saves and restores it. Default:
   * undefined.
   */
  loop: ResumableLoop | undefined;

  #receivers: Record<ListHook, Receiver[]>;
  readonly #timings: HookTiming[];
  readonly #onError: ErrorPolicy;
  readonly #disabled = new Map<CallbackLike, CallbackError>();
  #epoch: number | undefined;
  #params: Params | undefined;

  /**
   * @param callbacks callbacks in any form but by reference, which takes time: `await loadPlugin`
   *   first; `null`, `undefined` and `false` are left out
   * @param options what to tell them, and what to add
   * @throws CallbackError for something that is no callback (`CALLBACK_INVALID`)
   * @throws CallbackError for one callback listed twice (`CALLBACK_DUPLICATE`)
   * @throws RangeError for an unknown `onError`
   * @throws CallbackError for wishes for an order that contradict each other (`CALLBACK_ORDER`)
   * @throws CallbackError when a callback does not take the model or params (`CALLBACK_HOOK`)
   */
  constructor(callbacks: CallbacksArgument = [], options: CallbackListOptions = {}) {
    const { onError = "throw" } = options;
    if (!isErrorPolicy(onError)) {
      throw new RangeError(
        `Cannot use onError ${onError}: it must be "throw", "disable" or "warn"`,
      );
    }
    const list = flatten(callbacks);
    if (options.addHistory && !list.some(isHistory)) list.push(new History());
    if (options.addProgbar && !list.some(isProgbar)) {
      list.push(...flatten(options.addProgbar));
    }
    this.callbacks = list;
    this.history = list.findLast(isHistory);
    this.#onError = onError;
    this.#receivers = lookUpReceivers(list);
    this.#timings = Object.values(this.#receivers).flat().map(({ timing }) => timing);
    if (options.model !== undefined) this.setModel(options.model);
    if (options.params !== undefined) this.setParams(options.params);
  }

  /** Tell every callback the model. */
  setModel(model: TrainableModel): void {
    if (this.history !== undefined) (model as { history?: History }).history = this.history;
    for (const callback of this.callbacks) {
      this.#tell(callback, "setModel", model);
    }
  }

  /** Tell every callback about the run. */
  setParams(params: Params): void {
    this.#params = params;
    for (const callback of this.callbacks) {
      this.#tell(callback, "setParams", params);
    }
  }

  /** True when some callback has this hook. */
  has(hook: ListHook): boolean {
    return this.#receivers[hook].length > 0;
  }

  /** Names of the callbacks that have this hook, in the order in which they are called. */
  order(hook: ListHook): string[] {
    return this.#receivers[hook].map(({ name }) => name);
  }

  /** True when some callback reads the training logs of this batch. */
  readsBatchLogs(batch: number): boolean {
    return this.#receivers.onTrainBatchEnd.some(({ callback }) => {
      try {
        return callback.readsBatchLogs === undefined || callback.readsBatchLogs(batch);
      } catch (error) {
        this.#fail(callback, "readsBatchLogs", error, batch);
        return false;
      }
    });
  }

  onTrainBegin(logs?: object): void | Promise<void> {
    this.#epoch = undefined;
    this.initialEpoch = undefined;
    return inTurn(
      this.#dispatch(this.#receivers.beforeTrainBegin, 0, [this]),
      () => {
        if (this.#params !== undefined && this.initialEpoch) {
          this.#params.initialEpoch = this.initialEpoch;
        }
        return this.#run("onTrainBegin", logs);
      },
    );
  }

  onTrainEnd(logs?: object): void | Promise<void> {
    this.#epoch = undefined;
    return this.#run("onTrainEnd", logs);
  }

  onEpochBegin(epoch: number, logs?: object): void | Promise<void> {
    this.#epoch = epoch;
    return this.#runAt("onEpochBegin", epoch, logs);
  }

  onEpochEnd(epoch: number, logs?: object): void | Promise<void> {
    this.#epoch = epoch;
    return inTurn(
      this.#runAt("onEpochEnd", epoch, logs),
      () => this.#dispatch(this.#receivers.afterEpochEnd, 0, [epoch]),
    );
  }

  onTrainBatchBegin(batch: number, logs?: object): void | Promise<void> {
    return this.#runAt("onTrainBatchBegin", batch, logs);
  }

  onTrainBatchEnd(batch: number, logs?: object): void | Promise<void> {
    return this.#runAt("onTrainBatchEnd", batch, logs);
  }

  /** Older name of {@linkcode onTrainBatchBegin}. */
  onBatchBegin(batch: number, logs?: object): void | Promise<void> {
    return this.onTrainBatchBegin(batch, logs);
  }

  /** Older name of {@linkcode onTrainBatchEnd}. */
  onBatchEnd(batch: number, logs?: object): void | Promise<void> {
    return this.onTrainBatchEnd(batch, logs);
  }

  onTestBegin(logs?: object): void | Promise<void> {
    return this.#run("onTestBegin", logs);
  }

  onTestEnd(logs?: object): void | Promise<void> {
    return this.#run("onTestEnd", logs);
  }

  onTestBatchBegin(batch: number, logs?: object): void | Promise<void> {
    return this.#runAt("onTestBatchBegin", batch, logs);
  }

  onTestBatchEnd(batch: number, logs?: object): void | Promise<void> {
    return this.#runAt("onTestBatchEnd", batch, logs);
  }

  onPredictBegin(logs?: object): void | Promise<void> {
    return this.#run("onPredictBegin", logs);
  }

  onPredictEnd(logs?: object): void | Promise<void> {
    return this.#run("onPredictEnd", logs);
  }

  onPredictBatchBegin(batch: number, logs?: object): void | Promise<void> {
    return this.#runAt("onPredictBatchBegin", batch, logs);
  }

  onPredictBatchEnd(batch: number, logs?: PredictLogs): void | Promise<void> {
    // The outputs are tensors: nothing to sort or to turn into numbers.
    const receivers = this.#receivers.onPredictBatchEnd;
    return this.#dispatch(receivers, 0, [batch, logs ?? {}], batch);
  }

  /** Tell every callback that the run fails. What goes wrong there is reported, never thrown. */
  async onException(error: unknown): Promise<void> {
    await this.#runAll("onException", [error], true);
  }

  /**
   * Let every callback free what it holds. Each is called, whatever another one throws; may be
   * called again.
   *
   * @param failure the error that is already ending the run, if any: then what goes wrong here is
   *   reported as a warning and not thrown
   * @throws CallbackError of the first callback whose `close` failed (`CALLBACK_CLOSE`)
   */
  async close(failure?: unknown): Promise<void> {
    try {
      await this.#runAll("close", [], failure !== undefined);
    } finally {
      this.loop = undefined;
      if (this.history !== undefined) {
        this.history.timings = this.timings();
        this.history.failures = this.failures.slice();
      }
    }
  }

  /** How long each hook of each callback has taken so far, the longest first. */
  timings(): HookTiming[] {
    return this.#timings.filter(({ calls }) => calls > 0)
      .sort((a, b) => b.milliseconds - a.milliseconds);
  }

  /** One line about the callbacks that were left out and why; undefined where none was. */
  summary(): string | undefined {
    return summaryOf([...this.#disabled.values()]);
  }

  /**
   * What the callbacks remember, keyed by name; a second callback of one name gets `#2`. One that
   * was left out of the run is not asked.
   *
   * @returns plain data for {@linkcode setState}
   * @throws CallbackError when a callback fails to tell (`CALLBACK_STATE`)
   */
  getState(): Promise<Record<string, CallbackState>> {
    const isAsked = (callback: CallbackLike) => !this.#disabled.has(callback);
    return getStates(this.callbacks, isAsked, (...failed) => this.#handle(...failed));
  }

  /**
   * Give the callbacks back what {@linkcode getState} told, by name. Call it before
   * `onTrainBegin`: a callback that was given a state goes on from there instead of starting anew.
   * One that has no entry keeps what it has.
   *
   * @throws CallbackError for an entry that no callback of the list takes; then none was given any
   *   (`CALLBACK_STATE`)
   * @throws CallbackError when a callback fails to take it (`CALLBACK_STATE`)
   */
  setState(states: Record<string, CallbackState>): Promise<void> {
    return setStates(this.callbacks, states, (...failed) => this.#handle(...failed));
  }

  #run(hook: ListHook, logs: object | undefined): void | Promise<void> {
    const receivers = this.#receivers[hook];
    if (receivers.length > 0) return this.#dispatch(receivers, 0, [normalizeLogs(logs)]);
  }

  #runAt(hook: ListHook, index: number, logs: object | undefined): void | Promise<void> {
    const receivers = this.#receivers[hook];
    if (receivers.length === 0) return;
    const batch = hook.startsWith("onEpoch") ? undefined : index;
    return this.#dispatch(receivers, 0, [index, normalizeLogs(logs)], batch);
  }

  /** Call the receivers from `first` on; goes on asynchronously from the first promise. */
  #dispatch(
    receivers: readonly Receiver[],
    first: number,
    args: unknown[],
    batch?: number,
  ): void | Promise<void> {
    // A receiver that is disabled meanwhile replaces the list, never this array.
    for (let i = first; i < receivers.length; i++) {
      const receiver = receivers[i];
      const began = performance.now();
      let pending: PromiseLike<unknown> | undefined;
      try {
        const result = receiver.call(...args);
        // Here, because only looking at a foreign result may throw.
        if (isPromise(result)) pending = result;
      } catch (error) {
        count(receiver, began);
        this.#fail(receiver.callback, receiver.hook, error, batch);
        continue;
      }
      if (pending !== undefined) {
        return this.#dispatchFrom(receivers, i, args, batch, pending, began);
      }
      count(receiver, began);
    }
  }

  async #dispatchFrom(
    receivers: readonly Receiver[],
    i: number,
    args: unknown[],
    batch: number | undefined,
    pending: PromiseLike<unknown>,
    began: number,
  ): Promise<void> {
    const { callback, hook } = receivers[i];
    try {
      await pending;
      count(receivers[i], began);
    } catch (error) {
      count(receivers[i], began);
      this.#fail(callback, hook, error, batch);
    }
    await this.#dispatch(receivers, i + 1, args, batch);
  }

  /** Call a hook of every callback, whatever another one throws. */
  async #runAll(hook: "onException" | "close", args: unknown[], report: boolean): Promise<void> {
    let first: CallbackError | undefined;
    for (const receiver of this.#receivers[hook]) {
      const began = performance.now();
      try {
        await receiver.call(...args);
      } catch (error) {
        const failure = hookError(receiver.name, hook, error, {});
        const policy = this.#policy(receiver.callback);
        if (policy !== "throw") {
          this.failures.push({ callback: receiver.name, hook, policy, error });
        }
        if (report || first !== undefined || policy !== "throw") {
          console.warn(`keepfit: ${failure.message}`);
        } else {
          first = failure;
        }
      }
      count(receiver, began);
    }
    if (first !== undefined) throw first;
  }

  #tell(callback: CallbackLike, verb: "setModel" | "setParams", value: unknown): void {
    if (this.#disabled.has(callback)) return;
    try {
      callback[verb]?.(value as never);
    } catch (error) {
      this.#fail(callback, verb, error);
    }
  }

  #policy(callback: CallbackLike): ErrorPolicy {
    return callback.onError ?? this.#onError;
  }

  /** A callback failed in mid-run: end the run, or do what its policy says instead. */
  #fail(callback: CallbackLike, hook: string, error: unknown, batch?: number): void {
    const place = { epoch: this.#epoch, batch };
    this.#handle(callback, hookError(nameOf(callback), hook, error, place));
  }

  #handle(callback: CallbackLike, failure: CallbackError): void {
    const policy = this.#policy(callback);
    if (policy === "throw") throw failure;
    const name = nameOf(callback);
    const hook = failure.hook as string;
    const before = this.failures.some((one) => one.callback === name && one.hook === hook);
    this.failures.push({ callback: name, hook, policy, error: failure.cause });
    if (policy === "disable") {
      if (!this.#disabled.has(callback)) this.#disabled.set(callback, failure);
      for (const each of hookNames) {
        // It still has files to close.
        if (each === "close") continue;
        this.#receivers[each] = this.#receivers[each].filter((one) => one.callback !== callback);
      }
      console.warn(`keepfit: ${failure.message}; it is left out of the rest of this run`);
    } else if (!before) {
      console.warn(`keepfit: ${failure.message}; training goes on, more of these are not shown`);
    }
  }
}

/** The second step after the first one; a promise only when one of them gave one. */
function inTurn(
  first: void | Promise<void>,
  second: () => void | Promise<void>,
): void | Promise<void> {
  return isPromise(first) ? (first as Promise<void>).then(second) : second();
}

function count({ timing }: Receiver, began: number): void {
  timing.calls++;
  timing.milliseconds += performance.now() - began;
}

// By shape and not by class: a plugin or a second copy of keepfit may bring its own.
function isHistory(callback: CallbackLike): callback is History {
  return nameOf(callback) === "History" && "history" in callback && "at" in callback;
}

function isProgbar(callback: CallbackLike): boolean {
  return nameOf(callback) === "ProgbarLogger";
}
