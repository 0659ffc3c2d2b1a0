import type {
  CallbackLike,
  CallbackState,
  ErrorPolicy,
  Params,
  PredictLogs,
  ResumableLoop,
  ResumableTraining,
} from "./callback.ts";
import { isOfClass } from "./class_name.ts";
import type { CallbackError } from "./errors.ts";
import { FailurePolicy, hookError } from "./failure_policy.ts";
import {
  type CallbackReference,
  type CallbacksArgument,
  flatten,
  isErrorPolicy,
  type TfjsCallback,
} from "./flatten.ts";
import { type CallbackFailure, History, type HookTiming } from "./history.ts";
import { type HookCall, HookRunner } from "./hook_runner.ts";
import { type Logs, normalizeLogs, settleLogs } from "./logs.ts";
import type { TrainableModel } from "./model.ts";
import { inTurn } from "./promise.ts";
import { type ListHook, nameOf } from "./receivers.ts";
import { getStates, setStates } from "./states.ts";

export type { CallbackReference, CallbacksArgument, ListHook, TfjsCallback };

/** Options of {@linkcode CallbackList}. */
export interface CallbackListOptions {
  /** Model that each callback receives first. */
  model?: TrainableModel;
  /** Parameters that each callback receives after the model. */
  params?: Params;
  /** Append a {@linkcode History} when the list has none. Default: false. */
  addHistory?: boolean;
  /** A progress bar to append when the list has no ProgbarLogger. Default: false. */
  addProgbar?: CallbackLike | false;
  /** Error policy for callbacks without an `onError`. Default: `"throw"`. */
  onError?: ErrorPolicy;
}

/**
 * Calls the hooks of many callbacks, in list order unless a callback's `hookOrder` says otherwise.
 *
 * `fit`, `evaluate` and `predict` make one. Make one yourself to drive callbacks from a custom loop:
 * call the hooks where they belong, await what they return, and `close()` in a `finally`. Logs may
 * hold scalar tensors, which are read and stay yours. A hook returns a promise only when a callback's
 * did, or a value of the logs had to be waited for.
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
  readonly failures: CallbackFailure[];
  /** The run's history: the last {@linkcode History} in the list, if there is one. */
  readonly history: History | undefined;
  /**
   * Epoch to start at, set by a callback before training begins; each run clears it. `fit` uses it
   * unless it is 0 or undefined; in a custom loop, read it after `onTrainBegin`.
   */
  initialEpoch: number | undefined;
  /**
   * Progress of the loop that calls this list, until {@linkcode close}. `fit` sets it; set it before
   * `onTrainBegin` of a loop of your own, and `BackupAndRestore` saves and restores it. Default:
   * undefined.
   */
  loop: ResumableLoop | undefined;

  readonly #runner: HookRunner;
  readonly #policy: FailurePolicy;
  #epoch: number | undefined;
  #params: Params | undefined;

  /**
   * Flatten the callbacks, order their hooks and hand over the model and params.
   *
   * @param callbacks callbacks in any form except by reference, which takes time: `await loadPlugin`
   *   first; `null`, `undefined` and `false` are left out
   * @param options what they receive, and what to add
   * @throws CallbackError for something that is not a callback (`CALLBACK_INVALID`)
   * @throws CallbackError for one callback listed twice (`CALLBACK_DUPLICATE`)
   * @throws RangeError for an unknown `onError`
   * @throws CallbackError for conflicting ordering constraints (`CALLBACK_ORDER`)
   * @throws CallbackError when a callback fails to take the model or params (`CALLBACK_HOOK`)
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
    this.#runner = new HookRunner(
      list,
      ({ callback, hook }, error, batch) => this.#fail(callback, hook, error, batch),
    );
    this.#policy = new FailurePolicy(onError, (callback) => this.#runner.drop(callback));
    this.failures = this.#policy.failures;
    if (options.model !== undefined) this.setModel(options.model);
    if (options.params !== undefined) this.setParams(options.params);
  }

  /** Give every callback the model. */
  setModel(model: TrainableModel): void {
    if (this.history !== undefined) (model as { history?: History }).history = this.history;
    for (const callback of this.callbacks) {
      this.#tell(callback, "setModel", model);
    }
  }

  /** Give every callback the parameters of the run. */
  setParams(params: Params): void {
    this.#params = params;
    for (const callback of this.callbacks) {
      this.#tell(callback, "setParams", params);
    }
  }

  /** True when some callback has this hook. */
  has(hook: ListHook): boolean {
    return this.#runner.receivers(hook).length > 0;
  }

  /** Names of the callbacks that have this hook, in the order in which they are called. */
  order(hook: ListHook): string[] {
    return this.#runner.receivers(hook).map(({ name }) => name);
  }

  /** True when some callback reads the training logs of this batch. */
  readsBatchLogs(batch: number): boolean {
    return this.#runner.receivers("onTrainBatchEnd").some(({ callback }) => {
      try {
        return callback.readsBatchLogs === undefined || callback.readsBatchLogs(batch);
      } catch (error) {
        this.#fail(callback, "readsBatchLogs", error, batch);
        return false;
      }
    });
  }

  /** Call `beforeTrainBegin` and then `onTrainBegin` of every callback. */
  onTrainBegin(logs?: object): void | Promise<void> {
    this.#epoch = undefined;
    this.initialEpoch = undefined;
    return inTurn(
      this.#runner.run("beforeTrainBegin", { args: [this] }),
      () => {
        if (this.#params !== undefined && this.initialEpoch) {
          this.#params.initialEpoch = this.initialEpoch;
        }
        return this.#run("onTrainBegin", logs);
      },
    );
  }

  /** Call `onTrainEnd` of every callback. */
  onTrainEnd(logs?: object): void | Promise<void> {
    this.#epoch = undefined;
    return this.#run("onTrainEnd", logs);
  }

  /** Call `onEpochBegin` of every callback; epochs count from 0. */
  onEpochBegin(epoch: number, logs?: object): void | Promise<void> {
    this.#epoch = epoch;
    return this.#run("onEpochBegin", logs, epoch);
  }

  /** Call `onEpochEnd` and then `afterEpochEnd` of every callback. */
  onEpochEnd(epoch: number, logs?: object): void | Promise<void> {
    this.#epoch = epoch;
    return inTurn(
      this.#run("onEpochEnd", logs, epoch),
      () => this.#runner.run("afterEpochEnd", { args: [epoch] }),
    );
  }

  /** Call `onTrainBatchBegin` of every callback; batches count from 0 in each epoch. */
  onTrainBatchBegin(batch: number, logs?: object): void | Promise<void> {
    return this.#runBatch("onTrainBatchBegin", batch, logs);
  }

  /** Call `onTrainBatchEnd` of every callback. */
  onTrainBatchEnd(batch: number, logs?: object): void | Promise<void> {
    return this.#runBatch("onTrainBatchEnd", batch, logs);
  }

  /** Older name of {@linkcode onTrainBatchBegin}. */
  onBatchBegin(batch: number, logs?: object): void | Promise<void> {
    return this.onTrainBatchBegin(batch, logs);
  }

  /** Older name of {@linkcode onTrainBatchEnd}. */
  onBatchEnd(batch: number, logs?: object): void | Promise<void> {
    return this.onTrainBatchEnd(batch, logs);
  }

  /** Call `onTestBegin` of every callback. */
  onTestBegin(logs?: object): void | Promise<void> {
    return this.#run("onTestBegin", logs);
  }

  /** Call `onTestEnd` of every callback. */
  onTestEnd(logs?: object): void | Promise<void> {
    return this.#run("onTestEnd", logs);
  }

  /** Call `onTestBatchBegin` of every callback. */
  onTestBatchBegin(batch: number, logs?: object): void | Promise<void> {
    return this.#runBatch("onTestBatchBegin", batch, logs);
  }

  /** Call `onTestBatchEnd` of every callback. */
  onTestBatchEnd(batch: number, logs?: object): void | Promise<void> {
    return this.#runBatch("onTestBatchEnd", batch, logs);
  }

  /** Call `onPredictBegin` of every callback. */
  onPredictBegin(logs?: object): void | Promise<void> {
    return this.#run("onPredictBegin", logs);
  }

  /** Call `onPredictEnd` of every callback. */
  onPredictEnd(logs?: object): void | Promise<void> {
    return this.#run("onPredictEnd", logs);
  }

  /** Call `onPredictBatchBegin` of every callback. */
  onPredictBatchBegin(batch: number, logs?: object): void | Promise<void> {
    return this.#runBatch("onPredictBatchBegin", batch, logs);
  }

  /** Call `onPredictBatchEnd` of every callback with the outputs of the batch. */
  onPredictBatchEnd(batch: number, logs?: PredictLogs): void | Promise<void> {
    // The outputs are tensors: nothing to sort or to turn into numbers.
    return this.#runner.run("onPredictBatchEnd", { args: [batch, logs ?? {}], batch });
  }

  /** Report to every callback that the run fails. Failures of the hook are warned about, never thrown. */
  async onException(error: unknown): Promise<void> {
    await this.#runAll("onException", [error], true);
  }

  /**
   * Let every callback release what it holds. Each is called, even after one has failed; may be
   * called again.
   *
   * @param failure the error that is already ending the run, if any: failures of `close` are then
   *   warned about instead of thrown
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

  /** Time spent so far in each hook of each callback, longest first. */
  timings(): HookTiming[] {
    return this.#runner.timings();
  }

  /** One line about the callbacks that were left out and why; undefined where none was. */
  summary(): string | undefined {
    return this.#policy.summary();
  }

  /**
   * States of the callbacks by name; a second callback of one name gets `#2`. Callbacks that were
   * left out of the run have none.
   *
   * @returns plain data for {@linkcode setState}
   * @throws CallbackError when a callback fails to return its state (`CALLBACK_STATE`)
   */
  getState(): Promise<Record<string, CallbackState>> {
    const isAsked = (callback: CallbackLike) => !this.#policy.isDisabled(callback);
    return getStates(this.callbacks, isAsked, (...failed) => this.#policy.handle(...failed));
  }

  /**
   * Restore the states that {@linkcode getState} returned, by name. Call it before `onTrainBegin`: a
   * callback with a restored state continues from it instead of being reset. A callback without an
   * entry keeps its state.
   *
   * @throws CallbackError for an entry that no callback of the list takes; then nothing is restored
   *   (`CALLBACK_STATE`)
   * @throws CallbackError when a callback fails to take its state (`CALLBACK_STATE`)
   */
  setState(states: Record<string, CallbackState>): Promise<void> {
    return setStates(this.callbacks, states, (...failed) => this.#policy.handle(...failed));
  }

  #run(hook: ListHook, logs: object | undefined, epoch?: number): void | Promise<void> {
    if (!this.has(hook)) return;
    const settled = normalizeLogs(logs);
    return this.#runSettled(hook, {
      args: epoch === undefined ? [settled] : [epoch, settled],
      logs: settled,
    });
  }

  #runBatch(hook: ListHook, batch: number, logs: object | undefined): void | Promise<void> {
    if (!this.has(hook)) return;
    const settled = normalizeLogs(logs);
    return this.#runSettled(hook, { args: [batch, settled], batch, logs: settled });
  }

  #runSettled(hook: ListHook, call: HookCall): void | Promise<void> {
    const settling = settleLogs(call.logs as Logs);
    if (settling === undefined) return this.#runner.run(hook, call);
    return (settling as Promise<void>).then(() => this.#runner.run(hook, call));
  }

  /** Call a hook of every callback, even after one has failed; throw the first failure last. */
  async #runAll(hook: "onException" | "close", args: unknown[], isFailing: boolean): Promise<void> {
    let first: CallbackError | undefined;
    await this.#runner.runAll(hook, args, (receiver, error) => {
      const failure = this.#policy.report(receiver, error, !isFailing && first === undefined);
      first ??= failure;
    });
    if (first !== undefined) throw first;
  }

  #tell(callback: CallbackLike, verb: "setModel" | "setParams", value: unknown): void {
    if (this.#policy.isDisabled(callback)) return;
    try {
      callback[verb]?.(value as never);
    } catch (error) {
      this.#fail(callback, verb, error);
    }
  }

  #fail(callback: CallbackLike, hook: string, error: unknown, batch?: number): void {
    const position = { epoch: this.#epoch, batch };
    this.#policy.handle(callback, hookError(nameOf(callback), hook, error, position));
  }
}

function isHistory(callback: CallbackLike): callback is History {
  return isOfClass(callback, History.className);
}

function isProgbar(callback: CallbackLike): boolean {
  return isOfClass(callback, "ProgbarLogger");
}
