import assert from "node:assert/strict";
import { type Cut, Journal } from "./journal.ts";
import { type Kind, type Outcome, train } from "./training.ts";

/** A difference between a resumed and an uninterrupted run. */
export interface Difference {
  cut: string;
  /** Names of the parts that differ, or the error. */
  what: string[];
}

/** Result of {@linkcode cutEverywhere}. */
export interface Report {
  /** Number of instants at which the run was interrupted. */
  cuts: number;
  differences: Difference[];
}

/**
 * Interrupt a run at many instants, resume it, and compare its results with an uninterrupted run.
 *
 * @param instants number of changes at which it is interrupted, before and halfway. Default: all
 */
export async function cutEverywhere(
  kind: Kind,
  { instants = Infinity, losesUnsynced = false }: { instants?: number; losesUnsynced?: boolean } =
    {},
): Promise<Report> {
  const { warn } = console;
  console.warn = () => {};
  try {
    const journal = new Journal();
    const whole = await train(kind, journal.fs, "/run");
    const report: Report = { cuts: 0, differences: [] };
    let left = instants;
    // Some find the same disk as an earlier one: a kill after a sync.
    for (const changes of spread(journal.untilEnd, 8 * instants)) {
      const { cuts } = report;
      for (const isHalf of [false, true]) {
        const cut: Cut = { changes, isHalf, losesUnsynced };
        const fs = await journal.diskAt(cut);
        if (fs === undefined) continue;
        report.cuts++;
        const what = await train(kind, fs, "/run").then(
          (resumed) => differencesOf(resumed, whole),
          (error) => [`error: ${error.message}`],
        );
        if (what.length > 0) report.differences.push({ cut: journal.describe(cut), what });
      }
      if (report.cuts > cuts && --left === 0) break;
    }
    return report;
  } finally {
    console.warn = warn;
  }
}

/** All integers from 0 to below `limit`, or `count` of them, spread evenly. */
export function spread(limit: number, count: number): number[] {
  if (count >= limit) return Array.from({ length: limit }, (_, i) => i);
  const golden = (Math.sqrt(5) - 1) / 2;
  return Array.from({ length: count }, (_, i) => Math.floor(limit * ((i + 1) * golden % 1)));
}

/** Names of the known parts of an outcome that differ. */
export function differencesOf(
  resumed: Partial<Outcome> & Pick<Outcome, "files">,
  whole: Outcome,
): string[] {
  const parts = (["weights", "optimizer", "history", "epoch"] as const)
    .filter((part) => resumed[part] !== undefined && !isEqual(resumed[part], whole[part]));
  const files = [...new Set([...Object.keys(whole.files), ...Object.keys(resumed.files)])]
    .filter((path) => !isEqual(resumed.files[path], whole.files[path]));
  return [...parts, ...files];
}

function isEqual(a: unknown, b: unknown): boolean {
  try {
    assert.deepStrictEqual(a, b);
    return true;
  } catch {
    return false;
  }
}
