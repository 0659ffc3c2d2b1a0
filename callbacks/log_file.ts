import { directoryOf, ensureDir, getRuntime } from "../runtime/mod.ts";
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

  /** Leave of the file what is this run's: once, before the first line. */
  async cut(): Promise<void> {
    if (this.#isCut || this.#file === undefined) return;
    this.#isCut = true;
    const fs = this.#fs as FileSystem;
    const { size } = await fs.stat(this.path);
    if (size > this.#size) {
      await this.#file.close();
      if (this.#size > 0) {
        await fs.writeFile(this.path, (await fs.readFile(this.path)).subarray(0, this.#size));
      }
      this.#file = await fs.open(this.path, this.#size > 0 ? "append" : "truncate");
    }
    this.#size = Math.min(size, this.#size);
  }

  /** Write at its end. */
  async write(text: string): Promise<void> {
    await this.cut();
    await this.#opened().write(text);
    this.#size += byteLength(text);
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
