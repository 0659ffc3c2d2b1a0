/** The part of Node's `process` that all three runtimes have. */
interface RejectionEvents {
  on(event: "unhandledRejection", listener: (reason: unknown) => void): unknown;
  off(event: "unhandledRejection", listener: (reason: unknown) => void): unknown;
}

/**
 * Listen for unhandled promise rejections. While a listener is registered, they do not end the
 * process.
 *
 * @param listener receives the reason of the rejection
 * @returns a function that removes the listener
 */
export function onUnhandledRejection(listener: (reason: unknown) => void): () => void {
  const events = (globalThis as unknown as { process: RejectionEvents }).process;
  const captured = (reason: unknown): void => listener(reason);
  events.on("unhandledRejection", captured);
  return () => {
    events.off("unhandledRejection", captured);
  };
}
