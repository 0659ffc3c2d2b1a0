import { untilAborted } from "../core/patience.ts";
import { describeValue } from "./data/data.ts";
import type { RunOptions } from "./run.ts";

/** Milliseconds between two yields, by name. */
const budgets = new Map<unknown, number>([
  ["auto", 20],
  ["batch", 0],
  ["epoch", Infinity],
  ["never", Infinity],
]);

/** Yields to the event loop when due, and stops a run whose signal aborts. */
export class EventLoopYield {
  /** Whether the signal has ended the run after a batch or an execution of several. */
  hasAborted = false;
  /**
   * Whether an execution of several batches has begun: only at its end are all states consistent,
   * so that the signal is obeyed there.
   */
  isExecuting = false;
  readonly #budget: number;
  /** Ends the run when it aborts. */
  readonly signal: AbortSignal | undefined;
  #last = performance.now();

  constructor(options: Pick<RunOptions, "yieldEvery" | "signal">) {
    const { yieldEvery = "auto" } = options;
    this.signal = options.signal;
    const budget = typeof yieldEvery === "number" ? yieldEvery : budgets.get(yieldEvery);
    if (budget === undefined || !(budget >= 0)) {
      throw new RangeError(
        `Cannot use yieldEvery ${
          typeof yieldEvery === "number" ? yieldEvery : describeValue(yieldEvery)
        }: it must be milliseconds, "auto", "batch", "epoch" or "never"`,
      );
    }
    this.#budget = budget;
    this.signal?.throwIfAborted();
  }

  /** Whether it yields at least every second, so that background writes continue. */
  get yieldsOften(): boolean {
    return this.#budget <= 1000;
  }

  /** Return a promise after a batch if it is time to yield. */
  afterBatch(): void | Promise<void> {
    this.#throwIfAborted();
    if (this.#budget === Infinity) return;
    if (this.#budget === 0 || performance.now() - this.#last >= this.#budget) return this.yield();
  }

  /** Yield now. */
  async yield(): Promise<void> {
    await nextTurn();
    this.#last = performance.now();
    this.#throwIfAborted();
  }

  /**
   * The result of a promise between two batches.
   *
   * @param discard receives a result that arrives after the run has ended
   * @throws the reason of the signal as soon as it aborts
   */
  async next<T>(pending: PromiseLike<T>, discard: (late: T) => void): Promise<T> {
    return await this.betweenBatches(untilAborted(pending, this.signal, discard));
  }

  /** The result of a promise; a rejection because of the signal happened between two batches. */
  async betweenBatches<T>(pending: T | PromiseLike<T>): Promise<T> {
    try {
      return await pending;
    } catch (error) {
      this.hasAborted ||= !this.isExecuting && this.signal?.aborted === true &&
        error === this.signal.reason;
      throw error;
    }
  }

  #throwIfAborted(): void {
    if (this.isExecuting) return;
    this.hasAborted ||= this.signal?.aborted === true;
    this.signal?.throwIfAborted();
  }
}

// A timer would wait at least a millisecond each time.
const nextTurn: () => Promise<void> = typeof setImmediate === "function"
  ? () => new Promise((resolve) => setImmediate(resolve))
  : () => new Promise((resolve) => setTimeout(resolve));
