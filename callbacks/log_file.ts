import { directoryOf, ensureDir, exists, FileSystemError, getRuntime } from "../runtime/mod.ts";
import { showPath } from "../runtime/paths.ts";
import type { FileSystem, Path, WritableFile } from "../runtime/types.ts";

/**
 * A file that a logger writes at its end, line by line, and that remembers how much of it belongs
 * to the run. A run that is resumed has what was written after its state cut off.
 */
export class LogFile {
  /** Where it is. */
  readonly path: Path;
  #size = 0;
  #fs: FileSystem | undefined;
  #file: WritableFile | undefined;
  #isCut = false;

  /**
   * @param path path or `file:` URL
   * @param fs where it is; undefined for the runtime's own file system
   */
  constructor(path: Path, fs: FileSystem | undefined) {
    this.path = path;
    this.#fs = fs;
  }

  /** How much of the file is this run's, in bytes. */
  get size(): number {
    return this.#size;
  }

  /** Say how much of the file is this run's: what lies behind it goes with the next {@linkcode cut}. */
  keep(size: number): void {
    this.#size = size;
    this.#isCut = false;
  }

  /** Open it, its folder made; nothing in it changes. */
  async open(): Promise<void> {
    await this.close();
    this.#isCut = false;
    const fs = this.#fs ??= getRuntime().fs;
    await ensureDir(directoryOf(this.path), { fs });
    this.#file = await fs.open(this.path, "append");
  }

  /** All that is in it, which becomes the run's. */
  async read(): Promise<string> {
    const fs = this.#fs as FileSystem;
    this.keep((await fs.stat(this.path)).size);
    return await fs.readTextFile(this.path);
  }

  /**
   * Leave of the file what is this run's: before the first line, and after a write that failed. A file
   * that was removed or cut since is continued, with a warning.
   */
  async cut(): Promise<void> {
    if (this.#file === undefined) return;
    const size = await this.#sizeOnDisk();
    if (this.#isCut && (size ?? 0) < this.#size) {
      console.warn(
        `keepfit: ${showPath(this.path)} was ${
          size === undefined ? "removed" : "cut"
        } during the ` +
          `run; the log goes on ${size === undefined ? "in a new file" : "at its end"}`,
      );
    }
    if (size === undefined || (!this.#isCut && size > this.#size)) await this.#reopen();
    this.#size = Math.min(size ?? 0, this.#size);
    this.#isCut = true;
  }

  /** Write at its end. */
  async write(text: string): Promise<void> {
    await this.cut();
    try {
      await this.#opened().write(text);
    } catch (error) {
      // A part of it may be in the file.
      this.#isCut = false;
      throw error;
    }
    this.#size += byteLength(text);
  }

  /** Open what is this run's of the file, or a new one where it is gone. */
  async #reopen(): Promise<void> {
    const fs = this.#fs as FileSystem;
    await this.#file?.close();
    this.#file = undefined;
    await ensureDir(directoryOf(this.path), { fs });
    if (this.#size > 0 && await exists(this.path, { fs })) {
      await fs.writeFile(this.path, (await fs.readFile(this.path)).subarray(0, this.#size));
    }
    this.#file = await fs.open(this.path, this.#size > 0 ? "append" : "truncate");
  }

  async #sizeOnDisk(): Promise<number | undefined> {
    try {
      return (await (this.#fs as FileSystem).stat(this.path)).size;
    } catch (error) {
      if (error instanceof FileSystemError && error.code === "NotFound") return undefined;
      throw error;
    }
  }

  /** Put another text in its place at once: a reader sees the old file or the new one. */
  async replace(text: string): Promise<void> {
    await this.#opened().close();
    const fs = this.#fs as FileSystem;
    await fs.writeFile(this.path, text);
    this.#file = await fs.open(this.path, "append");
    this.keep(byteLength(text));
  }

  /** Close it; may be called again. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  #opened(): WritableFile {
    if (this.#file !== undefined) return this.#file;
    throw new TypeError(`Cannot write to ${this.path}: it is open between train begin and end`);
  }
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
