import { FileSystemError, joinPath, sweep } from "../runtime/mod.ts";
import { intactEvents } from "../tensorboard/intact_events.ts";
import { showPath } from "../runtime/paths.ts";
import type { DirectoryEntry, FileSystem, Path } from "../runtime/types.ts";

/** Folders in the log folder whose events a resumed run continues. */
const runs = ["train", "validation"] as const;

/**
 * State of a run's event files as plain data: the id in their names, and sizes in bytes by path.
 */
export type EventFilesState = { id: string; sizes: Record<string, number> };

/**
 * The event files of a run in a log folder, which have its id in their names. A resumed run
 * truncates them to its state. Marking a step as restarted is not sufficient, because readers
 * compare one step with both epochs and batches.
 */
export class EventFiles {
  readonly #fs: FileSystem;
  readonly #folder: Path;
  #id: string = crypto.randomUUID().slice(0, 8);
  #sizes: Record<string, number> | undefined;

  /**
   * @param fs file system of the folder
   * @param folder the log folder, path or `file:` URL
   */
  constructor(fs: FileSystem, folder: Path) {
    this.#fs = fs;
    this.#folder = folder;
  }

  /** Suffix of the file names. */
  get suffix(): string {
    return `.${this.#id}.v2`;
  }

  /** The sizes of the files. */
  async getState(): Promise<EventFilesState> {
    if (this.#sizes !== undefined) return { id: this.#id, sizes: { ...this.#sizes } };
    const sizes: Record<string, number> = {};
    for (const run of runs) {
      for (const { name } of await this.#list(run)) {
        sizes[`${run}/${name}`] = (await this.#fs.stat(this.#path(run, name))).size;
      }
    }
    return { id: this.#id, sizes };
  }

  /** Continue from a state of {@linkcode getState}. */
  setState({ id, sizes }: EventFilesState): void {
    this.#id = id;
    this.#sizes = sizes;
  }

  /**
   * Truncate the files to the restored state, if there is one, and remove damaged events, at which
   * readers would stop. Hyperparameters are written again.
   */
  async cut(): Promise<void> {
    if (this.#sizes === undefined) return;
    const sizes = { ...this.#sizes };
    this.#sizes = undefined;
    for (const run of [...runs, ""]) {
      const folder = this.#path(run);
      await sweep(folder, { fs: this.#fs });
      for (const { name } of await this.#list(run)) {
        const path = this.#path(run, name);
        const kept = sizes[`${run}/${name}`];
        delete sizes[`${run}/${name}`];
        if (kept === undefined) await this.#fs.remove(path);
        else await this.#restore(path, kept);
      }
    }
    for (const path of Object.keys(sizes)) warnOfLoss(this.#path(path), "it is gone");
  }

  /** Cut a file to the size that the state names, and remove damaged events. */
  async #restore(path: Path, kept: number): Promise<void> {
    const { size } = await this.#fs.stat(path);
    // Some runtimes cannot read a larger file, and nothing is to be cut.
    if (size === kept && size >= 2 ** 31) return;
    const bytes = await this.#fs.readFile(path);
    const { parts, damagedAt } = intactEvents(bytes.subarray(0, kept));
    if (damagedAt !== undefined || size > kept) await this.#fs.writeFile(path, parts);
    if (damagedAt !== undefined) {
      warnOfLoss(path, `the event at byte ${damagedAt} is damaged; damaged events are removed`);
    } else if (size < kept) warnOfLoss(path, `it has ${size} bytes of ${kept}`);
  }

  async #list(run: string): Promise<DirectoryEntry[]> {
    try {
      const entries = await this.#fs.readDir(this.#path(run));
      return entries.filter(({ name, isFile }) => isFile && name.endsWith(this.suffix));
    } catch (error) {
      if (error instanceof FileSystemError && error.code === "NotFound") return [];
      throw error;
    }
  }

  #path(...names: string[]): Path {
    return names.filter((name) => name !== "").reduce(joinPath, this.#folder);
  }
}

function warnOfLoss(path: Path, reason: string): void {
  console.warn(`keepfit: ${showPath(path)} has lost events of the resumed run: ${reason}`);
}
