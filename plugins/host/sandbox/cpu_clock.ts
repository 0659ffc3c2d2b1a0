import { getRuntime } from "../../../runtime/mod.ts";

/**
 * Milliseconds for which a reading of the CPU clock is reused, because a reading costs as much as a
 * short hook.
 */
const readEvery = 20;

/**
 * Distinguishes computing from waiting. On an overloaded machine, a process may be suspended for
 * longer than any time limit, which is not the plugin's fault.
 */
export class CpuClock {
  #readAt = -Infinity;
  #cpu = 0;

  /**
   * Start to measure, from now or from a reading that is at most 20 ms old.
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
