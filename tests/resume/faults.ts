import { differencesOf, type Report, spread } from "./exhaustive.ts";
import { FailingDisk, type Fault } from "./failing_disk.ts";
import { type Kind, train } from "./training.ts";

export type { Fault };

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
