import type { PluginLimits } from "../../project/limits.ts";

/** Share of a run's time that a plugin may compute, in addition to `limits.runTime`. */
export const runShare = 0.25;

/**
 * Share of the time that a plugin may compute while no hook waits for it, in addition to
 * `limits.callTime`.
 */
export const backgroundShare = 0.1;

/** The limit that ends an entry into a sandbox. */
export type ComputeLimit = "call" | "run" | "background";

/**
 * Limits the computing time of a plugin: in one entry, in total, and while no hook waits for it.
 * Each budget refills with time, up to its initial size. All entries of a run together therefore
 * take at most `runTime` plus a quarter of the run, however many there are.
 */
export class ComputeBudget {
  readonly #callTime: number;
  readonly #run: Allowance;
  readonly #background: Allowance;

  constructor({ callTime, runTime }: Required<Pick<PluginLimits, "callTime" | "runTime">>) {
    this.#callTime = callTime;
    this.#run = new Allowance(runTime, runShare);
    this.#background = new Allowance(callTime, backgroundShare);
  }

  /**
   * Time left for an entry.
   *
   * @param now in milliseconds, like all times here
   * @param isBackground whether no call of the host waits for it
   */
  left(now: number, isBackground: boolean): { time: number; limit: ComputeLimit } {
    let left: { time: number; limit: ComputeLimit } = { time: this.#callTime, limit: "call" };
    const inRun = this.#run.left(now);
    if (inRun < left.time) left = { time: inRun, limit: "run" };
    const behind = isBackground ? this.#background.left(now) : Infinity;
    if (behind < left.time) left = { time: behind, limit: "background" };
    return left;
  }

  /** Subtract the time of an entry. */
  spend(time: number, isBackground: boolean): void {
    this.#run.spend(time);
    if (isBackground) this.#background.spend(time);
  }
}

/** A budget that refills with a share of the elapsed time, up to its capacity. */
class Allowance {
  readonly #most: number;
  readonly #share: number;
  #left: number;
  #last = performance.now();

  constructor(most: number, share: number) {
    this.#most = most;
    this.#share = share;
    this.#left = most;
  }

  left(now: number): number {
    this.#left = Math.min(this.#most, this.#left + this.#share * (now - this.#last));
    this.#last = now;
    return this.#left;
  }

  spend(time: number): void {
    this.#left -= time;
  }
}
