/**
 * Wait for a foreign result with a time limit. A later rejection is ignored.
 *
 * @param time time limit in milliseconds
 * @param expired creates the error of the time limit
 */
export function within<T>(
  result: PromiseLike<T>,
  time: number,
  expired: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    // A longer timer would fire immediately.
    const timer = time < 2 ** 31 ? setTimeout(() => reject(expired()), time) : undefined;
    // Promise.resolve, because a foreign thenable may throw, or settle twice.
    Promise.resolve(result).then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
