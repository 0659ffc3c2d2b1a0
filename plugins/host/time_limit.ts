/**
 * The result of something foreign, waited for only so long. What becomes of it later is nobody's
 * business: its rejection is not unhandled.
 *
 * @param time milliseconds
 * @param expired makes the error to fail with when the time is over
 */
export function within<T>(
  result: PromiseLike<T>,
  time: number,
  expired: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    // A timer counts no further than this, and is over at once for more.
    const timer = time < 2 ** 31 ? setTimeout(() => reject(expired()), time) : undefined;
    // Promise.resolve, because a thenable of one's own may throw, or answer twice.
    Promise.resolve(result).then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
