import { FileSystemError } from "./errors.ts";
import type { FileSystem } from "./types.ts";

/** How long to wait for other processes. */
export interface LockTimeouts {
  /**
   * Milliseconds without a change after which the mark of another process is stale. Default: 5000.
   */
  stale?: number;
  /** Milliseconds to wait in all. Default: 30 000. */
  total?: number;
}

/** Other processes keep changing a file. */
export class FileBusyError extends Error {
  override name = "FileBusyError";
  /** The file that marks a change in progress. */
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
 * Change a file while no other process does. Calls of `change` run one after another across
 * processes; a file beside it, `<name>.lock`, is the mark.
 *
 * @param path the file; it need not exist, its folder must
 * @param change reads the file and returns its new text; it may be called again
 * @throws FileBusyError when other processes keep changing it
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
      // A process that lost its mark for being too slow must not write what it read before.
      if (!await isMine()) continue;
      await fs.writeFile(path, text);
      return;
    } finally {
      if (await isMine()) await fs.remove(mark);
    }
  }
}

/** The text of a file; undefined if it does not exist. */
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
    // By this process's clock: file times may come from another machine.
    if (other !== seen) [seen, since] = [other, now];
    else if (now - since > stale) await removeStale(fs, mark, other);
    if (now - began > total) {
      throw new FileBusyError(mark);
    }
    await new Promise((resolve) => setTimeout(resolve, 5 + 25 * Math.random()));
  }
}

/** Of several processes that find the mark stale, one moves it away. */
async function removeStale(fs: FileSystem, mark: URL, stale: string | undefined): Promise<void> {
  if (await textOf(fs, mark) !== stale) return;
  const aside = new URL(`${mark.href}-${crypto.randomUUID()}`);
  await fs.rename(mark, aside).catch(() => {});
  await fs.remove(aside);
}
