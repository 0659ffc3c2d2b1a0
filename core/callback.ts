import { classNameOf } from "./class_name.ts";
import { checkErrorPolicy, checkIsRecord } from "./given_options.ts";
import type { Logs } from "./logs.ts";
import type { TrainableModel } from "./model.ts";

/** The result of a hook is ignored, except that a promise is awaited before training continues. */
export type HookResult = unknown;

/** Facts about a run, known before it begins; Keras's three keys first. */
export interface Params {
  /**
   * Verbosity as passed by the user: 0 silent, 1 progress bar, 2 one line per epoch; `"auto"` is 1.
   */
  verbose: number | "auto";
  /** Epoch at which training ends, exclusive (not a count); 1 in evaluate and predict. */
  epochs: number;
  /** Batches of an epoch; null while unknown. */
  steps: number | null;
  /**
   * Batches between two calls of the batch hooks. An end hook with the index `batch` ends an
   * execution of `batch % stepsPerExecution + 1` batches. Default: 1.
   */
  stepsPerExecution?: number;
  /** Epoch to start at. */
  initialEpoch?: number;
  /** Rows of a batch, if known. */
  batchSize?: number | null;
  /** Order of the rows in `fit`; undefined for a dataset. */
  shuffle?: boolean | "batch";
  /** Rows of an epoch, if known. */
  samples?: number | null;
  /** Whether the run validates. */
  doValidation?: boolean;
  /** The validation data, if its size is known. */
  validation?: { samples: number | null; steps: number | null };
  /** Interval of validation as passed to `fit`; undefined for every epoch. */
  validationFreq?: number | readonly number[];
  /** Keys of the epoch logs, including those with `val_`. */
  metrics?: string[];
  /** Direction of improvement of each metric that declares one. */
  directions?: Record<string, "min" | "max">;
  /** Seed of the order of the rows; pass it to `fit` again for the same order. */
  seed?: number;
  /**
   * Position at which `fit` continues a run that a callback has restored, set before
   * `onTrainBegin`: the epoch, 0-based, and how many of its batches were trained before. If there
   * are any, `onEpochBegin` was called for this epoch before. Default: undefined, for a run that
   * starts from the beginning.
   */
  resumedAt?: { epoch: number; batch: number };
}

/** Plain data: values that survive `structuredClone`. */
export type StateValue =
  | null
  | boolean
  | number
  | string
  | ArrayBufferView
  | StateValue[]
  | { [key: string]: StateValue | undefined };

/** State of a callback between batches, as plain data. */
export type CallbackState = { [key: string]: StateValue | undefined };

/** Progress of a training loop, to be saved and restored. */
export interface ResumableLoop {
  /**
   * Whether the run ends on request between two batches or epochs, where the states of all
   * callbacks are consistent. Default: undefined, unknown.
   */
  readonly isInterrupted?: boolean;
  /**
   * Whether it yields to the event loop at least every second, so that background work such as a
   * write continues during training. Default: false.
   */
  readonly yieldsOften?: boolean;
  /** Seed chosen by the script. Default: undefined, so that a restored state determines it. */
  readonly givenSeed?: number;
  /** The progress as plain data: in `fit` the epoch, batch, seed, running means and more. */
  getState(): CallbackState | Promise<CallbackState>;
  /** Continue from a state of {@linkcode getState}, in this process or another one. */
  setState(state: CallbackState): void | Promise<void>;
}

/** A training that is about to begin and may continue an earlier run. A `CallbackList` is one. */
export interface ResumableTraining {
  /** Epoch to start at. Default: undefined, the epoch that the caller of `fit` chose. */
  initialEpoch: number | undefined;
  /** Progress of the loop. Default: undefined, for a loop that cannot restore it. */
  loop: ResumableLoop | undefined;
  /** Keys of the states that the callbacks accept. */
  readonly stateKeys: readonly string[];
  /** States of the callbacks, by key. */
  getState(): Promise<Record<string, CallbackState>>;
  /** Wait until what the states refer to is on the disk; call it right after `getState`. */
  syncStates(): Promise<void>;
  /** Restore the states of the callbacks, by key. */
  setState(states: Record<string, CallbackState>): Promise<void>;
}

/** Error policy of a hook: end the run, disable the callback, or only warn. */
export type ErrorPolicy = "throw" | "disable" | "warn";

/** Logs of `onPredictBatchEnd`: the batch's outputs, one tensor or one per model output. */
export interface PredictLogs {
  /** Disposed after the hook: `clone()` tensors that must live longer. */
  outputs: unknown;
  /** Logs in addition to the outputs. */
  [name: string]: unknown;
}

/**
 * Every hook of a run, all optional. Epochs and batches count from 0. The hooks of a callback are
 * looked up once, when a run begins: a missing hook costs nothing.
 */
export interface CallbackHooks {
  /**
   * Before any callback's `onTrainBegin`, to restore an earlier run, including the other callbacks.
   * Not in Keras.
   */
  beforeTrainBegin?(training: ResumableTraining): HookResult;
  /** When training begins. */
  onTrainBegin?(logs: Logs): HookResult;
  /** When training ends, with the logs of the last epoch. */
  onTrainEnd?(logs: Logs): HookResult;
  /**
   * After every callback's `onTrainEnd` has succeeded, to remove data that only a resumed run
   * needs. Not in Keras.
   */
  afterTrainEnd?(): HookResult;
  /**
   * When an epoch begins, and when a restored run continues within it (see `params.resumedAt`).
   */
  onEpochBegin?(epoch: number, logs: Logs): HookResult;
  /** When an epoch ends, after validation. The logs are means over the epoch and `val_` means. */
  onEpochEnd?(epoch: number, logs: Logs): HookResult;
  /** After every callback's `onEpochEnd`, to save their states. Not in Keras. */
  afterEpochEnd?(epoch: number): HookResult;
  /** Before a batch is trained on. */
  onTrainBatchBegin?(batch: number, logs: Logs): HookResult;
  /** After a batch is trained on. The logs are means since the epoch began. */
  onTrainBatchEnd?(batch: number, logs: Logs): HookResult;
  /** Older name of {@linkcode onTrainBatchBegin}; used if that one is absent. */
  onBatchBegin?(batch: number, logs: Logs): HookResult;
  /** Older name of {@linkcode onTrainBatchEnd}; used if that one is absent. */
  onBatchEnd?(batch: number, logs: Logs): HookResult;
  /** When an evaluation or a validation begins. */
  onTestBegin?(logs: Logs): HookResult;
  /** When an evaluation or a validation ends. The keys of the logs have no `val_`. */
  onTestEnd?(logs: Logs): HookResult;
  /** Before a batch is evaluated. */
  onTestBatchBegin?(batch: number, logs: Logs): HookResult;
  /** After a batch is evaluated. The logs are means so far. */
  onTestBatchEnd?(batch: number, logs: Logs): HookResult;
  /** When a prediction begins. */
  onPredictBegin?(logs: Logs): HookResult;
  /** When a prediction ends. */
  onPredictEnd?(logs: Logs): HookResult;
  /** Before a batch is predicted. */
  onPredictBatchBegin?(batch: number, logs: Logs): HookResult;
  /** After a batch is predicted. The logs contain its outputs. */
  onPredictBatchEnd?(batch: number, logs: PredictLogs): HookResult;
  /**
   * After the loop of `fit` has yielded to the event loop, as set by `yieldEvery`. A hook of
   * TensorFlow.js; not in Keras.
   */
  onYield?(epoch: number, batch: number, logs: Logs): HookResult;
  /** When the run is about to fail with `error`. No `onEpochEnd` or `onTrainEnd` follows. */
  onException?(error: unknown): HookResult;
  /** Release all resources. Always called last, possibly more than once. */
  close?(): HookResult;
}

/** Position among the callbacks of a hook. */
export interface HookOrder {
  /**
   * Before or after all callbacks without an order. Default: `"normal"`, the position in the list.
   */
  order?: "pre" | "normal" | "post";
  /** Names of callbacks that this one must precede, if they are in the list. */
  before?: readonly string[];
  /** Names of callbacks that this one must follow, if they are in the list. */
  after?: readonly string[];
}

/** Optional members in addition to the hooks. */
export interface CallbackAbilities {
  /** Name in messages and saved states. Default: the name of the class. */
  name?: string;
  /**
   * Distinguishes the states of callbacks with the same name: the monitored value, the path it
   * writes to. A state is restored only into a callback of the same name and key.
   */
  readonly stateKey?: string;
  /** Error policy of its hooks. Default: the run's `onError`. */
  onError?: ErrorPolicy;
  /**
   * Receives the params before `onTrainBegin`, after the model. A promise is awaited before the run
   * begins.
   */
  setParams?(params: Params): HookResult;
  /** Receives the model of the run. A promise is awaited before the run begins. */
  setModel?(model: never): HookResult;
  /** Its state as plain data; a promise if weights must be read from a device. */
  getState?(): CallbackState | Promise<CallbackState>;
  /**
   * Wait until the files to which the last state of {@linkcode getState} refers are on the disk.
   * Training continues meanwhile, and the state is saved afterwards. Default: nothing is awaited.
   */
  syncState?(): Promise<void>;
  /** Restore a state of {@linkcode getState}, from this process or another one. */
  setState?(state: CallbackState): void | Promise<void>;
  /**
   * Whether `onTrainBatchEnd` reads the logs of this batch. If no callback does, the values stay on
   * the device and the hook receives empty logs. Default: always.
   */
  readsBatchLogs?(batch: number): boolean;
  /** Position of this callback for a hook. Called once, by the list. */
  hookOrder?(hook: string): HookOrder | undefined;
}

/** A callback in any form: a {@linkcode Callback}, a plain object of hooks, a `tf.Callback`. */
export type CallbackLike = CallbackHooks & CallbackAbilities;

/** Options that every callback of the catalog takes in addition to its own. */
export interface CallbackOptions {
  /**
   * Name in messages and saved states. It distinguishes two callbacks of one class that monitor the
   * same value or write to the same path. Default: the name of the class.
   */
  name?: string;
  /** Error policy of its hooks. Default: the run's (`"throw"`). */
  onError?: ErrorPolicy;
}

/** The hooks of a callback, declared rather than defined: only hooks that exist are called. */
export interface Callback<Model extends TrainableModel = TrainableModel> extends CallbackHooks {
  /** Distinguishes its state: the monitored value, the path it writes to. Default: undefined. */
  readonly stateKey?: string;
  /** Whether `onTrainBatchEnd` reads the logs of this batch. Default: always. */
  readsBatchLogs?(batch: number): boolean;
  /** Position of this callback among the others. Default: its position in the list. */
  hookOrder?(hook: string): HookOrder | undefined;
}

/**
 * The base of a callback. Extend it and define the hooks you need; each may return a promise.
 *
 * This is when they are called (`fit`, in pseudo-code):
 *
 * ```text
 * setModel, setParams                        each callback, in list order
 * model.stopTraining = false
 * beforeTrainBegin(training), onTrainBegin({})
 * for epoch in initialEpoch .. epochs - 1
 *   onEpochBegin(epoch, {})
 *   for batch in 0 .. steps - 1
 *     onTrainBatchBegin(batch, {})
 *     forward, loss, gradients, update
 *     onTrainBatchEnd(batch, means since the epoch began)
 *     stopTraining? leave the batches
 *   validation due?
 *     onTestBegin({})
 *     for each batch: onTestBatchBegin(batch, {}), onTestBatchEnd(batch, means so far)
 *     onTestEnd(means)                       keys without val_
 *   onEpochEnd(epoch, means and val_ means), afterEpochEnd(epoch)
 *   stopTraining? leave the epochs
 * onTrainEnd(logs of the last epoch), afterTrainEnd()
 *
 * on any error: onException(error) instead of what was still to come
 * always, last: close()
 * ```
 *
 * The callbacks of a hook are called in list order. With `hookOrder(hook)`, a callback comes before
 * all those (`order: "pre"`), after them (`"post"`), or before and after others by name.
 *
 * With `stepsPerExecution`, the batch hooks are called for several batches together: begin hooks with
 * the index of the first, end hooks with that of the last.
 *
 * `evaluate` runs only the four test hooks, `predict` the four predict hooks, whose batch end
 * receives `{ outputs }`. A stop in a begin hook lets one batch run; validation, epoch end and
 * train end always follow. Order and arguments are those of Keras 3
 * (`keras/src/callbacks/callback.py`, `backend/tensorflow/trainer.py`).
 *
 * @example
 * ```ts
 * import { Callback, CallbackList, type Logs } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * class Worst extends Callback {
 *   loss = -Infinity;
 *   override onEpochEnd(_epoch: number, logs: Logs) {
 *     this.loss = Math.max(this.loss, logs.loss);
 *   }
 * }
 *
 * const worst = new Worst();
 * const list = new CallbackList([worst]);
 * await list.onEpochEnd(0, { loss: 2 });
 * await list.onEpochEnd(1, { loss: 1 });
 * assert.equal(worst.loss, 2);
 * ```
 */
export class Callback<Model extends TrainableModel = TrainableModel> {
  /**
   * Name of the class in messages and saved states. Set it in your own classes: otherwise the name
   * in the source is used, which a minifier changes with each build.
   */
  static readonly className: string = "Callback";

  /** Facts about the run; null before {@linkcode setParams}. */
  params: Params | null = null;
  /** Error policy of its hooks; undefined for the run's. */
  onError: ErrorPolicy | undefined;
  #model: Model | null = null;

  /**
   * Start without a model or params; the run sets them.
   *
   * @param options options of every callback
   */
  constructor(options: CallbackOptions = {}) {
    const owner = classNameOf(this);
    checkIsRecord(owner, options);
    checkErrorPolicy(owner, options.onError);
    this.onError = options.onError;
    // Not a field, which subclasses would have to override.
    if (options.name !== undefined) Object.assign(this, { name: options.name });
  }

  /**
   * The model of the run: the object that was passed to `fit`. In a `Callback<tf.LayersModel>` it
   * has that type.
   *
   * @throws TypeError before a run has set it
   */
  get model(): Model & TrainableModel {
    if (this.#model === null) {
      throw new TypeError(
        `Cannot read the model of ${classNameOf(this)}: it is set when a run begins`,
      );
    }
    return this.#model;
  }

  /** Called by the list before any hook. */
  setModel(model: Model): void {
    this.#model = model;
  }

  /** Called by the list after {@linkcode setModel}. */
  setParams(params: Params): void {
    this.params = params;
  }
}
