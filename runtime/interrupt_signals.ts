/** A request to stop: Ctrl-C, a termination, or a terminal or connection that was closed. */
export type InterruptSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** The signals that ask a process to stop. */
export const interruptSignals: readonly InterruptSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Exit code by signal: 128 plus its number, as in a shell. */
export const exitCodes: Readonly<Record<InterruptSignal, number>> = {
  SIGINT: 130,
  SIGTERM: 143,
  SIGHUP: 129,
};
