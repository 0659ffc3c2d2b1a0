type Listener = (...args: unknown[]) => void;

interface ListeningProcess {
  listeners(event: string): Listener[];
  removeListener(event: string, listener: Listener): void;
}

/**
 * Remember the process's error listeners; the function returned removes later ones. The loader of a
 * WASM module makes the process rethrow every uncaught error and unhandled rejection, even
 * unrelated ones.
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
