import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { type ChildResult, startChild } from "../child.ts";
import { isLong } from "../seeded.ts";
import type { Phase } from "./interrupted.ts";

const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type Signal = keyof typeof exitCodes;
const signals = Object.keys(exitCodes) as Signal[];

/**
 * Phases in which a run can hang, and whether it can be saved there: between batches, after an
 * epoch.
 */
const phases: [phase: Phase, isSaved: boolean][] = [
  ["nowhere", true],
  ["batches", true],
  ["validation", true],
  ["onYield", true],
  ["onTrainBatchEnd", false],
  ["onEpochEnd", false],
  ["onTrainEnd", false],
  // Each of these takes half a minute.
  ...isLong ? [["onException", true], ["close", true]] as [Phase, boolean][] : [],
];

/** End a hanging process with a signal, and optionally with further signals until it has ended. */
async function interrupt(
  phase: Phase,
  signal: Signal,
  { isRepeated = false, saveFreq = "false" } = {},
): Promise<ChildResult & { files: string[] }> {
  const directory = mkdtempSync(join(tmpdir(), "keepfit-signal-"));
  const module = `import ${JSON.stringify(new URL("interrupted.ts", import.meta.url).href)};\n`;
  const { child, printed, result } = startChild(module, { args: [phase, directory, saveFreq] });
  let again: ReturnType<typeof setInterval> | undefined;
  try {
    await printed("there");
    // Not child.kill, which works only once on Deno.
    const ask = () => process.kill(child.pid!, signal);
    ask();
    if (isRepeated) {
      // A second signal ends the process even while it saves, so saving must have time before it
      // closes.
      await printed("closing");
      again = setInterval(() => {
        try {
          ask();
        } catch {
          // The process has just ended.
        }
      }, 150);
    }
    const ended = await result;
    const backup = `${directory}/backup`;
    return { ...ended, files: existsSync(backup) ? readdirSync(backup).sort() : [] };
  } finally {
    clearInterval(again);
    child.kill("SIGKILL");
    rmSync(directory, { recursive: true });
  }
}

describe("A training process that receives a signal", {
  skip: process.platform === "win32",
}, () => {
  phases.forEach(([phase, isSaved], i) => {
    const some = isLong ? signals : [signals[i % signals.length]];
    for (const signal of some) {
      it(`A training process ends on ${signal} in ${phase}, with its exit code and${isSaved ? "" : " without"} a backup`, async () => {
        const { code, stdout, stderr, files } = await interrupt(phase, signal);
        assert.equal(code, exitCodes[signal], stderr);
        assert.match(stdout, new RegExp(`^ended by Interrupted by ${signal}$`, "m"));
        assert.deepEqual(files, isSaved ? ["latest.safetensors"] : [], stderr);
      });
    }
  });

  it("A training process keeps its earlier backups if it hangs in a hook", async () => {
    const { code, files } = await interrupt("onEpochEnd", "SIGTERM", { saveFreq: "epoch" });
    assert.equal(code, exitCodes.SIGTERM);
    assert.deepEqual(files, ["latest.safetensors"]);
  });

  for (const signal of isLong ? signals : ["SIGHUP"] as const) {
    it(`A training process ends immediately if ${signal} arrives again while it closes`, async () => {
      const { code, files } = await interrupt("close", signal, { isRepeated: true });
      assert.equal(code, exitCodes[signal]);
      assert.ok(files.includes("latest.safetensors"));
    });
  }
});
