/** Milliseconds that the process has computed, on all its threads. By way of `process`, which Deno has too. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
