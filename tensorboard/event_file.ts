import type { FileSystem, Path, WritableFile } from "../runtime/types.ts";
import { maskedCrc32c } from "./crc.ts";
import { pathIn } from "./path_in.ts";
import { ProtobufWriter } from "./protobuf.ts";

/** Options of an {@linkcode EventFile}. */
export interface EventFileOptions {
  /** File system. */
  fs: FileSystem;
  /** Time between two writes, in milliseconds. */
  flushMillis: number;
  /** Size of the buffer that triggers an early write, in bytes. */
  maxPendingBytes: number;
  /** Suffix of the file name. */
  suffix: string;
  /** Clock, in milliseconds since 1970. */
  now: () => number;
}

/**
 * A file of events in a folder, created with the first event. Events are buffered in memory. The
 * first `append` after `flushMillis` or `maxPendingBytes` writes them. There is no timer that would
 * keep the process alive.
 *
 * The next write retries a failed one in a new file, because it is unknown how much of the old file
 * was written. TensorBoard reads both files; both may contain the events of the failed write.
 */
export class EventFile {
  readonly #folder: Path;
  readonly #options: EventFileOptions;
  readonly #out = new ProtobufWriter();
  #file: WritableFile | undefined;
  #path: Path | undefined;
  // Taken from the buffer, but not yet known to be in a file.
  #unwritten: Uint8Array[] = [];
  #failure: unknown;
  #dropped = 0;
  #writing: Promise<unknown> = Promise.resolve();
  #writes = 0;
  #lastWrite: number | undefined;
  #isClosed = false;

  /**
   * @param folder folder of the file; created, with its parents, with the first event
   * @param options file system, limits and clock
   */
  constructor(folder: Path, options: EventFileOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /**
   * Append an event.
   *
   * @param wallTime milliseconds since 1970. Default: now
   * @param step any safe integer
   * @param write writes the content of the event; if it throws, nothing is appended
   * @throws TypeError after {@linkcode close}
   */
  append(wallTime: number | undefined, step: number, write: (out: ProtobufWriter) => void): void {
    this.checkOpen();
    const { flushMillis, maxPendingBytes, now } = this.#options;
    const time = now();
    this.#lastWrite ??= time;
    const hasFailed = this.#failure !== undefined;
    if (hasFailed && this.#out.size >= maxPendingBytes) this.#dropped++;
    else appendEvent(this.#out, wallTime ?? time, step, write);
    // A failed write is retried when it is due, not with every event.
    const isFull = !hasFailed && this.#out.size >= maxPendingBytes;
    if (this.#writes > 0 || !(isFull || time - this.#lastWrite >= flushMillis)) return;
    this.#lastWrite = time;
    // A failure is kept for the next flush, which reports it.
    void this.flush();
  }

  /**
   * Check that it is not closed.
   *
   * @throws TypeError after {@linkcode close}
   */
  checkOpen(): void {
    if (this.#isClosed) {
      throw new TypeError(`Cannot write to ${this.#folder}: the writer is closed`);
    }
  }

  /**
   * Write the buffered events.
   *
   * @throws FileSystemError when the file cannot be written
   * @throws Error when events were dropped, because writes failed until the buffer was full
   */
  flush(): Promise<void> {
    this.#writes++;
    const writing = this.#writing.then(() => this.#write()).finally(() => this.#writes--);
    // This also keeps a flush without an await from being an unhandled rejection.
    this.#writing = writing.catch(() => {});
    return writing;
  }

  /** Write the buffered events, and wait until they are on the disk. */
  async sync(): Promise<void> {
    await this.flush();
    await this.#file?.sync();
  }

  /** Write the buffered events and close the file; may be called again. */
  async close(): Promise<void> {
    this.#isClosed = true;
    try {
      await this.sync();
    } finally {
      await this.#closeFile();
    }
  }

  async #write(): Promise<void> {
    if (this.#out.size > 0) this.#unwritten.push(this.#out.take());
    try {
      while (this.#unwritten.length > 0) {
        const file = await this.#openedFile();
        await file.write(this.#unwritten[0]);
        this.#unwritten.shift();
      }
    } catch (error) {
      this.#failure = error;
      await this.#closeFile().catch(() => {});
      throw error;
    }
    const [cause, dropped] = [this.#failure, this.#dropped];
    this.#failure = undefined;
    this.#dropped = 0;
    if (dropped > 0) {
      throw new Error(
        `Cannot keep all events of ${this.#folder}: ${dropped} were dropped while it ` +
          `could not be written; writing works again`,
        { cause },
      );
    }
  }

  /** The open file; a new one if there is none or it was removed, so that no events are lost. */
  async #openedFile(): Promise<WritableFile> {
    const { fs } = this.#options;
    if (this.#file !== undefined && !await exists(this.#path as Path, fs)) {
      await this.#closeFile().catch(() => {});
      console.warn(
        `keepfit: the events in ${this.#folder} were removed during the run; the next go to a new file`,
      );
    }
    return this.#file ?? await this.#openFile();
  }

  async #openFile(): Promise<WritableFile> {
    const { fs, suffix, now } = this.#options;
    await fs.makeDir(this.#folder);
    const time = now();
    const seconds = Math.max(Math.floor(time / 1000), await newestIn(this.#folder, fs) + 1);
    const name = `events.out.tfevents.${nameParts(seconds)}${suffix}`;
    this.#path = pathIn(this.#folder, name);
    this.#file = await fs.open(this.#path, "append");
    const header = new ProtobufWriter();
    appendEvent(header, time, 0, () => {
      header.text(3, "brain.Event:2");
      header.message(10, () => header.text(1, "keepfit"));
    });
    await this.#file.write(header.view());
    return this.#file;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

async function exists(path: Path, fs: FileSystem): Promise<boolean> {
  try {
    await fs.stat(path);
    return true;
  } catch (error) {
    // Only a file that is certainly missing is replaced.
    return (error as { code?: unknown }).code !== "NotFound";
  }
}

/** Seconds in the name of the newest event file of a folder; 0 without one. */
async function newestIn(folder: Path, fs: FileSystem): Promise<number> {
  // The name matters too little to fail, or to require a permission to read.
  const entries = await fs.readDir(folder).catch(() => []);
  const seconds = entries.map(({ name }) => /^events\.out\.tfevents\.(\d{10})\./.exec(name)?.[1]);
  return Math.max(0, ...seconds.map((text) => Number(text ?? 0)));
}

let processNumber: number | undefined;
let fileCount = 0;

/**
 * A unique part of a file name: seconds, host, process and count. Reading the host or the process
 * id may require a permission, so a fixed name and a random number replace them. TensorBoard reads
 * files in the order of their names. Numbers are therefore padded with zeros, and the seconds are
 * later than those of existing files, even if a process restarts within a second.
 */
function nameParts(seconds: number): string {
  // A sandbox may lack crypto. Elsewhere a seeded Math.random must not produce equal names.
  processNumber ??= globalThis.crypto?.getRandomValues(new Uint32Array(1))[0] ??
    Math.floor(Math.random() * 2 ** 32);
  const padded = String(seconds).padStart(10, "0");
  return `${padded}.keepfit.${processNumber}.${String(fileCount++).padStart(4, "0")}`;
}

/** Append an event as a TFRecord: length, checksum, event, checksum. */
function appendEvent(
  out: ProtobufWriter,
  wallTime: number,
  step: number,
  write: (out: ProtobufWriter) => void,
): void {
  const start = out.size;
  try {
    out.skip(12);
    out.double(1, wallTime / 1000);
    if (step !== 0) out.varint(2, step);
    write(out);
    const end = out.size;
    out.skip(4);
    out.fixed32At(start, end - start - 12);
    out.fixed32At(start + 8, maskedCrc32c(out.buffer, start, start + 8));
    out.fixed32At(end, maskedCrc32c(out.buffer, start + 12, end));
  } catch (error) {
    out.truncate(start);
    throw error;
  }
}
