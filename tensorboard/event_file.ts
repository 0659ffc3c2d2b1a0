import type { FileSystem, Path, WritableFile } from "../runtime/types.ts";
import { maskedCrc32c } from "./crc.ts";
import { placeIn } from "./place.ts";
import { ProtobufWriter } from "./protobuf.ts";

/** How an {@linkcode EventFile} writes. */
export interface EventFileOptions {
  /** Where the folder is. */
  fs: FileSystem;
  /** Milliseconds between two writes. */
  flushMillis: number;
  /** Bytes after which a write does not wait. */
  maxPendingBytes: number;
  /** End of the file's name. */
  suffix: string;
  /** Milliseconds since 1970. */
  now: () => number;
}

/**
 * A file of events in a folder, made when the first one is written. What is appended waits in
 * memory; it is written when it is older or larger than the options say, as seen by the next
 * `append`, so that no timer keeps a process alive.
 *
 * A write that fails is tried again by the next one, in a new file, because how much of the old one
 * was written is not known. TensorBoard reads both; events of the failed write may be in both.
 */
export class EventFile {
  readonly #folder: Path;
  readonly #options: EventFileOptions;
  readonly #out = new ProtobufWriter();
  #file: WritableFile | undefined;
  #path: Path | undefined;
  // Taken from the buffer, and not known to be in a file.
  #unwritten: Uint8Array[] = [];
  #failure: unknown;
  #dropped = 0;
  #writing: Promise<unknown> = Promise.resolve();
  #writes = 0;
  #lastWrite: number | undefined;
  #isClosed = false;

  /**
   * @param folder made, with its parents, when the first event is written
   * @param options how to write
   */
  constructor(folder: Path, options: EventFileOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /**
   * Append an event.
   *
   * @param wallTime milliseconds since 1970; undefined is now
   * @param step any safe integer
   * @param write writes what the event says; when it throws, nothing is appended
   * @throws TypeError after {@linkcode close}
   */
  append(wallTime: number | undefined, step: number, write: (out: ProtobufWriter) => void): void {
    if (this.#isClosed) {
      throw new TypeError(`Cannot write to ${this.#folder}: its writer is closed`);
    }
    const { flushMillis, maxPendingBytes, now } = this.#options;
    const time = now();
    this.#lastWrite ??= time;
    const hasFailed = this.#failure !== undefined;
    if (hasFailed && this.#out.size >= maxPendingBytes) this.#dropped++;
    else appendEvent(this.#out, wallTime ?? time, step, write);
    // What has failed is tried again when it is time, not with every event.
    const isFull = !hasFailed && this.#out.size >= maxPendingBytes;
    if (this.#writes > 0 || !(isFull || time - this.#lastWrite >= flushMillis)) return;
    this.#lastWrite = time;
    // A failure is kept and tried again; the flush that somebody waits for reports the last one.
    void this.flush();
  }

  /**
   * Write what waits.
   *
   * @throws what the file system rejects with
   * @throws Error when events had to be dropped, because writes failed until the buffer was full
   */
  flush(): Promise<void> {
    this.#writes++;
    const writing = this.#writing.then(() => this.#write()).finally(() => this.#writes--);
    // Also what makes a flush that nobody waits for no unhandled rejection.
    this.#writing = writing.catch(() => {});
    return writing;
  }

  /** Write what waits and close the file; may be called again. */
  async close(): Promise<void> {
    this.#isClosed = true;
    try {
      await this.flush();
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
          `could not be written; it can be again`,
        { cause },
      );
    }
  }

  /** The file, or another one where it was removed: what is written there nobody would find. */
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
    const name = `events.out.tfevents.${nameParts(time)}${suffix}`;
    this.#path = placeIn(this.#folder, name);
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
    // Only what is surely gone is made again.
    return (error as { code?: unknown }).code !== "NotFound";
  }
}

let processNumber: number | undefined;
let fileCount = 0;

/**
 * What tells the files of a folder apart: seconds, host, process and count. Asking for the host or
 * the process may need a permission, so there is a fixed name and a random number. TensorBoard
 * reads the files in the order of their names, hence the zeros.
 */
function nameParts(time: number): string {
  // A sandbox may have no crypto; elsewhere a seeded Math.random must not make equal names.
  processNumber ??= globalThis.crypto?.getRandomValues(new Uint32Array(1))[0] ??
    Math.floor(Math.random() * 2 ** 32);
  const seconds = String(Math.floor(time / 1000)).padStart(10, "0");
  return `${seconds}.keepfit.${processNumber}.${String(fileCount++).padStart(4, "0")}`;
}

/** Append an event as a TFRecord: length, its checksum, the event, its checksum. */
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
    const data = out.view(start + 12);
    const sum = maskedCrc32c(data);
    out.fixed32At(start, data.length);
    out.fixed32At(start + 8, maskedCrc32c(out.view(start, start + 8)));
    out.skip(4);
    out.fixed32At(out.size - 4, sum);
  } catch (error) {
    out.truncate(start);
    throw error;
  }
}
