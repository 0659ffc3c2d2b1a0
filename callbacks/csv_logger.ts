import { Callback, type CallbackOptions, type CallbackState } from "../core/callback.ts";
import type { Logs } from "../core/logs.ts";
import { comparablePath } from "../runtime/paths.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import { csvRecords, csvText, endOfLastLine, separator } from "./csv_text.ts";
import { LogColumns, missing } from "./log_columns.ts";
import { LogFile, type LogFileState } from "./log_file.ts";
import { recordedLogs } from "./recorded_logs.ts";
import {
  callbackOptions,
  checkOptions,
  checkValue,
  filePath,
  fileSystem,
  flag,
} from "./options.ts";

/** Options of {@linkcode CSVLogger}. */
export interface CSVLoggerOptions extends CallbackOptions {
  /** Separator of two values, one character. Default: `","`. */
  separator?: string;
  /**
   * Whether to append to an existing file, keeping its columns. Default: false, which replaces it.
   */
  append?: boolean;
  /**
   * Whether to add a column for a key that appears later: the file is atomically replaced by one
   * with a longer header, in which earlier rows have `NA`. Default: false, as in Keras.
   */
  allKeys?: boolean;
  /**
   * Whether to add a `val_` column for every key if the first epoch has none, in case validation
   * follows later. Default: true, as in Keras; false with `allKeys`.
   */
  reserveValColumns?: boolean;
  /** File system of the file. Default: the runtime's. */
  fs?: FileSystem;
}

/**
 * Write the logs of each epoch as a row of a CSV file, byte for byte as Keras does: the 0-based
 * epoch, then the keys of the first epoch in sorted order. Lines end in CR LF, a missing value is
 * `NA`, and numbers have Python's format (`1.0`, `1e-05`, `nan`).
 *
 * A key that appears later has no column and is omitted with a warning, unless `allKeys` is set.
 * List this callback after those that add a key, such as `learning_rate`. Each row is in the file
 * when its epoch ends. Parent folders are created (Keras fails). Appending keeps the columns of the
 * file; if it lacks a column for a metric of this run, the run fails before its first batch. A
 * resumed run removes rows that were written after its state, and restores lost rows from its
 * `History`; a different file of that name is not truncated.
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
  /** Name in messages and saved states. */
  static override readonly className: string = "CSVLogger";

  /** The path it writes to. */
  readonly filename: Path;
  #separator: string;
  // Whether numbers need no quotes.
  readonly #isPlain: boolean;
  #append: boolean;
  #allKeys: boolean;
  #file: LogFile;
  readonly #columns: LogColumns;
  #isResumed = false;

  /**
   * Log to `filename`, which is opened when the run begins.
   *
   * @param filename path or `file:` URL
   * @param options separator, columns and file system
   * @throws TypeError for an option of the wrong type
   * @throws RangeError for an empty `filename`, or a `separator` that is not one character
   */
  constructor(filename: Path, options: CSVLoggerOptions = {}) {
    super(options);
    checkValue("CSVLogger", "filename", filename, filePath);
    checkOptions(this, CSVLogger, options, {
      ...callbackOptions,
      separator,
      append: flag,
      allKeys: flag,
      reserveValColumns: flag,
      fs: fileSystem,
    });
    this.filename = filename;
    this.#separator = options.separator ?? ",";
    this.#isPlain = !/[\w.+-]/.test(this.#separator);
    this.#append = options.append ?? false;
    this.#allKeys = options.allKeys ?? false;
    this.#columns = new LogColumns({
      allKeys: this.#allKeys,
      reserveValColumns: options.reserveValColumns ?? !this.#allKeys,
    });
    this.#file = new LogFile(filename, {
      fs: options.fs,
      linesGrow: this.#allKeys,
      rebuild: (missing, isEmpty) => this.#rebuild(missing, isEmpty),
    });
  }

  /** The path it writes to. */
  override get stateKey(): string {
    return comparablePath(this.filename);
  }

  /** Open the file, so that an unwritable one fails before the first batch. */
  override async onTrainBegin(): Promise<void> {
    this.#columns.resetWarning();
    await this.#file.open();
    if (this.#isResumed) return;
    this.#columns.names = undefined;
    this.#file.clear();
    if (this.#append) await this.#readHeader();
  }

  /** Remove the rows that a resumed run will write again. */
  override onEpochBegin(): void | Promise<void> {
    if (!this.#file.isCut) return this.#cut();
    this.#readColumns();
  }

  /** Append the row of the epoch. */
  override onEpochEnd(epoch: number, logs: Logs): void | Promise<void> {
    const { isReady, size } = this.#file;
    if (isReady && size > 0 && !this.#isResumed && this.#isPlain) {
      const row = this.#columns.plainRow(epoch, logs, this.#separator);
      if (row !== undefined) return this.#file.append(`${row}\r\n`);
    }
    return this.#addRow(epoch, logs);
  }

  /** Append any row: it may be the first, add columns or need quotes. */
  async #addRow(epoch: number, logs: Logs): Promise<void> {
    await this.#cut();
    this.#isResumed = false;
    const added = this.#columns.fit(logs);
    if (added.length > 0 && this.#file.size > 0) await this.#addColumns(added);
    const rows = [this.#columns.row(epoch, logs)];
    if (this.#file.size === 0) rows.unshift(this.#columns.header);
    await this.#file.append(this.#text(rows));
  }

  /** Close the file. */
  override async onTrainEnd(): Promise<void> {
    await this.#cut();
    await this.close();
  }

  /** Close the file. */
  override async close(): Promise<void> {
    this.#isResumed = false;
    await this.#file.close();
  }

  /** The columns, and the position in the file. */
  getState(): CallbackState {
    return { columns: this.#columns.names?.slice(), ...this.#file.getState() };
  }

  /** Wait until the lines are on the disk. */
  async syncState(): Promise<void> {
    await this.#file.sync();
  }

  /** Continue from a state of {@linkcode getState}: later rows are removed before the next one. */
  setState(state: CallbackState): void {
    this.#columns.names = (state.columns as string[] | undefined)?.slice();
    this.#file.setState(state as LogFileState);
    this.#isResumed = true;
  }

  async #readHeader(): Promise<void> {
    const text = await this.#file.read();
    if (text === "") return;
    const [line] = text.split(/\r?\n/, 1);
    const [first, ...columns] = this.#records(line)[0] ?? [];
    const lacking = this.#allKeys
      ? []
      : (this.params?.metrics ?? []).filter((name) => !columns.includes(name));
    if (first !== "epoch" || lacking.length > 0) {
      throw new RangeError(
        `Cannot append to ${this.filename} with the header '${line}': ` +
          (first === "epoch"
            ? `this run also logs ${lacking.join(", ")}; write to another file`
            : `the first of its columns, separated by '${this.#separator}', must be 'epoch'`),
      );
    }
    this.#columns.names = columns;
    const end = endOfLastLine(text);
    if (end !== "") await this.#file.write(end);
  }

  /** Truncate the file to the run's part: nothing, existing rows, or those of a resumed run. */
  async #cut(): Promise<void> {
    await this.#file.cut();
    this.#readColumns();
  }

  #readColumns(): void {
    // A longer header may have been written after the state.
    if (!this.#isResumed || !this.#allKeys || this.#file.size === 0) return;
    this.#columns.names = this.#records(this.#file.head)[0].slice(1);
  }

  /** The lost rows of the epochs in the History. */
  #rebuild(missing: number, isEmpty: boolean): string[] {
    const rows = recordedLogs(this, isEmpty ? missing - 1 : missing).map(({ epoch, logs }) =>
      this.#columns.row(epoch, logs)
    );
    return (isEmpty ? [this.#columns.header, ...rows] : rows).map((row) => this.#text([row]));
  }

  /** Replace the file by one with a longer header, in which earlier rows lack the new values. */
  async #addColumns(added: string[]): Promise<void> {
    const [, ...rows] = this.#records(await this.#file.read());
    const filled = rows.map((row) => [...row, ...added.map(() => missing)]);
    await this.#file.replace(this.#text([this.#columns.header, ...filled]));
  }

  #records(text: string): string[][] {
    return csvRecords(text, this.#separator, this.filename);
  }

  #text(records: string[][]): string {
    return csvText(records, this.#separator);
  }
}
