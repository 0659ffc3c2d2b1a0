import { FileSystemError } from "./errors.ts";
import type { FileSystem } from "./types.ts";

/** How long to wait for other processes. */
export interface LockTimeouts {
  /**
   * Age in milliseconds at which an unchanged lock file counts as stale. Default: 5000.
   */
  stale?: number;
  /** Total time to wait in milliseconds. Default: 30 000. */
  total?: number;
}

/** Thrown when other processes keep a file locked. */
export class FileBusyError extends Error {
  override name = "FileBusyError";
  /** The lock file. */
  readonly mark: URL;

  constructor(mark: URL) {
    super(
      `Cannot change ${
        mark.href.slice(0, -5)
      }: other processes do; if none runs keepfit, remove ${mark}`,
    );
    this.mark = mark;
  }
}

/**
 * Change a file while holding a lock on it. Calls of `change` run one after another, across
 * processes. The lock is the file `<name>.lock` in the same folder.
 *
 * @param path the file; its folder must exist, the file need not
 * @param change reads the file and returns its new text; it may be called again
 * @throws FileBusyError when other processes keep it locked
 */
export async function changeFile(
  fs: FileSystem,
  path: URL,
  change: (text: string | undefined) => string | Promise<string>,
  timeouts: LockTimeouts = {},
): Promise<void> {
  const mark = new URL(`${path.href}.lock`);
  const mine = crypto.randomUUID();
  const isMine = async () => await textOf(fs, mark) === mine;
  for (;;) {
    await take(fs, mark, mine, timeouts);
    try {
      const text = await change(await textOf(fs, path));
      // A process that lost its lock because it was slow must not write: its text may be outdated.
      if (!await isMine()) continue;
      await fs.writeFile(path, text);
      return;
    } finally {
      if (await isMine()) await fs.remove(mark);
    }
  }
}

/** Read a text file; undefined if it does not exist. */
export async function textOf(fs: FileSystem, path: URL): Promise<string | undefined> {
  try {
    return await fs.readTextFile(path);
  } catch (error) {
    if (error instanceof FileSystemError && error.code === "NotFound") return undefined;
    throw error;
  }
}

async function take(
  fs: FileSystem,
  mark: URL,
  mine: string,
  { stale = 5000, total = 30_000 }: LockTimeouts,
): Promise<void> {
  const began = performance.now();
  let seen: string | undefined;
  let since = began;
  for (;;) {
    try {
      const file = await fs.open(mark, "create");
      await file.write(mine).finally(() => file.close());
      return;
    } catch (error) {
      if (!(error instanceof FileSystemError) || error.code !== "AlreadyExists") throw error;
    }
    const now = performance.now();
    const other = await textOf(fs, mark);
    // Uses this process's clock, because file times may come from another machine.
    if (other !== seen) [seen, since] = [other, now];
    else if (now - since > stale) await removeStale(fs, mark, other);
    if (now - began > total) {
      throw new FileBusyError(mark);
    }
    await new Promise((resolve) => setTimeout(resolve, 5 + 25 * Math.random()));
  }
}

/** Remove a stale lock. Of several processes that try, only one succeeds. */
async function removeStale(fs: FileSystem, mark: URL, stale: string | undefined): Promise<void> {
  if (await textOf(fs, mark) !== stale) return;
  const aside = new URL(`${mark.href}-${crypto.randomUUID()}`);
  await fs.rename(mark, aside).catch(() => {});
  await fs.remove(aside);
}
