import { getRuntime, joinPath, probeDirectory } from "../../runtime/mod.ts";
import type { FileSystem, Path } from "../../runtime/types.ts";
import type { Run, RunEpoch } from "../runs/protocol.ts";
import { queue } from "./queue.ts";
import { type RunLimits, RunTable } from "./run_table.ts";
import type { RunStore } from "./types.ts";

/** Options of {@linkcode folderRunStore}. */
export interface FolderRunStoreOptions extends RunLimits {
  /** File system of the folder. Default: the runtime's. */
  fs?: FileSystem;
}

/**
 * Create a {@linkcode RunStore} in a folder, which keeps runs across restarts of the hub.
 *
 * Each run is a file of JSON lines: the first has the run's id and start, each further one an epoch
 * and the time of its report. An epoch is appended and flushed to disk before the response to its
 * report. A line that was cut off by a crash is ignored and removed with the next report. A file
 * with twice as many epochs as `maxEpochs` is rewritten with the last ones.
 *
 * The folder is created and read with the first call. Let one process write to it at a time, and
 * keep it outside of the folder of plugins, which static hosts may serve.
 *
 * @param directory folder of the runs
 * @param options file system, and numbers of runs and epochs to keep
 * @returns the store; its methods throw FileSystemError when the folder cannot be read or written
 * @example
 * ```ts
 * import { folderRunStore } from "keepfit/hub";
 * import { memoryFileSystem } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const fs = memoryFileSystem();
 * await folderRunStore("runs", { fs }).add({ epoch: 0, loss: 0.5 }, "mnist");
 *
 * const restarted = folderRunStore("runs", { fs });
 * assert.deepEqual((await restarted.get("mnist"))?.epochs, [{ epoch: 0, loss: 0.5 }]);
 * ```
 */
export function folderRunStore(
  directory: Path,
  { fs = getRuntime().fs, ...limits }: FolderRunStoreOptions = {},
): RunStore {
  return new FolderRunStore(fs, directory, limits);
}

class FolderRunStore implements RunStore {
  readonly #fs: FileSystem;
  readonly #directory: Path;
  readonly #table: RunTable;
  readonly #maxEpochs: number;
  readonly #exclusive = queue();
  /** Epochs in the file of each run; undefined when it must be rewritten. */
  readonly #lengths = new Map<string, number | undefined>();
  #opening: Promise<void> | undefined;

  constructor(fs: FileSystem, directory: Path, limits: RunLimits) {
    this.#fs = fs;
    this.#directory = directory;
    this.#table = new RunTable(limits);
    this.#maxEpochs = limits.maxEpochs ?? 10_000;
  }

  async add(epoch: RunEpoch, name?: string): Promise<string> {
    await this.#open();
    return await this.#exclusive(async () => {
      const assignment = this.#table.assign(epoch, name);
      const at = new Date().toISOString();
      // The file is written first, so that a report that fails is not shown.
      const run = assignment.isNew ? undefined : this.#table.get(assignment.id);
      await this.#write(assignment.id, run, epoch, at);
      for (const id of this.#table.add(assignment, { ...epoch }, at)) {
        this.#lengths.delete(id);
        await this.#fs.remove(this.#pathOf(id));
      }
      return assignment.id;
    });
  }

  async get(id: string): Promise<Run | undefined> {
    await this.#open();
    return structuredClone(this.#table.get(id));
  }

  async list(): ReturnType<RunStore["list"]> {
    await this.#open();
    return this.#table.list();
  }

  /** Append an epoch to the file of its run, or rewrite the file with it. */
  async #write(id: string, run: Run | undefined, epoch: RunEpoch, at: string): Promise<void> {
    const length = run && this.#lengths.get(id);
    this.#lengths.set(id, undefined);
    if (length !== undefined && length < 2 * this.#maxEpochs) {
      const file = await this.#fs.open(this.#pathOf(id), "append");
      try {
        await file.write(lineOf(epoch, at));
        await file.sync();
      } finally {
        await file.close();
      }
      this.#lengths.set(id, length + 1);
      return;
    }
    const { started, updated, epochs } = run ?? { started: at, updated: at, epochs: [] };
    const lines = [
      `${JSON.stringify({ run: id, started })}\n`,
      ...epochs.map((one) => lineOf(one, updated)),
      lineOf(epoch, at),
    ];
    await this.#fs.writeFile(this.#pathOf(id), lines.join(""));
    this.#lengths.set(id, epochs.length + 1);
  }

  #open(): Promise<void> {
    return this.#opening ??= this.#read().catch((error) => {
      this.#opening = undefined;
      throw error;
    });
  }

  /** Read all runs, the least recently updated first. */
  async #read(): Promise<void> {
    await probeDirectory(this.#directory, { fs: this.#fs });
    const found: { run: Run; length: number | undefined }[] = [];
    for (const { name, isFile, isSymlink } of await this.#fs.readDir(this.#directory)) {
      if (!isFile || isSymlink || !/^run\..*\.jsonl$/.test(name)) continue;
      const read = runOf(await this.#fs.readTextFile(joinPath(this.#directory, name)));
      // A file with another name would not be found again.
      if (read === undefined || nameOf(read.run.id) !== name) continue;
      found.push(read);
    }
    found.sort((a, b) => a.run.updated < b.run.updated ? -1 : 1);
    for (const { run, length } of found) {
      this.#lengths.set(run.id, length);
      for (const id of this.#table.put(run)) {
        this.#lengths.delete(id);
        await this.#fs.remove(this.#pathOf(id));
      }
    }
  }

  #pathOf(id: string): Path {
    return joinPath(this.#directory, nameOf(id));
  }
}

/**
 * A file name that is valid on every system: without upper case, trailing dots and device names.
 */
function nameOf(id: string): string {
  const bytes = new TextEncoder().encode(id);
  const safe = Array.from(bytes, (byte) => {
    const letter = String.fromCharCode(byte);
    return /[a-z0-9_-]/.test(letter) ? letter : `%${byte.toString(16).padStart(2, "0")}`;
  });
  return `run.${safe.join("")}.jsonl`;
}

function lineOf(logs: RunEpoch, at: string): string {
  return `${JSON.stringify({ at, logs })}\n`;
}

/**
 * The run in a file; undefined without a valid header and epoch.
 *
 * @returns `length`: number of epochs in the file, undefined when it has invalid lines
 */
function runOf(text: string): { run: Run; length: number | undefined } | undefined {
  const [header, ...lines] = text.split("\n").slice(0, -1).map(parse);
  const { run: id, started } = header ?? {};
  if (typeof id !== "string" || typeof started !== "string") return undefined;
  const valid = lines.filter(isLine);
  if (valid.length === 0) return undefined;
  const isWhole = text.endsWith("\n") && valid.length === lines.length;
  return {
    run: {
      id,
      started,
      updated: valid[valid.length - 1].at,
      epochs: valid.map(({ logs }) => logs),
    },
    length: isWhole ? valid.length : undefined,
  };
}

function parse(line: string): { [key: string]: unknown } | undefined {
  try {
    const data: unknown = JSON.parse(line);
    return typeof data === "object" && data !== null ? { ...data } : undefined;
  } catch {
    return undefined;
  }
}

function isLine(line: unknown): line is { at: string; logs: RunEpoch } {
  const { at, logs } = (line ?? {}) as { at?: unknown; logs?: { epoch?: unknown } };
  return typeof at === "string" && typeof logs === "object" && logs !== null &&
    Number.isSafeInteger(logs.epoch);
}
