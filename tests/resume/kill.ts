/**
 * Kill real training processes with SIGKILL at random instants, start them again until they have ended,
 * and compare what they made with a run that was never interrupted.
 *
 * ```sh
 * node --import tsx tests/resume/kill.ts --kills 1000 --kind '{"saveFreq":2}'
 * ```
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { getRuntime } from "keepfit/runtime";
import { startChild } from "../child.ts";
import { createRandom, type Random } from "../seeded.ts";
import { differencesOf } from "./exhaustive.ts";
import { type Kind, type Outcome, train } from "./training.ts";

/** What {@linkcode killRuns} found. */
export interface KillReport {
  runs: number;
  kills: number;
  /** Of each run that made something else: what differed. */
  differences: string[][];
}

/** Kill runs of a kind until there were so many kills, at most four of one run. */
export async function killRuns(kind: Kind, kills: number, seed: number): Promise<KillReport> {
  const random = createRandom(seed);
  const { fs } = getRuntime();
  const whole = await inFolder((directory) => train(kind, fs, directory));
  const report: KillReport = { runs: 0, kills: 0, differences: [] };
  while (report.kills < kills) {
    await inFolder(async (directory) => {
      let left = Math.min(4, kills - report.kills);
      let made: Outcome | undefined;
      while (made === undefined) {
        made = await runOnce(kind, directory, left > 0 ? random : undefined);
        if (made !== undefined) break;
        left--;
        report.kills++;
      }
      report.runs++;
      const found = differencesOf(made, JSON.parse(JSON.stringify(whole)));
      if (found.length > 0) report.differences.push(found);
    });
  }
  return report;
}

/** What a process has made; undefined where it was killed, at a batch and some moments later. */
async function runOnce(
  kind: Kind,
  directory: string,
  random: Random | undefined,
): Promise<Outcome | undefined> {
  const module = `import ${JSON.stringify(new URL("run.ts", import.meta.url).href)};\n`;
  const { child, result } = startChild(module, { args: [JSON.stringify(kind), directory] });
  let batches = random === undefined ? Infinity : random(12);
  child.stdout?.on("data", (text: string) => {
    batches -= text.split("batch").length - 1;
    if (batches > 0) return;
    batches = Infinity;
    setTimeout(() => child.kill("SIGKILL"), random?.(20));
  });
  const { stdout, stderr, signal, code } = await result;
  const made = /^made (.*)$/m.exec(stdout);
  if (made !== null) return JSON.parse(made[1]);
  if (signal === "SIGKILL") return undefined;
  throw new Error(`the run ended with ${code ?? signal}: ${stderr}`);
}

async function inFolder<T>(run: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "keepfit-resume-"));
  try {
    return await run(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const { mainModule, args } = getRuntime();
if (mainModule()?.endsWith("tests/resume/kill.ts")) {
  const { values } = parseArgs({
    args,
    options: {
      kills: { type: "string", default: "30" },
      kind: { type: "string", default: "{}" },
      seed: { type: "string", default: String(Date.now()) },
    },
  });
  const { kills, kind, seed } = values;
  const report = await killRuns(JSON.parse(kind), Number(kills), Number(seed));
  console.log(kind, `seed ${seed}`, JSON.stringify(report));
}
