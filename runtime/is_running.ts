/**
 * True if a process of this machine is running; undefined when it cannot be told. On every runtime
 * by way of `process`, which Deno has too.
 */
export function isRunning(processId: number): boolean | undefined {
  try {
    // Signal 0 asks and does nothing.
    return process.kill(processId, 0);
  } catch (error) {
    const { code } = error as { code?: unknown };
    // It is there and belongs to another user.
    if (code === "EPERM") return true;
    return code === "ESRCH" ? false : undefined;
  }
}

/**
 * When a running process has started, to tell it from a later one to which the system gives the same
 * id: the boot of the machine and the clock ticks since. Undefined where the system does not tell,
 * which only Linux does; Deno asks for all permissions for it.
 */
export function startOfProcess(processId: number): string | undefined {
  try {
    const { readFileSync } = process.getBuiltinModule("node:fs");
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    // The second field is the name, in which there may be anything.
    const [, fields] = /\) ([^)]*)$/.exec(readFileSync(`/proc/${processId}/stat`, "utf8")) ?? [];
    const ticks = fields?.split(" ")[19];
    return ticks === undefined ? undefined : `${boot} ${ticks}`;
  } catch {
    return undefined;
  }
}
