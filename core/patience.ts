/** What was waited for did not come, though the run was to end. */
export class OverdueError extends Error {
  override name = "OverdueError";
}

/**
 * What comes of a promise. When `signal` has aborted, it is waited for `milliseconds` longer; without
 * a signal, for ever.
 *
 * @throws OverdueError when it has not settled by then
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
      const message = `it has not returned ${milliseconds / 1000} s after the run was asked to end`;
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
 * What comes of a promise, while `signal` has not aborted.
 *
 * @param discard takes what comes later
 * @throws the reason of the signal as soon as it aborts
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
