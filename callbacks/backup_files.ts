import { readPlainData, writePlainData } from "../checkpoints/plain_data_file.ts";
import type { CallbackState } from "../core/callback.ts";
import { messageOf } from "../core/errors.ts";
import { FileSystemError, joinPath, probeDirectory } from "../runtime/mod.ts";
import { showPath } from "../runtime/paths.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import { RunMark } from "./run_mark.ts";

/** `next` exists while it replaces `latest`. */
type WholeName = "next" | "latest" | "previous";
type BackupName = WholeName | `damaged-${WholeName}`;

/** The folder of one run's backup, which is replaced by a single rename. */
export class BackupFiles {
  readonly #fs: FileSystem;
  readonly #folder: Path;
  readonly #mark: RunMark;
  #writing: Promise<void> | undefined;
  #isWriting = false;

  /**
   * @param fs file system of the folder
   * @param folder path, or `file:` URL
   */
  constructor(fs: FileSystem, folder: Path) {
    this.#fs = fs;
    this.#folder = folder;
    this.#mark = new RunMark(fs, folder);
  }

  /**
   * Create the folder if it is missing, check that it is writable, and mark it as used by this run.
   *
   * @throws RangeError if another run uses it
   */
  async prepare(): Promise<void> {
    await probeDirectory(this.#folder, { fs: this.#fs });
    await this.#mark.claim();
  }

  /** Whether a backup is being written. */
  get isWriting(): boolean {
    return this.#isWriting;
  }

  /**
   * Start saving a backup, after the previous one has settled. A complete one exists at any time.
   *
   * @param keepsPrevious whether to keep the previous one
   * @param synced settles when everything that the backup refers to is on the disk
   */
  begin(backup: CallbackState, keepsPrevious: boolean, synced: Promise<void>): void {
    this.#isWriting = true;
    this.#writing = this.#write(backup, keepsPrevious, synced).finally(() =>
      this.#isWriting = false
    );
    // Reported by settle().
    this.#writing.catch(() => {});
  }

  /** Wait for the current write. Throws if it or the previous one failed. */
  async settle(): Promise<void> {
    const writing = this.#writing;
    this.#writing = undefined;
    await writing;
  }

  /** Write a backup. Everything except its typed arrays is copied synchronously. */
  async #write(
    backup: CallbackState,
    keepsPrevious: boolean,
    synced: Promise<void>,
  ): Promise<void> {
    const file = this.#file(keepsPrevious ? "next" : "latest");
    await writePlainData(this.#fs, file, backup as never, synced);
    if (!keepsPrevious) return;
    await this.#rename("latest", "previous");
    await this.#rename("next", "latest");
  }

  /**
   * The last backup, or the previous one if it is damaged; undefined without one. A damaged one is
   * kept under another name.
   *
   * @throws SyntaxError if there are only damaged ones
   */
  async find(): Promise<CallbackState | undefined> {
    const failures: string[] = [];
    const damaged: WholeName[] = [];
    let found: CallbackState | undefined;
    for (const name of ["next", "latest", "previous"] as const) {
      try {
        found = await this.#read(name);
        break;
      } catch (error) {
        if (isNotFound(error)) continue;
        // A file that could not be read may be intact, so no other one is used.
        if (error instanceof FileSystemError) throw error;
        failures.push(messageOf(error));
        damaged.push(name);
      }
    }
    if (failures.length === 0) return found;
    if (found === undefined) {
      throw new SyntaxError(
        `Cannot resume the run: expected a backup in ${
          showPath(this.#folder)
        }, got a damaged one: ` +
          `${failures.join("; ")}; remove it to train from scratch`,
      );
    }
    for (const name of damaged) await this.#rename(name, `damaged-${name}`);
    console.warn(
      `keepfit: the backup is damaged: ${failures.join("; ")}; the previous one is used, and ` +
        `${damaged.map((name) => `damaged-${name}.safetensors`).join(", ")} is kept`,
    );
    return found;
  }

  /** Remove the backups, and the folder if it is empty and can be removed. */
  async remove(): Promise<void> {
    for (const name of ["next", "previous", "latest"] as const) {
      await this.#fs.remove(this.#file(name));
    }
    await this.release();
    try {
      await this.#fs.remove(this.#folder);
    } catch (error) {
      // It is not empty, a mount point, the working directory, or in a read-only folder.
      if (!(error instanceof FileSystemError)) throw error;
    }
  }

  /** Release the folder for other runs; may be called again. */
  async release(): Promise<void> {
    await this.#mark.release();
  }

  /** Rename a backup, if it exists. */
  async #rename(from: BackupName, to: BackupName): Promise<void> {
    try {
      await this.#fs.rename(this.#file(from), this.#file(to));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #read(name: BackupName): Promise<CallbackState> {
    const file = this.#file(name);
    const backup = await readPlainData(this.#fs, file) as CallbackState | null;
    if (Number.isSafeInteger(backup?.epoch) && Array.isArray(backup?.weights)) return backup;
    throw new SyntaxError(`Cannot load ${showPath(file)}: it has no epoch and weights`);
  }

  #file(name: BackupName): Path {
    return joinPath(this.#folder, `${name}.safetensors`);
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof FileSystemError && error.code === "NotFound";
}
