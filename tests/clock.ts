/**
 * Run with a clock that stands still: `performance.now()` goes on by what `pass` says and by nothing
 * else, so that a test waits for no time and does not depend on how much of it the machine takes.
 */
export async function withClock<T>(
  run: (pass: (milliseconds: number) => void) => T | Promise<T>,
): Promise<T> {
  const { now } = performance;
  // Whole, so that differences of it are exact.
  let time = Math.ceil(performance.now());
  performance.now = () => time;
  try {
    return await run((milliseconds) => void (time += milliseconds));
  } finally {
    performance.now = now;
  }
}
