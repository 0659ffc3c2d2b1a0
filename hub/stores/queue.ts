/**
 * Create a queue of changes. Each begins when the previous one has ended, whether it failed or not.
 *
 * @returns a function that appends a change and resolves with its result
 */
export function queue(): <Result>(change: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  return (change) => {
    const result = last.then(change);
    last = result.catch(() => {});
    return result;
  };
}
