import { claimPath } from "./claim_path.ts";
import { OwnedLines } from "./owned_lines.ts";
import {
  directoryOf,
  ensureDir,
  exists,
  FileSystemError,
  getRuntime,
  sweep,
} from "../runtime/mod.ts";
import { showPath } from "../runtime/paths.ts";
import type { FileSystem, Path, WritableFile } from "../runtime/types.ts";

/**
 * Plain data of a {@linkcode LogFile}: the size of the run's part of the file, and lines that
 * identify it.
 */
export type LogFileState = {
  size: number;
  lines: number;
  head: string;
  tail: string;
  /** Checksum of the lines; undefined in states of earlier versions. */
  crc32c?: number;
};

/** Options of {@linkcode LogFile}. */
export interface LogFileOptions {
  /** File system of the file. Default: the runtime's. */
  fs?: FileSystem;
  /** Whether columns may have been added to the lines. Default: false. */
  linesGrow?: boolean;
  /**
   * Recreate the last `missing` lines of a file, each with its line end, or fewer if some are
   * unknown. An empty file also lacks its first line.
   */
  rebuild(missing: number, isEmpty: boolean): string[];
}

/**
 * A file to which a logger appends lines. A part of it belongs to the run: when a run resumes,
 * lines written after its state are removed, and lost lines are restored. A different file of that
 * name is never truncated.
 */
export class LogFile {
  /** Path of the file. */
  readonly path: Path;
  readonly #options: LogFileOptions;
  #fs: FileSystem | undefined;
  #file: WritableFile | undefined;
  #release: (() => void) | undefined;
  #size = 0;
  #lines: OwnedLines;
  #isCut = false;
  // Time of the last check in milliseconds.
  #checked = 0;
  #isRestored = false;
  #isSynced = true;
  // The last flush, which others wait for too.
  #syncing: Promise<void> = Promise.resolve();

  /**
   * @param path path or `file:` URL
   * @param options file system, and restoring of lost lines
   */
  constructor(path: Path, options: LogFileOptions) {
    this.path = path;
    this.#options = options;
    this.#fs = options.fs;
    this.#lines = new OwnedLines(options.linesGrow ?? false);
  }

  /** Size of the run's part in bytes. */
  get size(): number {
    return this.#size;
  }

  /** First line of the file. */
  get head(): string {
    return this.#lines.head;
  }

  /** Start a run that owns no part of the file; the next {@linkcode cut} removes all of it. */
  clear(): void {
    this.#keep("", 0);
  }

  /** The run's part of the file, which survives a power failure after {@linkcode sync}. */
  getState(): LogFileState {
    const { count, head, tail, crc32c } = this.#lines;
    const state = { size: this.#size, lines: count, head, tail };
    return crc32c === undefined ? state : { ...state, crc32c };
  }

  /**
   * Continue from a state of {@linkcode getState}: the next {@linkcode cut} compares it with the
   * file.
   */
  setState({ size, lines, head, tail, crc32c }: LogFileState): void {
    this.#size = size;
    this.#lines.restore(lines, head, tail, crc32c);
    this.#isRestored = true;
  }

  /** Create the folder and open the file without changing it. */
  async open(): Promise<void> {
    await this.close();
    this.#isCut = false;
    const fs = this.#fs ??= getRuntime().fs;
    const directory = directoryOf(this.path);
    await ensureDir(directory, { fs });
    await sweep(directory, { fs });
    this.#file = await fs.open(this.path, "append");
    this.#release = claimPath(fs, this.path);
  }

  /** Read the whole file, which then belongs to the run. */
  async read(): Promise<string> {
    const fs = this.#fs as FileSystem;
    const { size } = await fs.stat(this.path);
    const text = await fs.readTextFile(this.path);
    this.#keep(text, size);
    return text;
  }

  /**
   * Truncate the file to the run's part, before the first line and after a failed write. A file
   * that was removed or truncated meanwhile is continued with a warning.
   */
  async cut(): Promise<void> {
    if (this.#file === undefined) return;
    this.#checked = performance.now();
    if (this.#isRestored) await this.#continue();
    const size = await this.#sizeOnDisk();
    if (this.#isCut && (size ?? 0) < this.#size) {
      console.warn(
        `keepfit: ${showPath(this.path)} was ${
          size === undefined ? "removed" : "truncated"
        } during the ` +
          `run; the log continues ${size === undefined ? "in a new file" : "at its end"}`,
      );
    }
    if (size === undefined || (!this.#isCut && size > this.#size)) await this.#reopen();
    this.#size = Math.min(size ?? 0, this.#size);
    this.#isCut = true;
  }

  /** Whether {@linkcode cut} was called in this run. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /**
   * Whether {@linkcode cut} was called in the last 10 ms. Then {@linkcode append} needs no further
   * check, which would take longer than the write.
   */
  get isReady(): boolean {
    const isCut = this.#isCut && !this.#isRestored && this.#file !== undefined;
    return isCut && performance.now() - this.#checked < checkedFor;
  }

  /** Append a text, after {@linkcode cut} unless it {@linkcode isReady}. */
  write(text: string): void | Promise<void> {
    return this.isReady ? this.append(text) : this.cut().then(() => this.append(text));
  }

  /** Append a text after {@linkcode cut}. Returns a promise only if it must wait. */
  append(text: string): void | Promise<void> {
    const file = this.#opened();
    const bytes = encoder.encode(text);
    this.#isSynced = false;
    try {
      if (!file.writeNow?.(bytes)) return this.#appendLater(file, text, bytes);
    } catch (error) {
      // Part of the text may be in the file.
      this.#isCut = false;
      throw error;
    }
    this.#wrote(text, bytes);
  }

  async #appendLater(file: WritableFile, text: string, bytes: Uint8Array): Promise<void> {
    try {
      await file.write(bytes);
    } catch (error) {
      this.#isCut = false;
      throw error;
    }
    this.#wrote(text, bytes);
  }

  #wrote(text: string, bytes: Uint8Array): void {
    this.#size += bytes.length;
    this.#lines.add(text, bytes);
  }

  /** Compare the file with the restored run's lines, and restore it. */
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
        } is not the file that the resumed run wrote: its content stays, and the log continues at its end`,
      );
      const end = this.#lines.head.endsWith("\r\n") ? "\r\n" : "\n";
      await this.replace(text === "" || text.endsWith("\n") ? text : text + end);
    } else if (missing > 0) {
      const rebuilt = this.#options.rebuild(missing, whole.length === 0);
      const lost = missing - rebuilt.length;
      console.warn(
        `keepfit: ${showPath(this.path)} has lost lines of the resumed run; restored: ` +
          `${rebuilt.length}, missing: ${lost}`,
      );
      await this.replace([...whole, ...rebuilt].join(""));
    } else {
      const kept = whole.slice(0, this.#lines.count).join("");
      if (!this.#lines.areAll(kept)) {
        console.warn(
          `keepfit: ${showPath(this.path)} was changed after the resumed run wrote it; the lines ` +
            `are kept`,
        );
      }
      if (kept !== text) await this.replace(kept);
      else this.#keep(kept, byteLength(kept));
    }
    this.#isCut = true;
  }

  /** Make a text the part of the run. */
  #keep(text: string, size: number): void {
    this.#size = size;
    this.#lines.clear();
    this.#lines.add(text);
    this.#isRestored = false;
    this.#isCut = false;
  }

  /** Reopen the file with the run's part, or a new file if it was removed. */
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

  /** Close the file; may be called again. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#release?.();
    try {
      await this.sync();
    } finally {
      this.#file = undefined;
      this.#release = undefined;
      await file?.close();
    }
  }

  /** Wait until what was written is on the disk. */
  sync(): Promise<void> {
    if (!this.#isSynced) {
      this.#isSynced = true;
      this.#syncing = this.#flush();
    }
    return this.#syncing;
  }

  async #flush(): Promise<void> {
    try {
      await this.#file?.sync();
    } catch (error) {
      this.#isSynced = false;
      throw error;
    }
  }

  #opened(): WritableFile {
    if (this.#file !== undefined) return this.#file;
    throw new TypeError(
      `Cannot write to ${this.path}: it is only open between train begin and end`,
    );
  }
}

/** Milliseconds after which a file may have been removed or truncated. */
const checkedFor = 10;

const encoder = new TextEncoder();

function byteLength(text: string): number {
  return encoder.encode(text).length;
}
