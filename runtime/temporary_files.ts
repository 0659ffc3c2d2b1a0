import type { FilesOptions } from "./files.ts";
import { getRuntime } from "./get_runtime.ts";
import { isRunning } from "./is_running.ts";
import { joinPath } from "./paths.ts";
import type { Path } from "./types.ts";

/** Names of the files that this process is currently writing. */
const inUse = new Set<string>();

/**
 * Create a name for a file or folder that is written beside its target and then renamed. It
 * identifies the process. It does not contain the target's name, which may already have the maximum
 * length. Call `release` afterwards.
 */
export function temporaryName(): { name: string; release(): void } {
  const name = `.keepfit-${processId()}-${crypto.randomUUID()}.tmp`;
  inUse.add(name);
  return { name, release: () => void inUse.delete(name) };
}

/**
 * Remove the temporary files of killed processes from a directory. Files of running processes stay.
 * A file that cannot be removed is skipped, because nothing refers to it.
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

/** Whether a file has a name of {@linkcode temporaryName} and no running process is writing it. */
export function isAbandoned(name: string): boolean {
  const owner = /^\.keepfit-(?:(\d+)-)?[0-9a-f]{8}-[0-9a-f-]{27}\.tmp$/.exec(name);
  if (owner === null || inUse.has(name)) return false;
  const id = Number(owner[1] ?? 0);
  return id === processId() || id === 0 || isRunning(id) === false;
}

/** Id of the process; 0 in a browser, which can only write to memory. */
function processId(): number {
  return (globalThis as { process?: { pid?: number } }).process?.pid ?? 0;
}
