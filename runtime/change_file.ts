import { FileSystemError } from "./errors.ts";
import type { FileSystem } from "./types.ts";

/** How long to wait for other processes, in milliseconds. */
export interface LockTimeouts {
  /** After so long with no change, the mark of another process is one of a process that has ended. Default: 5000. */
  stale?: number;
  /** Default: 30 000. */
  total?: number;
}

/** Another process does not stop changing a file. */
export class FileBusyError extends Error {
  override name = "FileBusyError";
  /** The file by which processes see each other. */
  readonly mark: URL;

  constructor(mark: URL) {
    super(`Cannot change ${mark.href.slice(0, -5)}: others do; if no keepfit runs, remove ${mark}`);
    this.mark = mark;
  }
}

/**
 * Change a file while no other process does: what is done in `change` is done by one after the
 * other. A file beside it, `<name>.lock`, is the mark.
 *
 * @param place the file; it need not exist, its folder must
 * @param change reads the file and gives its new text; it may be called again
 * @throws FileBusyError when other processes keep changing it
 */
export async function changeFile(
  fs: FileSystem,
  place: URL,
  change: (text: string | undefined) => string | Promise<string>,
  timeouts: LockTimeouts = {},
): Promise<void> {
  const mark = new URL(`${place.href}.lock`);
  const mine = crypto.randomUUID();
  const isMine = async () => await textOf(fs, mark) === mine;
  for (;;) {
    await take(fs, mark, mine, timeouts);
    try {
      const text = await change(await textOf(fs, place));
      // Who was so slow that another one took the mark away must not write what it read before.
      if (!await isMine()) continue;
      await fs.writeFile(place, text);
      return;
    } finally {
      if (await isMine()) await fs.remove(mark);
    }
  }
}

/** The text of a file; undefined where there is none. */
export async function textOf(fs: FileSystem, place: URL): Promise<string | undefined> {
  try {
    return await fs.readTextFile(place);
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
    // By this process's clock: that of the files may be another machine's.
    if (other !== seen) [seen, since] = [other, now];
    else if (now - since > stale) await removeStale(fs, mark, other);
    if (now - began > total) {
      throw new FileBusyError(mark);
    }
    await new Promise((resolve) => setTimeout(resolve, 5 + 25 * Math.random()));
  }
}

/** Of several who find a mark stale, one moves it away. */
async function removeStale(fs: FileSystem, mark: URL, stale: string | undefined): Promise<void> {
  if (await textOf(fs, mark) !== stale) return;
  const aside = new URL(`${mark.href}-${crypto.randomUUID()}`);
  await fs.rename(mark, aside).catch(() => {});
  await fs.remove(aside);
}
