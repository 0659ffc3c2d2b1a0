import { Callback, type CallbackOptions, type CallbackState } from "../core/callback.ts";
import { batchesOfExecution } from "../core/execution.ts";
import type { Logs } from "../core/logs.ts";
import { comparablePath } from "../runtime/paths.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import { LogFile, type LogFileState } from "./log_file.ts";
import { recordedLogs } from "./recorded_logs.ts";
import {
  callbackOptions,
  checkOptions,
  checkValue,
  filePath,
  fileSystem,
  flag,
  oneOf,
  wordOrBatches,
} from "./options.ts";

/** Options of {@linkcode JSONLinesLogger}. */
export interface JSONLinesLoggerOptions extends CallbackOptions {
  /** Whether to append to an existing file. Default: false, which replaces it. */
  append?: boolean;
  /**
   * Frequency of lines for batches: for each, for every n-th of an epoch, or none with `"epoch"`.
   * Their values are means since the epoch began, and each line requires a read from the device.
   * Default: `"epoch"`.
   */
  updateFreq?: "epoch" | "batch" | number;
  /**
   * Replacement for NaN and infinities, which JSON cannot represent: null or their names. Default:
   * `"null"`.
   */
  nonFinite?: "null" | "string";
  /** File system of the file. Default: the runtime's. */
  fs?: FileSystem;
}

/**
 * Write the logs of each epoch as one JSON object per line, `{"epoch":0,"loss":0.5}`, and
 * optionally those of batches, `{"epoch":0,"batch":9,"loss":0.7}`. Epochs and batches count from 0.
 *
 * Each line has the keys of its own logs, so keys may appear later. Lines of batches are buffered
 * until the epoch ends or there are a hundred of them. Parent folders are created. A resumed run
 * removes lines that were written after its state, and restores lost lines of epochs from its
 * `History`; a different file of that name is not truncated. Appending to a file with an incomplete
 * last line starts a new line.
 *
 * @example
 * ```ts
 * import { CallbackList, JSONLinesLogger } from "keepfit";
 * import { memoryFileSystem } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const fs = memoryFileSystem();
 * const list = new CallbackList([new JSONLinesLogger("runs/log.jsonl", { fs })]);
 * await list.onTrainBegin();
 * await list.onEpochEnd(0, { loss: 0.5 });
 * await list.onEpochEnd(1, { loss: NaN });
 * await list.close();
 * assert.equal(
 *   await fs.readTextFile("runs/log.jsonl"),
 *   '{"epoch":0,"loss":0.5}\n{"epoch":1,"loss":null}\n',
 * );
 * ```
 */
export class JSONLinesLogger extends Callback {
  /** Name in messages and saved states. */
  static override readonly className: string = "JSONLinesLogger";

  /** The path it writes to. */
  readonly filename: Path;
  /** Frequency of lines for batches. */
  readonly updateFreq: "epoch" | "batch" | number;
  #append: boolean;
  #nonFinite: "null" | "string";
  #file: LogFile;
  #waiting: string[] = [];
  #epoch = 0;
  #isResumed = false;

  /**
   * Log to `filename`, which is opened when the run begins.
   *
   * @param filename path or `file:` URL
   * @param options lines of batches, format and file system
   * @throws TypeError for an option of the wrong type
   * @throws RangeError for an empty `filename`, or an `updateFreq` that is not a whole number above
   * 0
   */
  constructor(filename: Path, options: JSONLinesLoggerOptions = {}) {
    super(options);
    checkValue("JSONLinesLogger", "filename", filename, filePath);
    checkOptions(this, JSONLinesLogger, options, {
      ...callbackOptions,
      append: flag,
      updateFreq: wordOrBatches("epoch", "batch"),
      nonFinite: oneOf("null", "string"),
      fs: fileSystem,
    });
    this.filename = filename;
    this.updateFreq = options.updateFreq ?? "epoch";
    this.#append = options.append ?? false;
    this.#nonFinite = options.nonFinite ?? "null";
    this.#file = new LogFile(filename, {
      fs: options.fs,
      rebuild: (missing) => this.#rebuild(missing),
    });
    // Only if needed, because a batch hook is called for every batch.
    if (this.updateFreq !== "epoch") this.onTrainBatchEnd = this.#logBatch;
  }

  /** Whether the batch, or the execution that it ends, has a line. */
  override readsBatchLogs(batch: number): boolean {
    if (this.updateFreq === "epoch") return false;
    const batches = batchesOfExecution(batch, this.params);
    return this.updateFreq === "batch" || (batch + 1) % this.updateFreq < batches;
  }

  /** The path it writes to. */
  override get stateKey(): string {
    return comparablePath(this.filename);
  }

  /** Open the file, so that an unwritable one fails before the first batch. */
  override async onTrainBegin(): Promise<void> {
    this.#waiting = [];
    await this.#file.open();
    if (this.#isResumed) return;
    this.#file.clear();
    if (!this.#append) return;
    const text = await this.#file.read();
    if (text !== "" && !text.endsWith("\n")) await this.#file.write("\n");
  }

  /** Remove the lines that a resumed run will write again. */
  override onEpochBegin(epoch: number): void | Promise<void> {
    this.#epoch = epoch;
    if (!this.#file.isCut) return this.#file.cut();
  }

  /** Append the line of the epoch. */
  override onEpochEnd(epoch: number, logs: Logs): void | Promise<void> {
    this.#waiting.push(this.#line({ epoch, ...logs }));
    return this.#flush();
  }

  /** Close the file. */
  override async onTrainEnd(): Promise<void> {
    await this.#file.cut();
    await this.close();
  }

  /** Write buffered lines, and close the file. */
  override async close(): Promise<void> {
    this.#isResumed = false;
    try {
      await this.#flush();
    } finally {
      await this.#file.close();
    }
  }

  /** The position in the file. */
  async getState(): Promise<CallbackState> {
    await this.#flush();
    return { epoch: this.#epoch, ...this.#file.getState() };
  }

  /** Wait until the lines are on the disk. */
  async syncState(): Promise<void> {
    await this.#file.sync();
  }

  /** Restore the position: later lines are removed before the next one. */
  setState(state: CallbackState): void {
    this.#epoch = state.epoch as number;
    this.#file.setState(state as LogFileState);
    this.#isResumed = true;
  }

  #logBatch(batch: number, logs: Logs): void | Promise<void> {
    if (!this.readsBatchLogs(batch)) return;
    this.#waiting.push(this.#line({ epoch: this.#epoch, batch, ...logs }));
    if (this.#waiting.length >= 100) return this.#flush();
  }

  /** Recreate lost lines of epochs from the History, which has no batches. */
  #rebuild(missing: number): string[] {
    if (this.updateFreq !== "epoch") return [];
    return recordedLogs(this, missing).map(({ epoch, logs }) => this.#line({ epoch, ...logs }));
  }

  #line(values: object): string {
    // The null of JSON.stringify needs no function, which is slow.
    if (this.#nonFinite === "null") return `${JSON.stringify(values)}\n`;
    return `${
      JSON.stringify(
        values,
        (_key, value) =>
          typeof value !== "number" || Number.isFinite(value) ? value : String(value),
      )
    }\n`;
  }

  #flush(): void | Promise<void> {
    if (this.#waiting.length === 0) return;
    this.#isResumed = false;
    const text = this.#waiting.join("");
    this.#waiting = [];
    return this.#file.write(text);
  }
}
