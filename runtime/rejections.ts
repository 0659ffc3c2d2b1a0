/** What the three runtimes have of Node's process. */
interface RejectionEvents {
  on(event: "unhandledRejection", listener: (reason: unknown) => void): unknown;
  off(event: "unhandledRejection", listener: (reason: unknown) => void): unknown;
}

/**
 * Hear of promises that are rejected while nobody waits for them. As long as somebody listens they
 * do not end the process.
 *
 * @param listener is told what they were rejected with
 * @returns a function that takes the listener off
 */
export function onUnhandledRejection(listener: (reason: unknown) => void): () => void {
  const events = (globalThis as unknown as { process: RejectionEvents }).process;
  const heard = (reason: unknown): void => listener(reason);
  events.on("unhandledRejection", heard);
  return () => {
    events.off("unhandledRejection", heard);
  };
}
