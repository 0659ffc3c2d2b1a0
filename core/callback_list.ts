import type {
  CallbackHooks,
  CallbackLike,
  CallbackState,
  ErrorPolicy,
  Params,
  PredictLogs,
} from "./callback.ts";
import { CallbackError, type CallbackErrorContext, messageOf } from "./errors.ts";
import { type CallbackFailure, History, type HookTiming } from "./history.ts";
import { normalizeLogs } from "./logs.ts";
import type { TrainableModel } from "./model.ts";

/** Callbacks in the forms that `fit` takes: one, or a list that may hold lists. */
export type CallbacksArgument =
  | CallbackLike
  | CallbackList
  | readonly (CallbacksArgument | null | undefined | false)[]
  | null
  | undefined;

/** Options of {@linkcode CallbackList}. */
export interface CallbackListOptions {
  /** Told to each callback before anything else. */
  model?: TrainableModel;
  /** Told to each callback after the model. */
  params?: Params;
  /** Append a {@linkcode History} when the list has none. Default: false. */
  addHistory?: boolean;
  /** Append a progress bar when the list has none. Default: false. */
  addProgbar?: boolean | (() => CallbackLike);
  /** What a failing hook does to the run, for callbacks that do not say. Default: `"throw"`. */
  onError?: ErrorPolicy;
}

type HookName = keyof CallbackHooks;

/** A hook of one callback, looked up once. */
interface Receiver {
  callback: CallbackLike;
  name: string;
  hook: HookName;
  call: (...args: unknown[]) => unknown;
  timing: HookTiming;
}

const hookNames = [
  "onTrainBegin",
  "onTrainEnd",
  "onEpochBegin",
  "onEpochEnd",
  "onTrainBatchBegin",
  "onTrainBatchEnd",
  "onTestBegin",
  "onTestEnd",
  "onTestBatchBegin",
  "onTestBatchEnd",
  "onPredictBegin",
  "onPredictEnd",
  "onPredictBatchBegin",
  "onPredictBatchEnd",
  "onException",
  "close",
] as const satisfies readonly HookName[];

type ListHook = (typeof hookNames)[number];

const olderNames: Partial<Record<ListHook, HookName>> = {
  onTrainBatchBegin: "onBatchBegin",
  onTrainBatchEnd: "onBatchEnd",
};

/**
 * Calls the hooks of many callbacks, in list order.
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
export class CallbackList {
  /** The callbacks, flattened, in the order in which they are called. */
  readonly callbacks: readonly CallbackLike[];
  /** Hooks that failed without ending the run. */
  readonly failures: CallbackFailure[] = [];
  /** The run's history: the last {@linkcode History} in the list, if there is one. */
  readonly history: History | undefined;

  #receivers: Record<ListHook, Receiver[]>;
  #timings: HookTiming[] = [];
  #onError: ErrorPolicy;
  #epoch: number | undefined;

  /**
   * @param callbacks callbacks in any form; `null`, `undefined` and `false` are left out
   * @param options what to tell them, and what to add
   * @throws CallbackError for something that is no callback (`CALLBACK_INVALID`)
   * @throws CallbackError for one callback listed twice (`CALLBACK_DUPLICATE`)
   */
  constructor(callbacks: CallbacksArgument = [], options: CallbackListOptions = {}) {
    const list = flatten(callbacks);
    if (options.addHistory && !list.some(isHistory)) list.push(new History());
    if (typeof options.addProgbar === "function" && !list.some(isProgbar)) {
      list.push(options.addProgbar());
    }
    if (new Set(list).size < list.length) {
      const twice = list.find((one, i) => list.indexOf(one) !== i) as CallbackLike;
      throw new CallbackError(
        "CALLBACK_DUPLICATE",
        `Cannot use ${nameOf(twice)} twice in one list: its state is its own; make a second one`,
        { callback: nameOf(twice) },
      );
    }
    this.callbacks = list;
    this.history = list.findLast(isHistory);
    this.#onError = options.onError ?? "throw";
    this.#receivers = this.#lookUp();
    if (options.model !== undefined) this.setModel(options.model);
    if (options.params !== undefined) this.setParams(options.params);
  }

  /** Tell every callback the model. */
  setModel(model: TrainableModel): void {
    if (this.history !== undefined) (model as { history?: History }).history = this.history;
    for (const callback of this.callbacks) {
      this.#tell(callback, "setModel", () => callback.setModel?.(model as never));
    }
  }

  /** Tell every callback about the run. */
  setParams(params: Params): void {
    for (const callback of this.callbacks) {
      this.#tell(callback, "setParams", () => callback.setParams?.(params));
    }
  }

  /** True when some callback has this hook. */
  has(hook: ListHook): boolean {
    return this.#receivers[hook].length > 0;
  }

  /** True when some callback reads the training logs of this batch. */
  readsBatchLogs(batch: number): boolean {
    return this.#receivers.onTrainBatchEnd.some(({ callback }) =>
      callback.readsBatchLogs?.(batch) ?? true
    );
  }

  onTrainBegin(logs?: object): void | Promise<void> {
    this.#epoch = undefined;
    return this.#run("onTrainBegin", logs);
  }

  onTrainEnd(logs?: object): void | Promise<void> {
    return this.#run("onTrainEnd", logs);
  }

  onEpochBegin(epoch: number, logs?: object): void | Promise<void> {
    this.#epoch = epoch;
    return this.#runAt("onEpochBegin", epoch, logs);
  }

  onEpochEnd(epoch: number, logs?: object): void | Promise<void> {
    this.#epoch = epoch;
    return this.#runAt("onEpochEnd", epoch, logs);
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
    return this.#dispatch(receivers, 0, [batch, logs ?? {}], { batch });
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
    await this.#runAll("close", [], failure !== undefined);
    if (this.history !== undefined) {
      this.history.timings = this.timings();
      this.history.failures = this.failures.slice();
    }
  }

  /** How long each hook of each callback has taken so far, the longest first. */
  timings(): HookTiming[] {
    return this.#timings.filter(({ calls }) => calls > 0)
      .sort((a, b) => b.milliseconds - a.milliseconds);
  }

  /**
   * What the callbacks remember, keyed by name; a second callback of one name gets `#2`.
   *
   * @returns plain data for {@linkcode setState}
   */
  async getState(): Promise<Record<string, CallbackState>> {
    const states: Record<string, CallbackState> = {};
    for (const [key, callback] of this.#keyed()) {
      if (callback.getState !== undefined) states[key] = await callback.getState();
    }
    return states;
  }

  /**
   * Give the callbacks back what {@linkcode getState} told, by name. A callback that has no entry
   * keeps what it has.
   *
   * @throws CallbackError for an entry that no callback of the list takes (`CALLBACK_STATE`)
   */
  async setState(states: Record<string, CallbackState>): Promise<void> {
    const keyed = this.#keyed();
    for (const [key, state] of Object.entries(states)) {
      const callback = keyed.get(key);
      if (callback?.setState === undefined) {
        throw new CallbackError(
          "CALLBACK_STATE",
          `Cannot restore the state of ${key}: the list has ${
            [...keyed.keys()].join(", ") || "no callback"
          }`,
          { callback: key },
        );
      }
      await callback.setState(state);
    }
  }

  #keyed(): Map<string, CallbackLike> {
    const keyed = new Map<string, CallbackLike>();
    const count = new Map<string, number>();
    for (const callback of this.callbacks) {
      const name = nameOf(callback);
      const nth = (count.get(name) ?? 0) + 1;
      count.set(name, nth);
      keyed.set(nth === 1 ? name : `${name}#${nth}`, callback);
    }
    return keyed;
  }

  #lookUp(): Record<ListHook, Receiver[]> {
    const receivers = {} as Record<ListHook, Receiver[]>;
    for (const hook of hookNames) {
      receivers[hook] = [];
      for (const callback of this.callbacks) {
        const own = typeof callback[hook] === "function" ? hook : olderNames[hook];
        if (own === undefined || typeof callback[own] !== "function") continue;
        const name = nameOf(callback);
        const timing = { callback: name, hook, calls: 0, milliseconds: 0 };
        this.#timings.push(timing);
        receivers[hook].push({
          callback,
          name,
          hook,
          call: (...args) => (callback[own] as (...args: unknown[]) => unknown)(...args),
          timing,
        });
      }
    }
    return receivers;
  }

  #run(hook: ListHook, logs: object | undefined): void | Promise<void> {
    const receivers = this.#receivers[hook];
    if (receivers.length > 0) return this.#dispatch(receivers, 0, [normalizeLogs(logs)], {});
  }

  #runAt(hook: ListHook, index: number, logs: object | undefined): void | Promise<void> {
    const receivers = this.#receivers[hook];
    if (receivers.length === 0) return;
    const context = hook.startsWith("onEpoch") ? {} : { batch: index };
    return this.#dispatch(receivers, 0, [index, normalizeLogs(logs)], context);
  }

  /** Call the receivers from `first` on; goes on asynchronously from the first promise. */
  #dispatch(
    receivers: Receiver[],
    first: number,
    args: unknown[],
    context: { batch?: number },
  ): void | Promise<void> {
    // A receiver that is disabled meanwhile replaces the list, never this array.
    for (let i = first; i < receivers.length; i++) {
      const receiver = receivers[i];
      const began = performance.now();
      let result: unknown;
      try {
        result = receiver.call(...args);
      } catch (error) {
        this.#count(receiver, began);
        this.#fail(receiver, error, context);
        continue;
      }
      if (isPromise(result)) return this.#dispatchFrom(receivers, i, args, context, result, began);
      this.#count(receiver, began);
    }
  }

  async #dispatchFrom(
    receivers: Receiver[],
    i: number,
    args: unknown[],
    context: { batch?: number },
    pending: PromiseLike<unknown>,
    began: number,
  ): Promise<void> {
    try {
      await pending;
      this.#count(receivers[i], began);
    } catch (error) {
      this.#count(receivers[i], began);
      this.#fail(receivers[i], error, context);
    }
    await this.#dispatch(receivers, i + 1, args, context);
  }

  /** Call a hook of every callback, whatever another one throws. */
  async #runAll(hook: "onException" | "close", args: unknown[], report: boolean): Promise<void> {
    let first: CallbackError | undefined;
    for (const receiver of this.#receivers[hook]) {
      const began = performance.now();
      try {
        await receiver.call(...args);
      } catch (error) {
        const failure = new CallbackError(
          hook === "close" ? "CALLBACK_CLOSE" : "CALLBACK_HOOK",
          `Callback ${receiver.name} failed in ${hook}: ${messageOf(error)}`,
          { callback: receiver.name, hook, cause: error },
        );
        if (report || first !== undefined || this.#policy(receiver.callback) !== "throw") {
          console.warn(`keepfit: ${failure.message}`);
        } else {
          first = failure;
        }
      }
      this.#count(receiver, began);
    }
    if (first !== undefined) throw first;
  }

  #count(receiver: Receiver, began: number): void {
    receiver.timing.calls++;
    receiver.timing.milliseconds += performance.now() - began;
  }

  #tell(callback: CallbackLike, verb: "setModel" | "setParams", call: () => unknown): void {
    try {
      call();
    } catch (error) {
      throw hookError(nameOf(callback), verb, error, {});
    }
  }

  #policy(callback: CallbackLike): ErrorPolicy {
    return callback.onError ?? this.#onError;
  }

  #fail(receiver: Receiver, error: unknown, context: { batch?: number }): void {
    const { callback, name, hook } = receiver;
    const failure = hookError(name, hook, error, { epoch: this.#epoch, ...context });
    const policy = this.#policy(callback);
    if (policy === "throw") throw failure;
    this.failures.push({ callback: name, hook, policy, error });
    if (policy === "disable") {
      for (const each of hookNames) {
        // It still has files to close.
        if (each === "close") continue;
        this.#receivers[each] = this.#receivers[each].filter((one) => one.callback !== callback);
      }
      console.warn(`keepfit: ${failure.message}; it is left out of the rest of this run`);
    } else if (
      !this.failures.slice(0, -1).some((one) => one.callback === name && one.hook === hook)
    ) {
      console.warn(`keepfit: ${failure.message}; training goes on, more of these are not shown`);
    }
  }
}

function hookError(
  name: string,
  hook: string,
  cause: unknown,
  at: Pick<CallbackErrorContext, "epoch" | "batch">,
): CallbackError {
  const where = [
    at.epoch === undefined ? "" : `epoch ${at.epoch}`,
    at.batch === undefined ? "" : `batch ${at.batch}`,
  ].filter((part) => part !== "").join(", ");
  return new CallbackError(
    "CALLBACK_HOOK",
    `Callback ${name} failed in ${hook}${where && ` (${where})`}: ${messageOf(cause)}`,
    { ...at, callback: name, hook, cause },
  );
}

/** What messages call a callback: its own name, else its class. */
export function nameOf(callback: CallbackLike): string {
  if (typeof callback.name === "string" && callback.name !== "") return callback.name;
  const name = Object.getPrototypeOf(callback)?.constructor?.name;
  return typeof name === "string" && name !== "" && name !== "Object" ? name : "(plain object)";
}

function flatten(callbacks: CallbacksArgument): CallbackLike[] {
  if (callbacks === null || callbacks === undefined) return [];
  if (callbacks instanceof CallbackList) return [...callbacks.callbacks];
  if (Array.isArray(callbacks)) {
    return callbacks.flatMap((one) => one === false ? [] : flatten(one));
  }
  if (typeof callbacks === "function") {
    const name = (callbacks as { name?: string }).name || "a function";
    throw invalid(`${name} is a class or a function; write new ${name}(...)`);
  }
  if (typeof callbacks !== "object") throw invalid(`got ${typeof callbacks} ${String(callbacks)}`);
  const one = callbacks as CallbackLike;
  if (
    ![...hookNames, "onBatchBegin", "onBatchEnd", "setModel", "setParams"].some((hook) =>
      hook in one
    )
  ) {
    throw invalid(
      `it has none of the hooks${
        Object.keys(one).length ? `; it has ${Object.keys(one).join(", ")}` : ""
      }`,
    );
  }
  return [one];
}

function invalid(reason: string): CallbackError {
  return new CallbackError("CALLBACK_INVALID", `Cannot use this as a callback: ${reason}`);
}

// By shape and not by class: a plugin or a second copy of keepfit may bring its own.
function isHistory(callback: CallbackLike): callback is History {
  return nameOf(callback) === "History" && "history" in callback && "at" in callback;
}

function isProgbar(callback: CallbackLike): boolean {
  return nameOf(callback) === "ProgbarLogger";
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as PromiseLike<unknown>).then === "function";
}
