/** A request to stop: Ctrl-C, a termination, or a terminal or connection that was closed. */
export type InterruptSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/** The signals with which a user or a system asks a process to stop. */
export const interruptSignals: readonly InterruptSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** 128 and the signal's number, as a shell has it. */
export const exitCodes: Readonly<Record<InterruptSignal, number>> = {
  SIGINT: 130,
  SIGTERM: 143,
  SIGHUP: 129,
};
