import { createFileSystem } from "../../runtime/file_system.ts";
import { memoryCalls } from "../../runtime/memory.ts";
import type { SystemCalls, SystemFile } from "../../runtime/system_calls.ts";
import type { FileSystem } from "../../runtime/types.ts";

/** A call that changed a file system, and can be repeated on another one. */
interface Change {
  /** Description for messages. */
  what: string;
  /** Bytes of a write. */
  bytes?: Uint8Array;
  redo(disk: Disk, bytes?: Uint8Array): Promise<unknown>;
}

/** Calls of a memory file system, and its open files. */
interface Disk {
  calls: SystemCalls;
  open: Map<number, { file: SystemFile; path: string }>;
  /** Bytes of each file that survive a power failure. */
  synced: Map<string, Uint8Array>;
}

/** An instant of a run: after n changes, and optionally half of the next one. */
export interface Cut {
  changes: number;
  /** Whether half of the bytes of the next write are also written. Default: false. */
  isHalf?: boolean;
  /** Whether data that was not synced is lost, as in a power failure. Default: false. */
  losesUnsynced?: boolean;
}

/**
 * A file system in memory that records every change, so that the disk can be recreated as a process
 * would leave it if it was killed at any instant.
 */
export class Journal {
  readonly #changes: Change[] = [];
  readonly #calls = memoryCalls();
  #opened = 0;
  /** File system of the run. */
  readonly fs: FileSystem = createFileSystem({
    ...this.#calls,
    open: async (path, how) => {
      const id = this.#opened++;
      const file = await this.#calls.open(path, how);
      this.#record(`open ${path} (${how})`, async (disk) => {
        disk.open.set(id, { file: await disk.calls.open(path, how), path });
      });
      return {
        write: async (given) => {
          const bytes = given.slice();
          this.#changes.push({
            what: `write ${bytes.length} bytes to ${path}`,
            bytes,
            redo: (disk, bytes) => disk.open.get(id)!.file.write(bytes!),
          });
          return await file.write(given);
        },
        sync: async () => {
          await file.sync();
          this.#record(`sync ${path}`, async (disk) => {
            const { path } = disk.open.get(id)!;
            disk.synced.set(path, await disk.calls.readFile(path));
          });
        },
        close: () => file.close(),
      };
    },
    makeDir: (path) => this.#do(`make ${path}`, (calls) => calls.makeDir(path)),
    removeFile: (path) =>
      this.#do(`remove ${path}`, (calls, disk) => {
        disk?.synced.delete(path);
        return calls.removeFile(path);
      }),
    removeDir: (path, recursive) =>
      this.#do(`remove directory ${path}`, (calls) => calls.removeDir(path, recursive)),
    rename: (from, to) =>
      this.#do(`rename ${from} to ${to}`, (calls, disk) => {
        const synced = disk?.synced.get(from);
        disk?.synced.delete(from);
        if (synced !== undefined) disk?.synced.set(to, synced);
        return calls.rename(from, to);
      }),
  });

  /** Number of changes. */
  get length(): number {
    return this.#changes.length;
  }

  /** Number of changes until the backup was removed; restarting later begins another run. */
  get untilEnd(): number {
    const end = this.#changes.findLastIndex(({ what }) =>
      /^remove .*latest.safetensors$/.test(what)
    );
    return end + 1;
  }

  /** The disk at an instant; undefined if it equals the previous one. */
  async diskAt({ changes, isHalf, losesUnsynced }: Cut): Promise<FileSystem | undefined> {
    const next = this.#changes[changes];
    if (isHalf && !(next?.bytes && next.bytes.length > 1)) return undefined;
    if (!isHalf && changes > 0 && this.#changes[changes - 1].what.startsWith("sync ")) {
      if (!losesUnsynced) return undefined;
    }
    const disk: Disk = { calls: memoryCalls(), open: new Map(), synced: new Map() };
    for (const { redo, bytes } of this.#changes.slice(0, changes)) await redo(disk, bytes);
    if (isHalf) await next.redo(disk, next.bytes!.subarray(0, next.bytes!.length >> 1));
    if (losesUnsynced) await loseUnsynced(disk);
    return createFileSystem(disk.calls);
  }

  /** Describe a cut for messages. */
  describe({ changes, isHalf, losesUnsynced }: Cut): string {
    const next = this.#changes[changes]?.what ?? "the end";
    return `${losesUnsynced ? "power failure" : "kill"} ${
      isHalf ? "halfway in" : "before"
    } change ` +
      `${changes}: ${next}`;
  }

  #record(what: string, redo: Change["redo"]): void {
    this.#changes.push({ what, redo });
  }

  async #do(
    what: string,
    change: (calls: SystemCalls, disk?: Disk) => Promise<void>,
  ): Promise<void> {
    await change(this.#calls);
    this.#record(what, (disk) => change(disk.calls, disk));
  }
}

/** Truncate every file to its synced bytes. */
async function loseUnsynced({ calls, synced }: Disk): Promise<void> {
  const visit = async (folder: string): Promise<void> => {
    for (const { name, isDirectory } of await calls.readDir(folder || "/")) {
      const path = `${folder}/${name}`;
      if (isDirectory) {
        await visit(path);
        continue;
      }
      const file = await calls.open(path, "truncate");
      const bytes = synced.get(path);
      if (bytes !== undefined && bytes.length > 0) await file.write(bytes);
      await file.close();
    }
  };
  await visit("");
}
