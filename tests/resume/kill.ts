/**
 * Kill training processes with SIGKILL at random instants, restart them until they finish, and
 * compare their results with an uninterrupted run.
 *
 * ```sh
 * node --import tsx tests/resume/kill.ts --kills 1000
 * node --import tsx tests/resume/kill.ts --kills 100 --kind '{"saveFreq":2}'
 * node --import tsx tests/resume/kill.ts --kills 100 --kind '{"saveFreq":2}' --pause 200
 * ```
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { exists, getRuntime } from "keepfit/runtime";
import { startChild } from "../child.ts";
import { createRandom, type Random } from "../seeded.ts";
import { differencesOf } from "./exhaustive.ts";
import { kinds } from "./kinds.ts";
import { contentOf, type Kind, type Outcome, train } from "./training.ts";

/** Result of {@linkcode killRuns}. */
export interface KillReport {
  runs: number;
  kills: number;
  /** Number of kills after the run had ended and removed its backup. */
  afterTheEnd: number;
  /** Number of batches that were trained again, after each of the other kills. */
  lost: number[];
  /** Runs with other results: their kind, the kills, and the parts that differ. */
  differences: { kind: Kind; killed: string[]; what: string[] }[];
}

/**
 * Kill runs until the number of kills is reached, each run at most four times, two runs at a time.
 *
 * @param some kinds of the runs, used in turn
 * @param pause milliseconds that each batch takes longer. Default: 0
 */
export async function killRuns(
  some: readonly Kind[],
  kills: number,
  seed: number,
  pause = 0,
): Promise<KillReport> {
  const random = createRandom(seed);
  const report: KillReport = { runs: 0, kills: 0, afterTheEnd: 0, lost: [], differences: [] };
  const wholes = new Map<Kind, Outcome>();
  for (const kind of some) {
    const whole = await inFolder((directory) => train(kind, getRuntime().fs, directory));
    wholes.set(kind, JSON.parse(JSON.stringify(whole)));
  }
  let left = kills;
  let begun = 0;
  const work = async () => {
    while (left > 0) {
      const kind = some[begun++ % some.length];
      const most = Math.min(4, left);
      left -= most;
      const whole = wholes.get(kind) as Outcome;
      const killed = await killRun({ kind, whole, limit: most, random, report, pause });
      left += most - killed;
    }
  };
  await Promise.all([work(), work()]);
  return report;
}

/**
 * Kill a run at most `limit` times, and add its results to the report. Returns the number of kills.
 */
async function killRun({ kind, whole, limit, random, report, pause }: {
  kind: Kind;
  whole: Outcome;
  limit: number;
  random: Random;
  report: KillReport;
  pause: number;
}): Promise<number> {
  return await inFolder(async (directory) => {
    const killed: string[] = [];
    let trained = 0;
    let made: Partial<Outcome> & Pick<Outcome, "files"> | undefined;
    while (made === undefined) {
      const isKilled = killed.length < limit;
      const ended = await runOnce(kind, directory, isKilled ? random : undefined, pause);
      const [first = trained + 1, last = trained] = [ended.batches[0], ended.batches.at(-1)];
      if (killed.length > 0) report.lost.push(trained + 1 - first);
      trained = last;
      made = ended.made;
      if (made !== undefined) break;
      killed.push(`after batch ${trained}`);
      report.kills++;
      if (trained > 0 && !await hasBackup(directory)) {
        report.afterTheEnd++;
        const files = await contentOf(getRuntime().fs, directory);
        made = { files: JSON.parse(JSON.stringify(withoutMark(files))) };
      }
    }
    report.runs++;
    const what = differencesOf(made, whole);
    if (what.length > 0) report.differences.push({ kind, killed, what });
    return killed.length;
  });
}

/** Results of a process, undefined if it was killed, and the number of batches it trained. */
async function runOnce(
  kind: Kind,
  directory: string,
  random: Random | undefined,
  pause: number,
): Promise<{ made?: Outcome; batches: number[] }> {
  const module = `import ${JSON.stringify(new URL("run.ts", import.meta.url).href)};\n`;
  const { child, result } = startChild(module, {
    args: [JSON.stringify(kind), directory, String(random === undefined ? 0 : pause)],
  });
  let batches = random === undefined ? Infinity : random(12);
  child.stdout?.on("data", (text: string) => {
    batches -= text.split("batch").length - 1;
    if (batches > 0) return;
    batches = Infinity;
    setTimeout(() => child.kill("SIGKILL"), random?.(Math.max(20, 2 * pause)));
  });
  const { stdout, stderr, signal, code } = await result;
  const trained = [...stdout.matchAll(/^batch (\d+)$/gm)].map(([, number]) => Number(number));
  const made = /^made (.*)$/m.exec(stdout);
  if (made !== null) return { made: JSON.parse(made[1]), batches: trained };
  if (signal === "SIGKILL") return { batches: trained };
  throw new Error(`the run ended with ${code ?? signal}: ${stderr}`);
}

async function hasBackup(directory: string): Promise<boolean> {
  for (const name of ["next", "latest", "previous"]) {
    if (await exists(`${directory}/backup/${name}.safetensors`)) return true;
  }
  return false;
}

/**
 * Files except the empty backup folder and its mark, because a kill may come between their
 * removals.
 */
function withoutMark(files: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(files).filter(([path]) => !path.startsWith("/backup")));
}

async function inFolder<T>(run: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "keepfit-resume-"));
  try {
    return await run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The mean of numbers; 0 without one. */
export function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, one) => sum + one, 0) / Math.max(1, numbers.length);
}

const { mainModule, args } = getRuntime();
if (mainModule()?.endsWith("tests/resume/kill.ts")) {
  const { values } = parseArgs({
    args,
    options: {
      kills: { type: "string", default: "30" },
      kind: { type: "string" },
      seed: { type: "string", default: String(Date.now()) },
      pause: { type: "string", default: "0" },
    },
  });
  const { kills, kind, seed, pause } = values;
  const some = kind === undefined ? Object.values(kinds) : [JSON.parse(kind) as Kind];
  const { lost, ...report } = await killRuns(
    some,
    Number(kills),
    Number(seed),
    Number(pause),
  );
  console.log(`seed ${seed}`, JSON.stringify(report));
  console.log(`batches lost: mean ${meanOf(lost).toFixed(2)}, maximum ${Math.max(0, ...lost)}`);
}
