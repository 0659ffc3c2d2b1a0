import { messageOf } from "../core/errors.ts";
import { FileSystemError, getRuntime, joinPath, temporaryName } from "../runtime/mod.ts";
import { comparablePath, showPath } from "../runtime/paths.ts";
import type { FileSystem, Path, Runtime } from "../runtime/types.ts";
import { FolderLock } from "./folder_lock.ts";

/** The folders of each file system that a run of this process has marked. */
const held = new WeakMap<FileSystem, Set<string>>();

/** What of a runtime a mark is checked with. */
export type RunningProcesses = Pick<
  Runtime,
  "processId" | "isRunning" | "startOfProcess" | "startTimeOfProcess"
>;

/** Content of a mark; empty after a power failure. */
interface Mark {
  /** Unique name of the file. */
  file: string;
  processId?: number;
  /** Start time of the process, if the system provides it. */
  started?: string;
  /** Start time of the run in milliseconds since 1970. */
  began?: number;
  /** Whether the process holds the lock of the folder. */
  isLocked?: boolean;
}

/**
 * Marks a folder as used by a process, with a folder `running` that contains one file named after
 * the run. A mark left by a killed process is ignored.
 *
 * Only one of several processes succeeds, because the folder is renamed into place with the file in
 * it, which fails if a non-empty one exists. A stale file is removed by name, so that a file that
 * another run created meanwhile is kept.
 *
 * On runtimes with file locks, the process also locks `running.lock`, which the system releases when
 * it ends. Others recognize it by its id, and the time at which it began.
 */
export class RunMark {
  readonly #fs: FileSystem;
  readonly #runtime: RunningProcesses;
  readonly #folder: Path;
  readonly #path: Path;
  readonly #lock: FolderLock;
  /** Name of this run's file; undefined without one. */
  #ours: string | undefined;

  /**
   * @param fs file system of the folder
   * @param folder path, or `file:` URL
   * @param runtime what knows the processes of the machine
   */
  constructor(fs: FileSystem, folder: Path, runtime: RunningProcesses = getRuntime()) {
    this.#fs = fs;
    this.#runtime = runtime;
    this.#folder = folder;
    this.#path = joinPath(folder, "running");
    this.#lock = new FolderLock(fs, joinPath(folder, "running.lock"));
  }

  /**
   * Mark the folder.
   *
   * @throws RangeError if another run uses it
   */
  async claim(): Promise<void> {
    const isHeld = this.#held.has(comparablePath(this.#folder));
    if (!isHeld && !await this.#lock.take()) {
      const [mark] = (await this.#read()).filter(({ isLocked }) => isLocked);
      throw this.#isUsed(mark);
    }
    try {
      for (;;) {
        this.#ours = await this.#create();
        if (this.#ours !== undefined) break;
        for (const mark of await this.#read()) {
          this.#check(mark);
          await this.#fs.remove(joinPath(this.#path, mark.file));
          if (!isHeld && !this.#lock.isOurs) await this.#lock.removeStale();
        }
        // Some systems cannot replace an empty folder by a rename.
        await this.#removeEmpty();
      }
    } catch (error) {
      await this.#lock.release();
      throw error;
    }
    this.#held.add(comparablePath(this.#folder));
  }

  /** Remove the mark of this run. A mark that cannot be removed is later ignored. */
  async release(): Promise<void> {
    const ours = this.#ours;
    if (ours === undefined) return;
    this.#ours = undefined;
    this.#held.delete(comparablePath(this.#folder));
    try {
      await this.#fs.remove(joinPath(this.#path, ours));
      await this.#removeEmpty();
      await this.#lock.release();
    } catch (error) {
      console.warn(`keepfit: the mark of this run could not be removed: ${messageOf(error)}`);
    }
  }

  get #held(): Set<string> {
    const folders = held.get(this.#fs) ?? new Set();
    held.set(this.#fs, folders);
    return folders;
  }

  /** Create a mark and return its name; undefined if there is another one. */
  async #create(): Promise<string | undefined> {
    const { processId, startOfProcess } = this.#runtime;
    const { name, release } = temporaryName();
    const beside = joinPath(this.#folder, name);
    const file = `${crypto.randomUUID()}.json`;
    try {
      await this.#fs.makeDir(beside);
      const opened = await this.#fs.open(joinPath(beside, file), "create");
      try {
        const mark: Omit<Mark, "file"> = {
          processId,
          started: startOfProcess(processId),
          began: Date.now(),
          isLocked: this.#lock.isOurs,
        };
        await opened.write(JSON.stringify(mark));
      } finally {
        await opened.close();
      }
      return await this.#moveIntoPlace(beside) ? file : undefined;
    } finally {
      await this.#fs.remove(beside, { recursive: true }).catch(() => {});
      release();
    }
  }

  /** Returns false if there is a mark. */
  async #moveIntoPlace(beside: Path): Promise<boolean> {
    try {
      await this.#fs.rename(beside, this.#path);
      return true;
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
      if (error.code === "NotEmpty" || error.code === "AlreadyExists") return false;
      // Some systems report a different error for an existing folder.
      const { isDirectory } = await this.#fs.stat(this.#path).catch(() => ({
        isDirectory: false,
      }));
      if (isDirectory) return false;
      throw error;
    }
  }

  async #removeEmpty(): Promise<void> {
    try {
      await this.#fs.remove(this.#path);
    } catch (error) {
      if (!(error instanceof FileSystemError && error.code === "NotEmpty")) throw error;
    }
  }

  async #read(): Promise<Mark[]> {
    const marks: Mark[] = [];
    try {
      for (const { name } of await this.#fs.readDir(this.#path)) {
        const text = await this.#fs.readTextFile(joinPath(this.#path, name));
        marks.push({ ...parse(text), file: name });
      }
    } catch (error) {
      // Another process has just removed it.
      if (!(error instanceof FileSystemError && error.code === "NotFound")) throw error;
    }
    return marks;
  }

  /** Throw if the process of a mark is running, or may be; warn if it is this one. */
  #check(mark: Mark): void {
    const { processId, isRunning, startOfProcess, startTimeOfProcess } = this.#runtime;
    const { processId: id, started, began, isLocked } = mark;
    if (id === undefined) return;
    const folder = showPath(this.#folder);
    if (id === processId) {
      // In a container, each process has the same id.
      if (!this.#held.has(comparablePath(this.#folder))) return;
      console.warn(
        `keepfit: another run of this process uses ${folder}, or was not closed; two runs must not ` +
          `share it`,
      );
      return;
    }
    const isAlive = isRunning(id);
    if (isAlive === false) return;
    const start = started === undefined ? undefined : startOfProcess(id);
    if (start !== undefined && start !== started) return;
    // Its process has released the lock that is ours now.
    if (start === undefined && isLocked && this.#lock.isOurs) return;
    const startTime = isAlive && start === undefined ? startTimeOfProcess(id) : undefined;
    // The owner of the mark began before it.
    if (startTime !== undefined && startTime > Number(began) + 60_000) return;
    if (isAlive === undefined) {
      throw new RangeError(
        `Cannot use ${folder}: expected no other run in it, and cannot see whether process ${id} ` +
          `still runs, which began ${
            ageOf(began)
          } ago; run Deno again with --allow-run, or remove ` +
          `${showPath(this.#path)} if it has ended`,
      );
    }
    throw this.#isUsed(mark);
  }

  #isUsed({ processId, began }: Partial<Mark> = {}): RangeError {
    const owner = processId === undefined
      ? "another one that begins now; use another folder"
      : `that of process ${processId}, which began ${ageOf(began)} ago; use another folder, or ` +
        `remove ${showPath(this.#path)} if that process does not train`;
    return new RangeError(
      `Cannot use ${showPath(this.#folder)}: expected no other run in it, got ${owner}`,
    );
  }
}

function parse(text: string): Omit<Mark, "file"> {
  try {
    const { processId, started, began, isLocked } = JSON.parse(text);
    return Number.isSafeInteger(processId) && processId > 0
      ? { processId, started, began, isLocked }
      : {};
  } catch {
    return {};
  }
}

function ageOf(began: number | undefined): string {
  const seconds = Math.max(0, Math.round((Date.now() - Number(began)) / 1000)) || 0;
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
