/**
 * CPU time of the process in milliseconds, over all threads. Uses `process`, which also exists in
 * Deno.
 */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
