/**
 * Check whether a process of this machine is running; undefined if unknown. Uses `process`, which
 * also exists in Deno.
 */
export function isRunning(processId: number): boolean | undefined {
  try {
    // Signal 0 only checks.
    return process.kill(processId, 0);
  } catch (error) {
    const { code } = error as { code?: unknown };
    // The process exists and belongs to another user.
    if (code === "EPERM") return true;
    return code === "ESRCH" ? false : undefined;
  }
}

/**
 * Time at which a running process began, in milliseconds since 1970, to the second; undefined if
 * unknown. Linux computes it from the clock of today, which may have been set since, so it is
 * undefined there; see {@linkcode startOfProcess}.
 */
export function startTimeOfProcess(processId: number): number | undefined {
  const { platform } = process;
  return platform === "linux" || !Number.isSafeInteger(processId)
    ? undefined
    : askForStartTime(processId, platform);
}

/** Ask PowerShell or `ps`. */
export function askForStartTime(processId: number, platform: string): number | undefined {
  const [program, args] = platform === "win32"
    ? ["powershell.exe", [
      "-NoProfile",
      "-NonInteractive",
      "-Command",
      `(Get-Process -Id ${processId}).StartTime.ToUniversalTime().ToString('s') + 'Z'`,
    ]]
    : ["ps", ["-o", "lstart=", "-p", String(processId)]];
  try {
    const { execFileSync } = process.getBuiltinModule("node:child_process");
    const text = execFileSync(program, args, {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 10_000,
    }).trim();
    const time = Date.parse(platform === "win32" ? text : `${text} UTC`);
    return Number.isNaN(time) ? undefined : time;
  } catch {
    return undefined;
  }
}

/**
 * Start time of a running process, which distinguishes it from a later one with the same id: the
 * boot id of the machine and the clock ticks since boot. Undefined except on Linux; Deno needs all
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
