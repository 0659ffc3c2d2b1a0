import { Callback, type CallbackOptions, type CallbackState } from "../core/callback.ts";
import {
  atLeastZero,
  callable,
  callbackOptions,
  checkOptions,
  epochOrStep,
  verbosity,
} from "./options.ts";

/** Options of {@linkcode Timer}. The times are added up; one at least must be given. */
export interface TimerOptions extends CallbackOptions {
  /** Seconds that training may take. */
  seconds?: number;
  /** Minutes that training may take. */
  minutes?: number;
  /** Hours that training may take. */
  hours?: number;
  /** When to look at the clock: after each step, or only when an epoch has ended. Default: `"step"`. */
  every?: "epoch" | "step";
  /** Above 0 or true: print when training was ended. Default: 1. */
  verbose?: number | boolean;
  /** A clock, in milliseconds. Default: `performance.now`. */
  now?: () => number;
}

/**
 * End training when it has taken long enough.
 *
 * Validation and other callbacks count, what lies between two runs does not: a run that goes on from
 * a state has what the one before it left. The last batch is finished, and with
 * `{ every: "epoch" }` the last epoch; validation, epoch end and train end always follow.
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
  /** Its name in messages and saved states. */
  static override readonly className: string = "Timer";

  /** What training may take, in seconds. */
  readonly budget: number;
  /** When it looks at the clock. */
  readonly every: "epoch" | "step";
  /** True when it ended training. */
  hasStopped = false;
  #verbose: boolean;
  #now: () => number;
  // Seconds before it began, which is in the clock's milliseconds.
  #before = 0;
  #begin: number | undefined;
  #epoch = 0;
  #isResumed = false;

  /**
   * Limit the time of a run.
   *
   * @param options how long
   * @throws TypeError for an option of the wrong type, or when no time is given
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
        "Cannot create Timer with no time: seconds, minutes or hours must be given",
      );
    }
    this.budget = (seconds ?? 0) + 60 * (minutes ?? 0) + 3600 * (hours ?? 0);
    this.every = options.every ?? "step";
    this.#verbose = Number(options.verbose ?? 1) > 0;
    this.#now = options.now ?? (() => performance.now());
    // Only if needed, because a batch hook is called for every batch.
    if (this.every === "step") this.onTrainBatchEnd = this.#check;
  }

  /** Seconds that training has taken. */
  get elapsed(): number {
    const running = this.#begin === undefined ? 0 : this.#now() - this.#begin;
    return this.#before + running / 1000;
  }

  /** Seconds that are left, not below 0. */
  get remaining(): number {
    return Math.max(this.budget - this.elapsed, 0);
  }

  /** It reads the clock alone. */
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

  /** Note the epoch for the message. */
  override onEpochBegin(epoch: number): void {
    this.#epoch = epoch;
  }

  /** Check the time, for `every: "epoch"`. */
  override onEpochEnd(): void {
    this.#check();
  }

  /** Stop the clock, and report if it ended training. */
  override onTrainEnd(): void {
    this.close();
    if (this.hasStopped && this.#verbose) {
      console.log(
        `Epoch ${this.#epoch + 1}: Timer ended training after ${inWords(this.elapsed)}, ` +
          `it may take ${inWords(this.budget)}`,
      );
    }
  }

  /** Stop the clock. */
  override close(): void {
    this.#isResumed = false;
    this.#before = this.elapsed;
    this.#begin = undefined;
  }

  /** The time that was taken. */
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

/** `1 h 2 min 3.4 s`, without what is 0 in front. */
function inWords(seconds: number): string {
  const tenths = Math.round(seconds * 10);
  const hours = Math.floor(tenths / 36_000);
  const minutes = Math.floor(tenths / 600) % 60;
  const rest = `${(tenths % 600) / 10} s`;
  if (hours > 0) return `${hours} h ${minutes} min ${rest}`;
  return minutes > 0 ? `${minutes} min ${rest}` : rest;
}
