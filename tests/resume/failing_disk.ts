import { createFileSystem } from "../../runtime/file_system.ts";
import { memoryCalls } from "../../runtime/memory.ts";
import { errno, type SystemCalls } from "../../runtime/system_calls.ts";
import type { FileSystem } from "../../runtime/types.ts";

/** What a disk may refuse. */
export interface Fault {
  /** Error code of the system, such as `ENOSPC`. */
  code: string;
  /** Whether the disk refuses everything from then on, rather than once. */
  lasts: boolean;
}

/** Memory that counts the calls that change it, and refuses some. */
export class FailingDisk {
  /** The calls that have changed something, or were to. */
  readonly changes: string[] = [];
  #fault: Fault & { at: number } | undefined;
  readonly #calls = memoryCalls();
  /** File system of the run. */
  readonly fs: FileSystem = createFileSystem({
    ...this.#calls,
    open: async (path, how) => {
      this.#change(`open ${path}`);
      const file = await this.#calls.open(path, how);
      return {
        write: async (bytes) => {
          try {
            this.#change(`write to ${path}`);
          } catch (error) {
            // A full disk takes what it can.
            await file.write(bytes.subarray(0, bytes.length >> 1));
            throw error;
          }
          return await file.write(bytes);
        },
        sync: async () => {
          this.#change(`sync ${path}`);
          await file.sync();
        },
        close: () => file.close(),
      };
    },
    ...Object.fromEntries(
      (["makeDir", "rename", "removeFile", "removeDir"] as const).map((name) => [
        name,
        async (...args: never[]) => {
          this.#change(`${name} ${args.join(" ")}`);
          await (this.#calls[name] as (...args: never[]) => Promise<void>)(...args);
        },
      ]),
    ),
  } as SystemCalls);

  constructor(fault?: Fault & { at: number }) {
    this.#fault = fault;
  }

  /** End the fault. */
  heal(): void {
    this.#fault = undefined;
  }

  #change(what: string): void {
    const count = this.changes.push(what) - 1;
    if (this.#fault === undefined) return;
    const { at, lasts, code } = this.#fault;
    if (lasts ? count >= at : count === at) throw errno(code);
  }
}
