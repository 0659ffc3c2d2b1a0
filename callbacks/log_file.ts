import { OwnedLines } from "./owned_lines.ts";
import { directoryOf, ensureDir, exists, FileSystemError, getRuntime } from "../runtime/mod.ts";
import { showPath } from "../runtime/paths.ts";
import type { FileSystem, Path, WritableFile } from "../runtime/types.ts";

/** Plain data of a {@linkcode LogFile}: how much of a file is a run's, and what tells it from others. */
export type LogFileState = { size: number; lines: number; head: string; tail: string };

/** How a {@linkcode LogFile} is continued from a state. */
export interface LogFileOptions {
  /** File system of the file. Default: the runtime's. */
  fs?: FileSystem;
  /** Whether lines may have grown since, by more columns. Default: false. */
  linesGrow?: boolean;
  /**
   * Make the last lines again, of a file that has lost so many: each with its end, and fewer where it
   * cannot. An empty file has lost its first line too.
   */
  rebuild(missing: number, isEmpty: boolean): string[];
}

/**
 * A file that a logger writes at its end, line by line, and that remembers how much of it belongs
 * to the run. A run that is resumed has what was written after its state cut off, and what was lost
 * of it written again. Another file of that name is never cut.
 */
export class LogFile {
  /** Where it is. */
  readonly path: Path;
  readonly #options: LogFileOptions;
  #fs: FileSystem | undefined;
  #file: WritableFile | undefined;
  #size = 0;
  #lines: OwnedLines;
  #isCut = false;
  #isRestored = false;
  #isSynced = true;

  /**
   * @param path path or `file:` URL
   * @param options where it is, and how it is continued
   */
  constructor(path: Path, options: LogFileOptions) {
    this.path = path;
    this.#options = options;
    this.#fs = options.fs;
    this.#lines = new OwnedLines(options.linesGrow ?? false);
  }

  /** How much of the file is this run's, in bytes. */
  get size(): number {
    return this.#size;
  }

  /** Its first line. */
  get head(): string {
    return this.#lines.head;
  }

  /** Begin a run that has nothing of the file: all of it goes with the next {@linkcode cut}. */
  clear(): void {
    this.#keep("", 0);
  }

  /** How much of the file is this run's; as much is on the disk then, where a power cut leaves it. */
  async getState(): Promise<LogFileState> {
    await this.#sync();
    const { count, head, tail } = this.#lines;
    return { size: this.#size, lines: count, head, tail };
  }

  /** Continue from a state of {@linkcode getState}: the next {@linkcode cut} finds what is left. */
  setState({ size, lines, head, tail }: LogFileState): void {
    this.#size = size;
    this.#lines.restore(lines, head, tail);
    this.#isRestored = true;
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
    const { size } = await fs.stat(this.path);
    const text = await fs.readTextFile(this.path);
    this.#keep(text, size);
    return text;
  }

  /**
   * Leave of the file what is this run's: before the first line, and after a write that failed. A file
   * that was removed or cut since is continued, with a warning.
   */
  async cut(): Promise<void> {
    if (this.#file === undefined) return;
    if (this.#isRestored) await this.#continue();
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

  /** {@linkcode cut} it unless that was done in this run: a look at the file for each epoch is enough. */
  async cutOnce(): Promise<void> {
    if (!this.#isCut) await this.cut();
  }

  /** {@linkcode cut} it and write at its end. */
  async write(text: string): Promise<void> {
    await this.cut();
    await this.append(text);
  }

  /** Write at its end, which {@linkcode cut} has just found. */
  async append(text: string): Promise<void> {
    this.#isSynced = false;
    try {
      await this.#opened().write(text);
    } catch (error) {
      // A part of it may be in the file.
      this.#isCut = false;
      throw error;
    }
    this.#size += byteLength(text);
    this.#lines.add(text);
  }

  /** Find what is left of the restored run's lines, and make the file that it had. */
  async #continue(): Promise<void> {
    this.#isRestored = false;
    const fs = this.#fs as FileSystem;
    const text = await this.#sizeOnDisk() === undefined ? "" : await fs.readTextFile(this.path);
    const whole = text.split(/(?<=\n)/).filter((line) => line.endsWith("\n"));
    const missing = this.#lines.count - whole.length;
    if (!this.#lines.areIn(text, whole)) {
      console.warn(
        `keepfit: ${
          showPath(this.path)
        } is not the file that the resumed run wrote: what is in it ` +
          `stays, and the log goes on at its end`,
      );
      const end = this.#lines.head.endsWith("\r\n") ? "\r\n" : "\n";
      await this.replace(text === "" || text.endsWith("\n") ? text : text + end);
    } else if (missing > 0) {
      const rebuilt = this.#options.rebuild(missing, whole.length === 0);
      const lost = missing - rebuilt.length;
      console.warn(
        `keepfit: ${
          showPath(this.path)
        } has lost lines of the run that is resumed; written again: ` +
          `${rebuilt.length}, missing: ${lost}`,
      );
      await this.replace([...whole, ...rebuilt].join(""));
    } else {
      const kept = whole.slice(0, this.#lines.count).join("");
      if (kept !== text) await this.replace(kept);
      else this.#keep(kept, byteLength(kept));
    }
    this.#isCut = true;
  }

  /** Take a text for all that is the run's. */
  #keep(text: string, size: number): void {
    this.#size = size;
    this.#lines.clear();
    this.#lines.add(text);
    this.#isRestored = false;
    this.#isCut = false;
  }

  /** Open the run's part of the file, or a new file if it is gone. */
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

  /** Replace the text atomically: a reader sees the old file or the new one. */
  async replace(text: string): Promise<void> {
    await this.#opened().close();
    const fs = this.#fs as FileSystem;
    await fs.writeFile(this.path, text);
    this.#file = await fs.open(this.path, "append");
    this.#keep(text, byteLength(text));
  }

  /** Close it; may be called again. */
  async close(): Promise<void> {
    const file = this.#file;
    try {
      await this.#sync();
    } finally {
      this.#file = undefined;
      await file?.close();
    }
  }

  async #sync(): Promise<void> {
    const isSynced = this.#isSynced;
    this.#isSynced = true;
    if (!isSynced) await this.#file?.sync();
  }

  #opened(): WritableFile {
    if (this.#file !== undefined) return this.#file;
    throw new TypeError(`Cannot write to ${this.path}: it is open between train begin and end`);
  }
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
