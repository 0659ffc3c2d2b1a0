import { Callback, type CallbackState } from "./callback.ts";
import { addOtherNames, type Logs } from "./logs.ts";

/**
 * What happened in a run: every epoch log, by name. `fit` makes one by itself and returns it.
 *
 * Both lists start anew with each run (Keras 3.15 resets `epoch` and lets `history` grow). A key
 * that some epochs lack (`val_loss` with `validationFreq`) has a shorter list; `at` tells which
 * epochs its values belong to.
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
  /** Its name in messages and saved states. */
  static override readonly className: string = "History";

  /** The epochs that ended, 0-based. */
  epoch: number[] = [];
  /** For each key of the epoch logs its values, in order; keys by first appearance. */
  history: Record<string, number[]> = {};
  /** How long each hook of each callback took in all; filled when the run ends. */
  timings: HookTiming[] = [];
  /** Callbacks that failed and were dropped or warned about. */
  failures: CallbackFailure[] = [];
  #at: Record<string, number[]> = {};
  #isResumed = false;

  /** The epochs, 0-based, that have a value of `name`; empty when none has. */
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

  /** Let the next run restart, even after a restored run that failed before it began. */
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
  // The other name of `acc` or `accuracy` reads a list that is not its own.
  if (!Object.prototype.propertyIsEnumerable.call(lists, name)) lists[name] = [];
  lists[name].push(value);
}

/** How long one hook of one callback took over a whole run. */
export interface HookTiming {
  /** Name of the callback. */
  callback: string;
  /** Name of the hook. */
  hook: string;
  /** Number of calls. */
  calls: number;
  /** Milliseconds in all, waiting for its promises included. */
  milliseconds: number;
}

/** A hook that failed without ending the run. */
export interface CallbackFailure {
  /** Name of the callback. */
  callback: string;
  /** Name of the hook. */
  hook: string;
  /** What was done about it. */
  policy: "disable" | "warn";
  /** What was thrown. */
  error: unknown;
}
