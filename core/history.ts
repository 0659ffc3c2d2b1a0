import { Callback, type CallbackState } from "./callback.ts";
import { addOtherNames, type Logs } from "./logs.ts";

/**
 * The history of a run: all epoch logs by name. `fit` creates one and returns it.
 *
 * Each run resets both lists (Keras 3.15 resets `epoch` and lets `history` grow). A key that some
 * epochs lack (`val_loss` with `validationFreq`) has a shorter list; `at` returns the epochs of its
 * values.
 *
 * Source: `keras/src/callbacks/history.py`.
 *
 * @example
 * ```ts
 * import { CallbackList, History } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * const history = new History();
 * const list = new CallbackList([history]);
 * await list.onTrainBegin();
 * await list.onEpochEnd(0, { loss: 0.5 });
 * await list.onEpochEnd(1, { loss: 0.25, val_loss: 0.3 });
 * assert.deepEqual(history.epoch, [0, 1]);
 * assert.deepEqual(history.history, { loss: [0.5, 0.25], val_loss: [0.3] });
 * assert.deepEqual(history.at("val_loss"), [1]);
 * ```
 */
export class History extends Callback {
  /** Name in messages and saved states. */
  static override readonly className: string = "History";

  /** The epochs that ended, 0-based. */
  epoch: number[] = [];
  /** Values of each key of the epoch logs, in order; keys by first appearance. */
  history: Record<string, number[]> = {};
  /** Total time of each hook of each callback; filled when the run ends. */
  timings: HookTiming[] = [];
  /** Failures of callbacks that did not end the run. */
  failures: CallbackFailure[] = [];
  /**
   * Whether the training steps are compiled, or computed by TensorFlow.js, and why; set by `fit` when
   * the first step is made. Default: undefined.
   */
  step: StepDescription | undefined;
  #at: Record<string, number[]> = {};
  #isResumed = false;

  /** The 0-based epochs that have a value of `name`; may be empty. */
  at(name: string): number[] {
    return this.#at[name] ?? [];
  }

  /** Start with empty lists, unless a backup restored them. */
  override onTrainBegin(): void {
    if (this.#isResumed) {
      this.#isResumed = false;
      return;
    }
    this.epoch = [];
    this.history = {};
    this.#at = {};
  }

  /** Append the logs of the epoch. */
  override onEpochEnd(epoch: number, logs: Logs): void {
    this.epoch.push(epoch);
    for (const [name, value] of Object.entries(logs)) {
      append(this.history, name, value);
      append(this.#at, name, epoch);
    }
    addOtherNames(this.history);
    addOtherNames(this.#at);
  }

  /** Reset the lists in the next run, even if a restored run failed before it began. */
  override onException(): void {
    this.#isResumed = false;
  }

  /** The lists, for a backup. */
  getState(): CallbackState {
    return structuredClone({ epoch: this.epoch, history: this.history, at: this.#at });
  }

  /** Restore the lists; the next `onTrainBegin` keeps them. */
  setState(state: CallbackState): void {
    const kept = structuredClone(state) as {
      epoch: number[];
      history: Record<string, number[]>;
      at: Record<string, number[]>;
    };
    this.epoch = kept.epoch;
    this.history = addOtherNames(kept.history);
    this.#at = addOtherNames(kept.at);
    this.#isResumed = true;
  }
}

function append(lists: Record<string, number[]>, name: string, value: number): void {
  // The other name of `acc` or `accuracy` shares a list.
  if (!Object.prototype.propertyIsEnumerable.call(lists, name)) lists[name] = [];
  lists[name].push(value);
}

/** How the steps of a model are computed. */
export interface StepDescription {
  /** Whether all of them are compiled; otherwise TensorFlow.js computes them layer by layer. */
  isCompiled: boolean;
  /** Why they are not compiled. Default: undefined. */
  reason?: string;
}

/** Time of one hook of one callback over a whole run. */
export interface HookTiming {
  /** Name of the callback. */
  callback: string;
  /** Name of the hook. */
  hook: string;
  /** Number of calls. */
  calls: number;
  /** Total milliseconds, including waiting for its promises. */
  milliseconds: number;
}

/** A hook that failed without ending the run. */
export interface CallbackFailure {
  /** Name of the callback. */
  callback: string;
  /** Name of the hook. */
  hook: string;
  /** Applied error policy. */
  policy: "disable" | "warn";
  /** The thrown error. */
  error: unknown;
}
