import type {
  CallbackLike,
  ErrorPolicy,
  Params,
  ResumableLoop,
  ResumableTraining,
} from "./callback.ts";
import { isOfClass } from "./class_name.ts";
import {
  type CallbackReference,
  type CallbacksArgument,
  flatten,
  type TfjsCallback,
} from "./flatten.ts";
import { checkIsRecord, isErrorPolicy, isRecord, showValue } from "./given_options.ts";
import { History } from "./history.ts";
import { HookCaller } from "./hook_caller.ts";
import type { TrainableModel } from "./model.ts";
import { inTurn } from "./promise.ts";
import type { ListHook } from "./receivers.ts";
import { warnOfUnknownOption } from "./unknown_option.ts";

export type { CallbackReference, CallbacksArgument, HookCaller, ListHook, TfjsCallback };

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
 * `fit`, `evaluate` and `predict` create one. Create one yourself to drive callbacks from a custom
 * loop: call the hooks, await their results, and call `close()` in a `finally`. Logs may contain
 * scalar tensors, which are read but not disposed. A hook returns a promise only if a callback did,
 * or a value in the logs must be awaited.
 *
 * A callback that throws ends the run with a {@linkcode CallbackError} unless its `onError` (or the
 * list's) is `"disable"` (disable it for the rest of the run) or `"warn"` (continue to call it).
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
export class CallbackList extends HookCaller implements ResumableTraining {
  /** The run's history: the last {@linkcode History} in the list, if there is one. */
  readonly history: History | undefined;
  /**
   * Epoch to start at, set by a callback before training begins; each run clears it. `fit` uses it
   * unless it is 0 or undefined; in a custom loop, read it after `onTrainBegin`.
   */
  initialEpoch: number | undefined;
  /**
   * Progress of the loop that calls this list, until {@linkcode close}. `fit` sets it. In a custom
   * loop, set it before `onTrainBegin`, and `BackupAndRestore` saves and restores it. Default:
   * undefined.
   */
  loop: ResumableLoop | undefined;

  #params: Params | undefined;

  /**
   * Flatten the callbacks, order their hooks and pass on the model and params.
   *
   * @param callbacks callbacks in any form except references, which need `await loadPlugin` first;
   * `null`, `undefined` and `false` are ignored
   * @param options model and params to pass on, and callbacks to add
   * @throws CallbackError for a value that is not a callback (`CALLBACK_INVALID`)
   * @throws CallbackError for one callback listed twice (`CALLBACK_DUPLICATE`)
   * @throws RangeError for an unknown `onError`
   * @throws CallbackError for conflicting ordering constraints (`CALLBACK_ORDER`)
   * @throws CallbackError if a callback fails to accept the model or params (`CALLBACK_HOOK`)
   */
  constructor(callbacks: CallbacksArgument = [], options: CallbackListOptions = {}) {
    const { onError = "throw" } = checkListOptions(options);
    const list = flatten(callbacks);
    if (options.addHistory && !list.some(isHistory)) list.push(new History());
    if (options.addProgbar && !list.some(isProgbar)) list.push(...flatten(options.addProgbar));
    super(list, onError);
    this.history = list.findLast(isHistory);
    if (options.model) this.setModel(options.model);
    if (options.params) this.setParams(options.params);
  }

  /** Pass the model to every callback. A promise is awaited before a run begins. */
  override setModel(model: TrainableModel): void {
    if (this.history !== undefined) (model as { history?: History }).history = this.history;
    super.setModel(model);
  }

  /** Pass the parameters of the run to every callback. A promise is awaited before a run begins. */
  override setParams(params: Params): void {
    this.#params = params;
    super.setParams(params);
  }

  /** Call `beforeTrainBegin` and then `onTrainBegin` of every callback. */
  override onTrainBegin(logs?: object): void | Promise<void> {
    this.initialEpoch = undefined;
    return inTurn(this.beforeTrainBegin(this), () => {
      if (this.#params !== undefined && this.initialEpoch) {
        this.#params.initialEpoch = this.initialEpoch;
      }
      return super.onTrainBegin(logs);
    });
  }

  /** Release the resources of every callback, like {@linkcode HookCaller.close}. */
  override async close(failure?: unknown): Promise<void> {
    try {
      await super.close(failure);
    } finally {
      this.loop = undefined;
      this.signal = undefined;
      if (this.history !== undefined) {
        this.history.timings = this.timings();
        this.history.failures = this.failures.slice();
      }
    }
  }
}

const optionNames = ["model", "params", "addHistory", "addProgbar", "onError"];

function checkListOptions(options: CallbackListOptions): CallbackListOptions {
  checkIsRecord("CallbackList", options);
  const { onError } = options;
  if (onError !== undefined && !isErrorPolicy(onError)) {
    // It is also an option of fit, so the message does not name the list.
    throw new RangeError(
      `Cannot use onError ${showValue(onError)}: it must be "throw", "disable" or "warn"`,
    );
  }
  for (const [name, value] of Object.entries(options)) {
    if (!optionNames.includes(name)) warnOfUnknownOption("CallbackList", name, optionNames);
    const expected = wrongOption(name, value);
    if (expected === undefined) continue;
    throw new TypeError(
      `Cannot create CallbackList with ${name} ${showValue(value)}: ${name} must be ${expected}`,
    );
  }
  return options;
}

/** Expected type of an invalid option; undefined if it is valid. Null counts as not set. */
function wrongOption(name: string, value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (name === "model" || name === "params") return isRecord(value) ? undefined : "an object";
  if (name === "addHistory") return typeof value === "boolean" ? undefined : "true or false";
  if (name !== "addProgbar") return undefined;
  return value === false || isRecord(value) ? undefined : "a ProgbarLogger or false";
}

function isHistory(callback: CallbackLike): callback is History {
  return isOfClass(callback, History.className);
}

function isProgbar(callback: CallbackLike): boolean {
  return isOfClass(callback, "ProgbarLogger");
}
