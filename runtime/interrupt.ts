import { getRuntime } from "./get_runtime.ts";
import { exitCodes, type InterruptSignal } from "./interrupt_signals.ts";
import type { Runtime } from "./types.ts";

/**
 * The reason with which the signal of {@linkcode interruptSignal} aborts: the process was asked to
 * stop.
 */
export class InterruptedError extends Error {
  /** Name of the class. */
  override name = "InterruptedError";
  /** The signal: SIGINT for Ctrl-C. */
  readonly signal: "SIGINT" | "SIGTERM" | "SIGHUP";

  /**
   * Create an error about a signal.
   *
   * @param signal the signal
   */
  constructor(signal: "SIGINT" | "SIGTERM" | "SIGHUP") {
    super(`Interrupted by ${signal}`);
    this.signal = signal;
  }

  /** Exit code that shells expect after this signal: 130, 143 or 129. */
  get exitCode(): number {
    return exitCodes[this.signal];
  }
}

/** Result of {@linkcode interruptSignal}. `using` releases it at the end of a block. */
export interface Interruption extends Disposable {
  /** Aborts when the process is asked to stop; its reason is an {@linkcode InterruptedError}. */
  readonly signal: AbortSignal;
  /** Stop listening: Ctrl-C ends the process again, and a finished process can exit. */
  release(): void;
}

/**
 * Turn the first Ctrl-C (or SIGTERM, or SIGHUP of a closed terminal) into an abort, so that a run
 * can finish its batch, save and close its files. The second one exits the process immediately with
 * the signal's exit code: 130, 143 or 129.
 *
 * @param options `runtime`: adapter whose signals to listen to. Default: that of this process
 * @returns the signal and a method to stop listening
 * @example
 * ```ts
 * import { interruptSignal } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const interruption = interruptSignal();
 * try {
 *   // train, and look at interruption.signal.aborted between batches
 *   assert.equal(interruption.signal.aborted, false);
 * } finally {
 *   interruption.release();
 * }
 * ```
 */
export function interruptSignal(
  { runtime = getRuntime() }: { runtime?: Pick<Runtime, "exit" | "onInterrupt"> } = {},
): Interruption {
  const controller = new AbortController();
  let first = 0;
  const release = runtime.onInterrupt((signal: InterruptSignal) => {
    if (!controller.signal.aborted) {
      first = performance.now();
      controller.abort(new InterruptedError(signal));
    } else if (performance.now() - first > doubledMs) {
      runtime.exit(exitCodes[signal]);
    }
  });
  return { signal: controller.signal, release, [Symbol.dispose]: release };
}

// Task runners forward a Ctrl-C that the terminal already sent to the whole process group, so one
// key press arrives twice.
const doubledMs = 100;
