import { messageOf } from "../core/errors.ts";
import { FileSystemError, getRuntime, joinPath } from "../runtime/mod.ts";
import { comparablePath, showPath } from "../runtime/paths.ts";
import type { FileSystem, Path } from "../runtime/types.ts";

/** The folders of each file system that a run of this process has marked. */
const held = new WeakMap<FileSystem, Set<string>>();

/**
 * A file that says which process uses a folder. One that was left by a process that was killed counts
 * for nothing.
 */
export class RunMark {
  readonly #fs: FileSystem;
  readonly #folder: Path;
  readonly #file: Path;
  #isOurs = false;

  /**
   * @param fs file system of the folder
   * @param folder path, or `file:` URL
   */
  constructor(fs: FileSystem, folder: Path) {
    this.#fs = fs;
    this.#folder = folder;
    this.#file = joinPath(folder, "running.json");
  }

  /**
   * Mark the folder.
   *
   * @throws RangeError when another run uses it
   */
  async claim(): Promise<void> {
    const { processId, isRunning } = getRuntime();
    for (let attempts = 0; !await this.#create(processId); attempts++) {
      const { id, began } = await this.#read();
      // In a container, each process has the same id.
      const isAlive = id !== undefined && id !== processId && isRunning(id);
      if (id === processId && this.#held.has(comparablePath(this.#folder))) {
        console.warn(
          `keepfit: another run of this process uses ${
            showPath(this.#folder)
          }, or was not closed; ` +
            `two runs must not share it`,
        );
      }
      if (isAlive === true || attempts > 9) {
        throw new RangeError(
          `Cannot use ${
            showPath(this.#folder)
          }: expected no other run in it, got that of process ` +
            `${id}, which began ${ageOf(began)} ago; use another folder, or remove ` +
            `${showPath(this.#file)} if that process is no training`,
        );
      }
      if (isAlive === undefined && id !== undefined) {
        console.warn(
          `keepfit: whether process ${id}, which has used ${showPath(this.#folder)}, still runs ` +
            `cannot be told; two runs must not share it`,
        );
      }
      await this.#fs.remove(this.#file);
    }
    this.#held.add(comparablePath(this.#folder));
    this.#isOurs = true;
  }

  /** Remove the mark, if it is this run's; a failure leaves one that counts for nothing. */
  async release(): Promise<void> {
    if (!this.#isOurs) return;
    this.#isOurs = false;
    this.#held.delete(comparablePath(this.#folder));
    await this.#fs.remove(this.#file).catch((error) => {
      console.warn(`keepfit: the mark of this run stays: ${messageOf(error)}`);
    });
  }

  get #held(): Set<string> {
    const folders = held.get(this.#fs) ?? new Set();
    held.set(this.#fs, folders);
    return folders;
  }

  /** Create the file; false when there is one. */
  async #create(processId: number): Promise<boolean> {
    try {
      const file = await this.#fs.open(this.#file, "create");
      try {
        await file.write(JSON.stringify({ processId, began: Date.now() }));
      } finally {
        await file.close();
      }
      return true;
    } catch (error) {
      if (error instanceof FileSystemError && error.code === "AlreadyExists") return false;
      throw error;
    }
  }

  /** Nothing where a process was killed before it had written it. */
  async #read(): Promise<{ id?: number; began?: number }> {
    try {
      const { processId, began } = JSON.parse(await this.#fs.readTextFile(this.#file));
      return Number.isSafeInteger(processId) && processId > 0 ? { id: processId, began } : {};
    } catch (error) {
      if (error instanceof FileSystemError && error.code !== "NotFound") throw error;
      return {};
    }
  }
}

function ageOf(began: number | undefined): string {
  const seconds = Math.max(0, Math.round((Date.now() - Number(began)) / 1000)) || 0;
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
