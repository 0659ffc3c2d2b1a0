import { readPlainData, writePlainData } from "../checkpoints/plain_data_file.ts";
import type { CallbackState } from "../core/callback.ts";
import { messageOf } from "../core/errors.ts";
import { ensureDir, FileSystemError, joinPath, probeDirectory, sweep } from "../runtime/mod.ts";
import type { FileSystem, Path } from "../runtime/types.ts";

/** The folder of one run's backup, in which one rename replaces all of it. */
export class BackupFiles {
  readonly #fs: FileSystem;
  readonly #folder: Path;

  /**
   * @param fs file system of the folder
   * @param folder path, or `file:` URL
   */
  constructor(fs: FileSystem, folder: Path) {
    this.#fs = fs;
    this.#folder = folder;
  }

  /** Create the folder if missing, and check that it is writable. */
  async prepare(): Promise<void> {
    await probeDirectory(this.#folder, { fs: this.#fs });
    await sweep(this.#folder, { fs: this.#fs });
  }

  /**
   * Save a backup.
   *
   * @param keepsPrevious whether the last one is kept beside it
   */
  async write(backup: CallbackState, keepsPrevious: boolean): Promise<void> {
    await ensureDir(this.#folder, { fs: this.#fs });
    if (keepsPrevious) await this.#keepPrevious();
    await writePlainData(this.#fs, this.#file("latest"), backup as never);
  }

  /** The last backup, or the one before it when that cannot be read; undefined without one. */
  async find(): Promise<CallbackState | undefined> {
    const failures: string[] = [];
    let found: CallbackState | undefined;
    for (const name of ["latest", "previous"] as const) {
      try {
        found = await this.#read(name);
      } catch (error) {
        // A file that was not read may be whole: no reason to restart and overwrite it.
        if (error instanceof FileSystemError && !isNotFound(error)) throw error;
        if (!isNotFound(error)) failures.push(messageOf(error));
      }
      if (found !== undefined) break;
    }
    if (failures.length > 0) {
      const consequence = found === undefined
        ? "training starts from scratch"
        : "the one before it is used";
      console.warn(`keepfit: the backup is damaged: ${failures.join("; ")}; ${consequence}`);
    }
    return found;
  }

  /** Remove both backups, and the folder where nothing else is in it. */
  async remove(): Promise<void> {
    for (const name of ["previous", "latest"] as const) await this.#fs.remove(this.#file(name));
    try {
      await this.#fs.remove(this.#folder);
    } catch (error) {
      if (!(error instanceof FileSystemError && error.code === "NotEmpty")) throw error;
    }
  }

  async #keepPrevious(): Promise<void> {
    try {
      await this.#fs.rename(this.#file("latest"), this.#file("previous"));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #read(name: "latest" | "previous"): Promise<CallbackState> {
    const file = this.#file(name);
    const backup = await readPlainData(this.#fs, file) as CallbackState | null;
    if (Number.isSafeInteger(backup?.epoch) && Array.isArray(backup?.weights)) return backup;
    throw new SyntaxError(`Cannot load ${file}: it has no epoch and weights`);
  }

  #file(name: "latest" | "previous"): Path {
    return joinPath(this.#folder, `${name}.safetensors`);
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof FileSystemError && error.code === "NotFound";
}
