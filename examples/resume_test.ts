import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { startChild } from "../tests/child.ts";

const module = `import ${JSON.stringify(new URL("resume.ts", import.meta.url).href)};\n`;
const skip = process.platform === "win32" ? "Windows does not support these signals" : false;

/** Run the example, and optionally send a signal after an epoch has begun. */
async function run(directory: string, epochs: number, signal?: NodeJS.Signals) {
  const args = [directory, String(epochs)];
  const { child, printed, result } = startChild(module, { args });
  if (signal !== undefined) {
    await printed("Epoch ");
    process.kill(child.pid as number, signal);
  }
  return await result;
}

/** First column of the log. */
async function loggedEpochs(directory: string): Promise<number[]> {
  const text = await readFile(join(directory, "log.csv"), "utf8").catch(() => "");
  return text.split("\r\n").slice(1, -1).map((row) => Number(row.split(",")[0]));
}

describe("The resuming example", { skip }, () => {
  it("The resuming example takes no option for the name of its folder", async () => {
    const { code, stderr } = await startChild(module, { args: ["--help"] }).result;
    assert.equal(code, 1);
    assert.match(stderr, /Unknown option '--help'/);
  });

  it("The resuming example continues with the same command, regardless of how it was ended", async () => {
    const directory = await mkdtemp(join(tmpdir(), "keepfit-"));
    try {
      const asked = [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const;
      for (const [signal, exitCode] of asked) {
        const { code, stdout, stderr } = await run(directory, 1e6, signal);
        assert.equal(code, exitCode, stderr);
        assert.match(stdout, new RegExp(`Interrupted by ${signal}; run the command again`));
      }
      assert.equal((await run(directory, 1e6, "SIGKILL")).signal, "SIGKILL");
      const epochs = (await loggedEpochs(directory)).length + 2;
      const { code, stdout, stderr } = await run(directory, epochs);
      assert.equal(code, 0, stderr);
      assert.match(stdout, new RegExp(`Trained ${epochs} epochs`));
      const all = Array.from({ length: epochs }, (_, epoch) => epoch);
      assert.deepEqual(await loggedEpochs(directory), all);
      assert.deepEqual((await readdir(directory)).sort(), ["best", "log.csv"]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
