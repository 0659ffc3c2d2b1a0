/**
 * True if a process of this machine is running; undefined if unknown. Uses `process` on every
 * runtime, which Deno has too.
 */
export function isRunning(processId: number): boolean | undefined {
  try {
    // Signal 0 only checks.
    return process.kill(processId, 0);
  } catch (error) {
    const { code } = error as { code?: unknown };
    // It exists and belongs to another user.
    if (code === "EPERM") return true;
    return code === "ESRCH" ? false : undefined;
  }
}

/**
 * Start time of a running process, which distinguishes it from a later one with the same id: the
 * boot of the machine and the clock ticks since. Undefined except on Linux; Deno needs all
 * permissions for it.
 */
export function startOfProcess(processId: number): string | undefined {
  try {
    const { readFileSync } = process.getBuiltinModule("node:fs");
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    // The second field is the name, which may contain anything.
    const [, fields] = /\) ([^)]*)$/.exec(readFileSync(`/proc/${processId}/stat`, "utf8")) ?? [];
    const ticks = fields?.split(" ")[19];
    return ticks === undefined ? undefined : `${boot} ${ticks}`;
  } catch {
    return undefined;
  }
}
