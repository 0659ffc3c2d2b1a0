import type {
  CallbackLike,
  CallbackState,
  ErrorPolicy,
  Params,
  PredictLogs,
  ResumableTraining,
} from "./callback.ts";
import type { CallbackFailure, HookTiming } from "./history.ts";
import { HookDispatcher } from "./hook_dispatcher.ts";
import type { TrainableModel } from "./model.ts";
import { inTurn, isPromise, refusedPromise } from "./promise.ts";
import type { ListHook } from "./receivers.ts";
import { getStates, keysOf, setStates, syncStates } from "./states.ts";

/** Calls the hooks of many callbacks: the part of `CallbackList` that is independent of a run. */
export class HookCaller {
  /** The callbacks, flattened, in the order in which they are called. */
  readonly callbacks: readonly CallbackLike[];
  /** Hooks that failed without ending the run. */
  readonly failures: CallbackFailure[];
  readonly #hooks: HookDispatcher;
  // Keys of several callbacks for which a warning was printed.
  readonly #twins = new Set<string>();

  /**
   * Order the hooks of the callbacks.
   *
   * @param callbacks the callbacks, in list order
   * @param onError error policy for callbacks without an `onError`
   * @throws CallbackError for conflicting ordering constraints (`CALLBACK_ORDER`)
   */
  constructor(callbacks: readonly CallbackLike[], onError: ErrorPolicy) {
    this.callbacks = callbacks;
    this.#hooks = new HookDispatcher(callbacks, onError);
    this.failures = this.#hooks.policy.failures;
  }

  /**
   * Signal after which hooks that do not return are abandoned: most after 5 s, with the reason of
   * the signal as the error, `onException` and `close` after 30 s, with a warning. `fit` sets it.
   * Default: undefined, to wait forever.
   */
  get signal(): AbortSignal | undefined {
    return this.#hooks.runner.signal;
  }

  set signal(signal: AbortSignal | undefined) {
    this.#hooks.runner.signal = signal;
  }

  /** Pass the model to every callback. A promise is awaited before a run begins. */
  setModel(model: TrainableModel): void {
    this.#hooks.introduce("setModel", model);
  }

  /** Pass the parameters of the run to every callback. A promise is awaited before a run begins. */
  setParams(params: Params): void {
    this.#hooks.introduce("setParams", params);
  }

  /** Whether a callback has this hook. */
  has(hook: ListHook): boolean {
    return this.#hooks.has(hook);
  }

  /** Names of the callbacks that have this hook, in the order in which they are called. */
  order(hook: ListHook): string[] {
    return this.#hooks.runner.receivers(hook).map(({ name }) => name);
  }

  /** Whether a callback reads the training logs of this batch. */
  readsBatchLogs(batch: number): boolean {
    for (const { callback } of this.#hooks.runner.receivers("onTrainBatchEnd")) {
      try {
        if (callback.readsBatchLogs === undefined) return true;
        const reads: unknown = callback.readsBatchLogs(batch);
        if (isPromise(reads)) throw refusedPromise(reads, "true or false");
        if (reads) return true;
      } catch (error) {
        this.#hooks.fail(callback, "readsBatchLogs", error, batch);
      }
    }
    return false;
  }

  /** Call `beforeTrainBegin` of every callback. */
  beforeTrainBegin(training: ResumableTraining): void | Promise<void> {
    this.#hooks.epoch = undefined;
    return inTurn(
      this.#hooks.introduced(),
      () => this.#hooks.runner.run("beforeTrainBegin", { args: [training] }),
    );
  }

  /** Call `onTrainBegin` of every callback. */
  onTrainBegin(logs?: object): void | Promise<void> {
    this.#hooks.epoch = undefined;
    return this.#hooks.begin("onTrainBegin", logs);
  }

  /** Call `onTrainEnd` and then `afterTrainEnd` of every callback. */
  onTrainEnd(logs?: object): void | Promise<void> {
    this.#hooks.epoch = undefined;
    return inTurn(
      this.#hooks.run("onTrainEnd", logs),
      () => this.#hooks.runner.run("afterTrainEnd", { args: [] }),
    );
  }

  /** Call `onEpochBegin` of every callback; epochs count from 0. */
  onEpochBegin(epoch: number, logs?: object): void | Promise<void> {
    this.#hooks.epoch = epoch;
    return this.#hooks.run("onEpochBegin", logs, epoch);
  }

  /** Call `onEpochEnd` and then `afterEpochEnd` of every callback. */
  onEpochEnd(epoch: number, logs?: object): void | Promise<void> {
    this.#hooks.epoch = epoch;
    return inTurn(
      this.#hooks.run("onEpochEnd", logs, epoch),
      () => this.#hooks.runner.run("afterEpochEnd", { args: [epoch] }),
    );
  }

  /** Call `onTrainBatchBegin` of every callback; batches count from 0 in each epoch. */
  onTrainBatchBegin(batch: number, logs?: object): void | Promise<void> {
    return this.#hooks.runBatch("onTrainBatchBegin", batch, logs);
  }

  /** Call `onTrainBatchEnd` of every callback. */
  onTrainBatchEnd(batch: number, logs?: object): void | Promise<void> {
    return this.#hooks.runBatch("onTrainBatchEnd", batch, logs);
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
    return this.#hooks.begin("onTestBegin", logs);
  }

  /** Call `onTestEnd` of every callback. */
  onTestEnd(logs?: object): void | Promise<void> {
    return this.#hooks.run("onTestEnd", logs);
  }

  /** Call `onTestBatchBegin` of every callback. */
  onTestBatchBegin(batch: number, logs?: object): void | Promise<void> {
    return this.#hooks.runBatch("onTestBatchBegin", batch, logs);
  }

  /** Call `onTestBatchEnd` of every callback. */
  onTestBatchEnd(batch: number, logs?: object): void | Promise<void> {
    return this.#hooks.runBatch("onTestBatchEnd", batch, logs);
  }

  /** Call `onPredictBegin` of every callback. */
  onPredictBegin(logs?: object): void | Promise<void> {
    return this.#hooks.begin("onPredictBegin", logs);
  }

  /** Call `onPredictEnd` of every callback. */
  onPredictEnd(logs?: object): void | Promise<void> {
    return this.#hooks.run("onPredictEnd", logs);
  }

  /** Call `onPredictBatchBegin` of every callback. */
  onPredictBatchBegin(batch: number, logs?: object): void | Promise<void> {
    return this.#hooks.runBatch("onPredictBatchBegin", batch, logs);
  }

  /** Call `onPredictBatchEnd` of every callback with the outputs of the batch. */
  onPredictBatchEnd(batch: number, logs?: PredictLogs): void | Promise<void> {
    // The outputs are tensors, which are neither sorted nor converted.
    return this.#hooks.runner.run("onPredictBatchEnd", { args: [batch, logs ?? {}], batch });
  }

  /** Call `onYield` of every callback, after the loop has yielded to the event loop. */
  onYield(epoch: number, batch: number, logs?: object): void | Promise<void> {
    return this.#hooks.runYield(epoch, batch, logs);
  }

  /**
   * Call `onException` of every callback. Failures of the hook cause warnings and are never thrown.
   */
  async onException(error: unknown): Promise<void> {
    await this.#hooks.runAll("onException", [error], true);
  }

  /**
   * Release the resources of every callback. Each is called even if another one fails; may be
   * called again.
   *
   * @param failure the error that is already ending the run, if any: failures of `close` then cause
   *   warnings instead of errors
   * @throws CallbackError of the first callback whose `close` failed (`CALLBACK_CLOSE`)
   */
  async close(failure?: unknown): Promise<void> {
    await this.#hooks.runAll("close", [], failure !== undefined);
  }

  /** Time spent so far in each hook of each callback, longest first. */
  timings(): HookTiming[] {
    return this.#hooks.runner.timings();
  }

  /** One line about the disabled callbacks and the reasons; undefined if there are none. */
  summary(): string | undefined {
    return this.#hooks.policy.summary();
  }

  /** Keys of the states that {@linkcode setState} accepts: name and `stateKey` of each callback. */
  get stateKeys(): string[] {
    return keysOf(this.callbacks);
  }

  /**
   * States of the callbacks, each under its name and `stateKey`:
   * `EarlyStopping (monitor val_loss, mode min)`. Callbacks that share a key have one entry if
   * their states are equal, and otherwise none, with one warning that suggests a `name`. Disabled
   * callbacks have none.
   *
   * @returns plain data for {@linkcode setState}
   * @throws CallbackError if a callback fails to return its state (`CALLBACK_STATE`)
   */
  getState(): Promise<Record<string, CallbackState>> {
    return getStates(this.callbacks, {
      isIncluded: (callback) => !this.#hooks.policy.isDisabled(callback),
      onFailure: (...failed) => this.#hooks.policy.handle(...failed),
      onTwins: (key, count) => this.#warnOfTwins(key, count),
    });
  }

  /**
   * Wait until the files to which the states refer are on the disk. Call it right after
   * {@linkcode getState}; hooks may be called before it is done.
   *
   * @throws CallbackError when a callback fails to write its files (`CALLBACK_STATE`)
   */
  syncStates(): Promise<void> {
    return syncStates(this.callbacks, {
      isIncluded: (callback) => !this.#hooks.policy.isDisabled(callback),
      onFailure: (...failed) => this.#hooks.policy.handle(...failed),
    });
  }

  /**
   * Restore the states that {@linkcode getState} returned, by key. Call it before `onTrainBegin`: a
   * callback with a restored state continues from it instead of being reset. A callback without an
   * entry keeps its state.
   *
   * @throws CallbackError for an entry that no callback of the list accepts; then nothing is
   *   restored (`CALLBACK_STATE`)
   * @throws CallbackError if a callback fails to accept its state (`CALLBACK_STATE`)
   */
  setState(states: Record<string, CallbackState>): Promise<void> {
    return setStates(this.callbacks, states, (...failed) => this.#hooks.policy.handle(...failed));
  }

  #warnOfTwins(key: string, count: number): void {
    if (this.#twins.has(key)) return;
    this.#twins.add(key);
    console.warn(
      `keepfit: ${count} callbacks have the key ${key}: their states are not saved; give each a ` +
        `name`,
    );
  }
}
