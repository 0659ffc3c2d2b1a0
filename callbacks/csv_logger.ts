import { parse, stringify } from "@std/csv";
import { Callback, type CallbackOptions, type CallbackState } from "../core/callback.ts";
import type { Logs } from "../core/logs.ts";
import { ensureDir, getRuntime } from "../runtime/mod.ts";
import type { FileSystem, Path, WritableFile } from "../runtime/types.ts";
import {
  callbackOptions,
  checkOptions,
  checkValue,
  flag,
  given,
  type OptionRule,
} from "./options.ts";
import { parentOf, place } from "./place.ts";
import { pythonFloat } from "./python_format.ts";

/** Options of {@linkcode CSVLogger}. */
export interface CSVLoggerOptions extends CallbackOptions {
  /** What stands between two values, one character. Default: `","`. */
  separator?: string;
  /** Go on at the end of a file that is there, in its columns. Default: false, it is replaced. */
  append?: boolean;
  /**
   * When the first epoch has no `val_` key, make a `val_` column for every key, in case that
   * validation comes later. Default: true, as in Keras.
   */
  reserveValColumns?: boolean;
  /** Where the file is. Default: the runtime's own file system. */
  fs?: FileSystem;
}

/**
 * Write the logs of each epoch as a row of a CSV file, the very bytes that Keras writes: the
 * 0-based epoch, then the keys of the first epoch in sorted order; lines end in CR LF, a missing
 * value is `NA`, numbers are as Python writes them (`1.0`, `1e-05`, `nan`).
 *
 * A key that comes later has no column and is left out, with a warning; so is `learning_rate` when
 * the callback that writes it stands behind this one. Each row is in the file when its epoch ends.
 * Parent folders are made (Keras fails). Appending keeps to the columns of the file; when it has
 * none for a metric of this run, the run fails before its first batch.
 *
 * Source: `keras/src/callbacks/csv_logger.py`.
 *
 * @example
 * ```ts
 * import { CallbackList, CSVLogger } from "keepfit";
 * import { memoryFileSystem } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const fs = memoryFileSystem();
 * const list = new CallbackList([new CSVLogger("runs/log.csv", { fs, reserveValColumns: false })]);
 * await list.onTrainBegin();
 * await list.onEpochEnd(0, { loss: 0.5 });
 * await list.close();
 * assert.equal(await fs.readTextFile("runs/log.csv"), "epoch,loss\r\n0,0.5\r\n");
 * ```
 */
export class CSVLogger extends Callback {
  /** Where it writes. */
  readonly filename: Path;
  #separator: string;
  #append: boolean;
  #reserveValColumns: boolean;
  #fs: FileSystem | undefined;
  #file: WritableFile | undefined;
  // Without the epoch; unknown until the first row, or until a header is read.
  #columns: string[] | undefined;
  // How much of the file is this run's, in bytes. What lies behind it is cut off before the first row.
  #size = 0;
  #isCut = false;
  #isResumed = false;
  #hasWarned = false;

  /**
   * @param filename path or `file:` URL
   * @param options how to write
   * @throws TypeError for an option of the wrong type
   * @throws RangeError for an empty `filename`, or a `separator` that is not one character
   */
  constructor(filename: Path, options: CSVLoggerOptions = {}) {
    super(options);
    checkValue("CSVLogger", "filename", filename, place);
    checkOptions(this, "CSVLogger", options, {
      ...callbackOptions,
      separator: oneCharacter,
      append: flag,
      reserveValColumns: flag,
      fs: given,
    });
    this.filename = filename;
    this.#separator = options.separator ?? ",";
    this.#append = options.append ?? false;
    this.#reserveValColumns = options.reserveValColumns ?? true;
    this.#fs = options.fs;
  }

  /** Open the file, so that one that cannot be written fails before the first batch. */
  override async onTrainBegin(): Promise<void> {
    await this.close();
    this.#hasWarned = false;
    this.#isCut = false;
    const fs = this.#fs ??= getRuntime().fs;
    await ensureDir(parentOf(this.filename), { fs });
    this.#file = await fs.open(this.filename, "append");
    if (this.#isResumed) return;
    this.#columns = undefined;
    this.#size = 0;
    if (this.#append) await this.#readHeader(fs);
  }

  override async onEpochBegin(): Promise<void> {
    await this.#cut();
  }

  override async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    await this.#cut();
    this.#isResumed = false;
    const columns = this.#columns ??= this.#columnsOf(logs);
    const rows: string[][] = [];
    if (this.#size === 0) rows.push(["epoch", ...columns]);
    // Python tells an int from a float; among our numbers only the epoch is an int.
    const first = Object.hasOwn(logs, "epoch") ? pythonText(logs.epoch) : String(epoch);
    rows.push([
      first,
      ...columns.map((name) => Object.hasOwn(logs, name) ? pythonText(logs[name]) : "NA"),
    ]);
    this.#warnAboutOthers(logs, columns);
    await this.#write(stringify(rows, { headers: false, separator: this.#separator }));
  }

  override async onTrainEnd(): Promise<void> {
    await this.#cut();
    await this.close();
  }

  /** Close the file. */
  override async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  /** The columns, and how far the file is written. */
  getState(): CallbackState {
    return { columns: this.#columns?.slice(), size: this.#size };
  }

  /** Go on from there: rows that were written later are cut off before the next one. */
  setState(state: CallbackState): void {
    this.#columns = (state.columns as string[] | undefined)?.slice();
    this.#size = state.size as number;
    this.#isCut = false;
    this.#isResumed = true;
  }

  #columnsOf(logs: Logs): string[] {
    const keys = Object.keys(logs).sort((a, b) => (a < b ? -1 : 1));
    if (!this.#reserveValColumns || keys.some((key) => key.startsWith("val_"))) return keys;
    return [...keys, ...keys.map((key) => `val_${key}`)];
  }

  async #readHeader(fs: FileSystem): Promise<void> {
    const { size } = await fs.stat(this.filename);
    this.#size = size;
    if (size === 0) return;
    const [line] = (await fs.readTextFile(this.filename)).split(/\r?\n/, 1);
    const [first, ...columns]: string[] = parse(line, { separator: this.#separator })[0] ?? [];
    const missing = (this.params?.metrics ?? []).filter((name) => !columns.includes(name));
    if (first !== "epoch" || missing.length > 0) {
      throw new RangeError(
        `Cannot append to ${this.filename} with the header '${line}': ` +
          (first === "epoch"
            ? `this run also logs ${missing.join(", ")}; write to another file`
            : `the first of its columns, separated by '${this.#separator}', must be 'epoch'`),
      );
    }
    this.#columns = columns;
  }

  /** Leave of the file what is this run's: nothing, what it appends to, or what a resumed run had. */
  async #cut(): Promise<void> {
    if (this.#isCut || this.#file === undefined) return;
    this.#isCut = true;
    const fs = this.#fs as FileSystem;
    const { size } = await fs.stat(this.filename);
    if (size > this.#size) {
      await this.#file.close();
      if (this.#size > 0) {
        await fs.writeFile(
          this.filename,
          (await fs.readFile(this.filename)).subarray(0, this.#size),
        );
      }
      this.#file = await fs.open(this.filename, this.#size > 0 ? "append" : "truncate");
    }
    this.#size = Math.min(size, this.#size);
  }

  async #write(text: string): Promise<void> {
    if (this.#file === undefined) {
      throw new TypeError(
        `Cannot write to ${this.filename}: it is open between train begin and end`,
      );
    }
    await this.#file.write(text);
    this.#size += new TextEncoder().encode(text).length;
  }

  #warnAboutOthers(logs: Logs, columns: string[]): void {
    const others = Object.keys(logs).filter((name) => !columns.includes(name));
    if (others.length === 0 || this.#hasWarned) return;
    this.#hasWarned = true;
    console.warn(
      `keepfit: CSVLogger has no column for ${others.join(", ")}, which is left out; ` +
        `its columns are epoch,${columns.join(",")}`,
    );
  }
}

const oneCharacter: OptionRule = {
  types: ["string"],
  wanted: "one character, no quote and no line end",
  holds: (value: string) => /^[^"\r\n]$/u.test(value),
};

/** The text that Python's csv writer has for a value. */
function pythonText(value: unknown): string {
  if (typeof value === "number") return pythonFloat(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value === null || value === undefined) return "";
  if (typeof value === "object" && Symbol.iterator in value) {
    return `"[${Array.from(value as Iterable<unknown>, pythonText).join(", ")}]"`;
  }
  return String(value);
}
