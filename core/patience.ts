/** A promise did not settle in time after the run was aborted. */
export class OverdueError extends Error {
  override name = "OverdueError";
}

/**
 * The result of a promise. After `signal` has aborted, it is awaited for `milliseconds` longer;
 * without a signal, forever.
 *
 * @throws OverdueError if it has not settled by then
 */
export function untilOverdue<T>(
  pending: PromiseLike<T>,
  signal: AbortSignal | undefined,
  milliseconds: number,
): PromiseLike<T> {
  if (signal === undefined) return pending;
  return new Promise<T>((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = () => {
      const message = `it has not returned ${milliseconds / 1000} s after the run was aborted`;
      settle(() => reject(new OverdueError(message)));
    };
    const begin = () => {
      if (milliseconds === 0) end();
      else timer = setTimeout(end, milliseconds);
    };
    const settle = (how: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", begin);
      how();
    };
    if (signal.aborted) begin();
    else signal.addEventListener("abort", begin, { once: true });
    pending.then(
      (value) => settle(() => resolve(value)),
      (error) => settle(() => reject(error)),
    );
  });
}

/**
 * The result of a promise, until `signal` aborts.
 *
 * @param discard called with a result that arrives later
 * @throws the reason of the signal when it aborts
 */
export async function untilAborted<T>(
  pending: PromiseLike<T>,
  signal: AbortSignal | undefined,
  discard: (late: T) => unknown,
): Promise<T> {
  try {
    return await untilOverdue(pending, signal, 0);
  } catch (error) {
    if (!(error instanceof OverdueError)) throw error;
    Promise.resolve(pending).then(discard).catch(() => {});
    throw signal?.reason;
  }
}
