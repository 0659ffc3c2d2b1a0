type Listener = (...args: unknown[]) => void;

interface ListeningProcess {
  listeners(event: string): Listener[];
  removeListener(event: string, listener: Listener): void;
}

/**
 * Note who listens to the errors of the process; what is returned takes the others off again. The
 * loader of a WASM module makes the process rethrow every uncaught error and unhandled rejection,
 * also those that have nothing to do with it.
 */
export function keepListeners(): () => void {
  const { process } = globalThis as { process?: ListeningProcess };
  const events = ["uncaughtException", "unhandledRejection"] as const;
  const before = events.map((event) => new Set(process?.listeners(event)));
  return () =>
    events.forEach((event, i) => {
      for (const listener of process?.listeners(event) ?? []) {
        if (!before[i].has(listener)) process?.removeListener(event, listener);
      }
    });
}
