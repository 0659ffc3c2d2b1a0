import { Callback, type CallbackOptions, type CallbackState } from "../core/callback.ts";
import {
  atLeastZero,
  callable,
  callbackOptions,
  checkOptions,
  epochOrStep,
  verbosity,
} from "./options.ts";

/** Options of {@linkcode Timer}. The times are added; at least one is required. */
export interface TimerOptions extends CallbackOptions {
  /** Seconds of training. */
  seconds?: number;
  /** Minutes of training. */
  minutes?: number;
  /** Hours of training. */
  hours?: number;
  /**
   * Interval of checks: after each step, or only at the end of an epoch. Default: `"step"`.
   */
  every?: "epoch" | "step";
  /** Whether to print when training stops: a number above 0 or true. Default: 1. */
  verbose?: number | boolean;
  /** A clock, in milliseconds. Default: `performance.now`. */
  now?: () => number;
}

/**
 * Stop training after a given time.
 *
 * Validation and other callbacks count, but not the time between two runs: a resumed run has the
 * remaining time of the previous one. The last batch is completed, or with `{ every: "epoch" }` the
 * last epoch. Validation, epoch end and train end always follow.
 *
 * @example
 * ```ts
 * import { CallbackList, Timer } from "keepfit";
 * import assert from "node:assert/strict";
 *
 * let now = 0;
 * const model = { stopTraining: false };
 * const timer = new Timer({ minutes: 1.5, verbose: 0, now: () => now });
 * const list = new CallbackList([timer], { model });
 * await list.onTrainBegin();
 * now = 89_000;
 * await list.onTrainBatchEnd(0);
 * assert.equal(model.stopTraining, false);
 * assert.equal(timer.remaining, 1);
 * now = 90_000;
 * await list.onTrainBatchEnd(1);
 * assert.equal(model.stopTraining, true);
 * ```
 */
export class Timer extends Callback {
  /** Name in messages and saved states. */
  static override readonly className: string = "Timer";

  /** Time limit in seconds. */
  readonly budget: number;
  /** Interval of checks. */
  readonly every: "epoch" | "step";
  /** Whether it stopped training. */
  hasStopped = false;
  #verbose: boolean;
  #now: () => number;
  // Elapsed seconds before the current start, which is in milliseconds of the clock.
  #before = 0;
  #begin: number | undefined;
  #epoch = 0;
  #isResumed = false;

  /**
   * Limit the time of a run.
   *
   * @param options the time limit
   * @throws TypeError for an option of the wrong type, or without a time
   * @throws RangeError for a negative time
   */
  constructor(options: TimerOptions) {
    super(options);
    checkOptions(this, Timer, options, {
      ...callbackOptions,
      seconds: atLeastZero,
      minutes: atLeastZero,
      hours: atLeastZero,
      every: epochOrStep,
      verbose: verbosity,
      now: callable,
    });
    const { seconds, minutes, hours } = options;
    if (seconds === undefined && minutes === undefined && hours === undefined) {
      throw new TypeError(
        "Cannot create Timer without a time: set seconds, minutes or hours",
      );
    }
    this.budget = (seconds ?? 0) + 60 * (minutes ?? 0) + 3600 * (hours ?? 0);
    this.every = options.every ?? "step";
    this.#verbose = Number(options.verbose ?? 1) > 0;
    this.#now = options.now ?? (() => performance.now());
    // Only if needed, because a batch hook is called for every batch.
    if (this.every === "step") this.onTrainBatchEnd = this.#check;
  }

  /** Elapsed seconds of training. */
  get elapsed(): number {
    const running = this.#begin === undefined ? 0 : this.#now() - this.#begin;
    return this.#before + running / 1000;
  }

  /** Remaining seconds, not below 0. */
  get remaining(): number {
    return Math.max(this.budget - this.elapsed, 0);
  }

  /** False: it reads only the clock. */
  override readsBatchLogs(): boolean {
    return false;
  }

  /** Start the clock. */
  override onTrainBegin(): void {
    if (!this.#isResumed) this.#before = 0;
    this.#isResumed = false;
    this.hasStopped = false;
    this.#begin = this.#now();
  }

  /** Store the epoch for the message. */
  override onEpochBegin(epoch: number): void {
    this.#epoch = epoch;
  }

  /** Check the time, for `every: "epoch"`. */
  override onEpochEnd(): void {
    this.#check();
  }

  /** Stop the clock, and report if it stopped training. */
  override onTrainEnd(): void {
    this.close();
    if (this.hasStopped && this.#verbose) {
      console.log(
        `Epoch ${this.#epoch + 1}: Timer stopped training after ${inWords(this.elapsed)}, ` +
          `the limit is ${inWords(this.budget)}`,
      );
    }
  }

  /** Stop the clock. */
  override close(): void {
    this.#isResumed = false;
    this.#before = this.elapsed;
    this.#begin = undefined;
  }

  /** The elapsed time. */
  getState(): CallbackState {
    return { elapsed: this.elapsed };
  }

  /** Restore the state; the next `onTrainBegin` does not reset it. */
  setState(state: CallbackState): void {
    this.#before = state.elapsed as number;
    if (this.#begin === undefined) this.#isResumed = true;
    else this.#begin = this.#now();
  }

  #check(): void {
    if (this.elapsed < this.budget) return;
    this.hasStopped = true;
    this.model.stopTraining = true;
  }
}

/** `1 h 2 min 3.4 s`, without leading zero units. */
function inWords(seconds: number): string {
  const tenths = Math.round(seconds * 10);
  const hours = Math.floor(tenths / 36_000);
  const minutes = Math.floor(tenths / 600) % 60;
  const rest = `${(tenths % 600) / 10} s`;
  if (hours > 0) return `${hours} h ${minutes} min ${rest}`;
  return minutes > 0 ? `${minutes} min ${rest}` : rest;
}
