import { createFileSystem, type SystemCalls, type SystemFile } from "../../runtime/file_system.ts";
import { memoryCalls } from "../../runtime/memory.ts";
import type { FileSystem } from "../../runtime/types.ts";

/** A call that has changed something, again on other memory. */
interface Change {
  /** What it is, for messages. */
  what: string;
  /** Bytes of a write. */
  bytes?: Uint8Array;
  redo(disk: Disk, bytes?: Uint8Array): Promise<unknown>;
}

/** Memory, and the files that are open on it. */
interface Disk {
  calls: SystemCalls;
  open: Map<number, { file: SystemFile; path: string }>;
  /** Bytes of each file that are certainly there after a power cut. */
  synced: Map<string, Uint8Array>;
}

/** An instant of a run: after so many changes, and perhaps half of the next. */
export interface Cut {
  changes: number;
  /** Whether half of the bytes of the next write are there too. Default: false. */
  isHalf?: boolean;
  /** Whether what was written and not synced is lost, as when the power fails. Default: false. */
  losesUnsynced?: boolean;
}

/**
 * A file system in memory that notes every call that changes it, so that the disk can be made again
 * as a process would have left it that was killed at any instant.
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
      this.#note(`open ${path} (${how})`, async (disk) => {
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
          this.#note(`sync ${path}`, async (disk) => {
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

  /** Changes so far. */
  get length(): number {
    return this.#changes.length;
  }

  /** Changes until the backup was removed: a run that is started again after that is another one. */
  get untilEnd(): number {
    const end = this.#changes.findLastIndex(({ what }) =>
      /^remove .*latest.safetensors$/.test(what)
    );
    return end + 1;
  }

  /** The disk as it was at an instant; undefined where that is no other than the one before. */
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

  /** What a cut is, for messages. */
  describe({ changes, isHalf, losesUnsynced }: Cut): string {
    const next = this.#changes[changes]?.what ?? "the end";
    return `${losesUnsynced ? "power cut" : "kill"} ${isHalf ? "half-way in" : "before"} change ` +
      `${changes}: ${next}`;
  }

  #note(what: string, redo: Change["redo"]): void {
    this.#changes.push({ what, redo });
  }

  async #do(
    what: string,
    change: (calls: SystemCalls, disk?: Disk) => Promise<void>,
  ): Promise<void> {
    await change(this.#calls);
    this.#note(what, (disk) => change(disk.calls, disk));
  }
}

/** Cut every file back to what was synced of it. */
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
