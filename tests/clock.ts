import process from "node:process";

/**
 * Run with a clock that stands still: `performance.now()` goes on by what `pass` says and by nothing
 * else, so that a test waits for no time and does not depend on how much of it the machine takes. The
 * time that passes is computed: the CPU clock goes on by as much.
 */
export async function withClock<T>(
  run: (pass: (milliseconds: number) => void) => T | Promise<T>,
): Promise<T> {
  const { now } = performance;
  const { cpuUsage } = process;
  // Whole, so that differences of it are exact.
  let time = Math.ceil(performance.now());
  performance.now = () => time;
  process.cpuUsage = () => ({ user: time * 1000, system: 0 });
  try {
    return await run((milliseconds) => void (time += milliseconds));
  } finally {
    performance.now = now;
    process.cpuUsage = cpuUsage;
  }
}
