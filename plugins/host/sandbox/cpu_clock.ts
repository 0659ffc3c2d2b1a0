import { getRuntime } from "../../../runtime/mod.ts";

/** A reading of the CPU clock serves this many milliseconds: it costs as much as a short hook. */
const readEvery = 20;

/**
 * Tells computing from waiting: on a machine with more to do than it can, a process stands still for
 * longer than any limit of a call, and that is not the plugin's doing.
 */
export class CpuClock {
  #readAt = -Infinity;
  #cpu = 0;

  /**
   * Begin to measure, from now or from a reading that is at most 20 ms old.
   *
   * @param now in milliseconds
   */
  start(now: number): void {
    if (now - this.#readAt <= readEvery) return;
    this.#readAt = now;
    this.#cpu = getRuntime().cpuTime();
  }

  /** Milliseconds that this process has computed since the start, on all its threads. */
  elapsed(): number {
    return getRuntime().cpuTime() - this.#cpu;
  }
}
