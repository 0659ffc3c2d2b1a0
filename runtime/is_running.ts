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
