import process from "node:process";

/**
 * Run a function with a stopped clock. Only `pass` advances `performance.now()` and the CPU time,
 * so that a test need not wait and does not depend on the speed of the machine.
 */
export async function withClock<T>(
  run: (pass: (milliseconds: number) => void) => T | Promise<T>,
): Promise<T> {
  const { now } = performance;
  const { cpuUsage } = process;
  // Rounded up, so that differences are exact.
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
