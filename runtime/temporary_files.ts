import type { FilesOptions } from "./files.ts";
import { getRuntime } from "./get_runtime.ts";
import { isRunning } from "./is_running.ts";
import { joinPath } from "./paths.ts";
import type { Path } from "./types.ts";

/** Names of the files that this process is writing now. */
const inUse = new Set<string>();

/**
 * Name of a file or folder that is written beside its target and then renamed. It identifies its
 * process, and is independent of the target's name, which may already have the maximum length.
 * Release it afterwards.
 */
export function temporaryName(): { name: string; release(): void } {
  const name = `.keepfit-${processId()}-${crypto.randomUUID()}.tmp`;
  inUse.add(name);
  return { name, release: () => void inUse.delete(name) };
}

/**
 * Remove files from a directory that killed processes left while writing. Files of running
 * processes stay. A failure to remove one is ignored: nothing refers to it.
 */
export async function sweep(
  directory: Path,
  { fs = getRuntime().fs }: FilesOptions = {},
): Promise<void> {
  const entries = await fs.readDir(directory).catch(() => []);
  for (const { name } of entries) {
    if (!isAbandoned(name)) continue;
    await fs.remove(joinPath(directory, name), { recursive: true }).catch(() => {});
  }
}

/** Whether a file has a name of {@linkcode temporaryName} and no running process writes it. */
export function isAbandoned(name: string): boolean {
  const owner = /^\.keepfit-(?:(\d+)-)?[0-9a-f]{8}-[0-9a-f-]{27}\.tmp$/.exec(name);
  if (owner === null || inUse.has(name)) return false;
  const id = Number(owner[1] ?? 0);
  return id === processId() || id === 0 || isRunning(id) === false;
}

/** 0 in a browser, which has only memory to write to. */
function processId(): number {
  return (globalThis as { process?: { pid?: number } }).process?.pid ?? 0;
}
