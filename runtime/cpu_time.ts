/**
 * CPU time of the process in milliseconds, on all its threads. Uses `process`, which Deno has too.
 */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
