/** Whether a value must be awaited. */
export function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null &&
    typeof (value as PromiseLike<T>).then === "function";
}

/**
 * Continue with a value. Returns a promise only if the value is one, or the next step returns one.
 */
export function inTurn<T, Result>(
  value: T | PromiseLike<T>,
  next: (value: T) => Result | Promise<Result>,
): Result | Promise<Result> {
  return isPromise(value) ? Promise.resolve(value).then(next) : next(value);
}

/** The error for a promise instead of a value; a rejection of the promise is ignored. */
export function refusedPromise(promise: PromiseLike<unknown>, expected: string): TypeError {
  promise.then(undefined, () => {});
  return new TypeError(`expected ${expected}, got a promise`);
}
