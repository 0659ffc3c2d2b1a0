import { createFileSystem } from "../../runtime/file_system.ts";
import { memoryCalls } from "../../runtime/memory.ts";
import { errno, type SystemCalls } from "../../runtime/system_calls.ts";
import type { FileSystem } from "../../runtime/types.ts";
import { differencesOf, type Report, spread } from "./exhaustive.ts";
import { type Kind, train } from "./training.ts";

/** What a disk may refuse. */
export interface Fault {
  /** Error code of the system, such as `ENOSPC`. */
  code: string;
  /** Whether the disk refuses everything from then on, rather than once. */
  lasts: boolean;
}

/**
 * Let a run fail at changes of its files, end the fault, start it again, and compare what it makes
 * with an uninterrupted run: from its first backup, until that is removed. A run that fails must
 * say so, or have the same result.
 *
 * @param instants changes at which the disk refuses, all over the run. Default: all
 */
export async function failEverywhere(
  kind: Kind,
  fault: Fault,
  { instants = Infinity }: { instants?: number } = {},
): Promise<Report> {
  const { warn } = console;
  console.warn = () => {};
  try {
    const healthy = new FailingDisk();
    const whole = await train(kind, healthy.fs, "/run");
    const report: Report = { cuts: 0, differences: [] };
    const isBackup = (what: string) => what.includes("/latest.safetensors");
    const isRemoval = (what: string) => isBackup(what) && what.startsWith("remove");
    const first = healthy.changes.findIndex(isBackup) + 1;
    const last = healthy.changes.findLastIndex(isBackup);
    for (const after of spread(last - first, instants)) {
      const disk = new FailingDisk({ ...fault, at: first + after });
      const made = await train(kind, disk.fs, "/run").catch((error) => failureOf(error, fault));
      disk.heal();
      const before = disk.changes.slice(0, first + after);
      // Writes in the background come in another order each time.
      if (before.some(isRemoval)) continue;
      report.cuts++;
      const what = typeof made === "string"
        ? [made]
        : differencesOf(made ?? await train(kind, disk.fs, "/run"), whole);
      if (what.length > 0) report.differences.push({ cut: disk.changes[first + after], what });
    }
    return report;
  } finally {
    console.warn = warn;
  }
}

/** What is wrong with the error of a run; undefined if it names the fault. */
function failureOf(error: unknown, { code }: Fault): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ((cause as { code?: unknown }).code === code) return undefined;
  }
  return `another error: ${error}`;
}

/** Memory that counts the calls that change it, and refuses some. */
class FailingDisk {
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
