import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type FileSystem, getRuntime, memoryFileSystem } from "keepfit/runtime";
import { startChild } from "../tests/child.ts";
import { captured } from "./fixtures.ts";
import { RunMark } from "./run_mark.ts";

const { processId, startOfProcess } = getRuntime();
const longAgo = Date.now() - 3 * 3_600_000;

/** A file system with a folder that contains this mark. */
async function marked(mark: object | string): Promise<FileSystem> {
  const fs = memoryFileSystem();
  await fs.makeDir("backup/running");
  const text = typeof mark === "string" ? mark : JSON.stringify(mark);
  await fs.writeFile("backup/running/another.json", text);
  return fs;
}

async function marksIn(fs: FileSystem): Promise<{ processId: number }[]> {
  const entries = await fs.readDir("backup/running");
  const texts = entries.map(({ name }) => fs.readTextFile(`backup/running/${name}`));
  return (await Promise.all(texts)).map((text) => JSON.parse(text));
}

/** An idle process that exists while `run` is running. */
async function besideProcess(run: (processId: number) => Promise<void>): Promise<void> {
  const { child, printed, result } = startChild(
    `setTimeout(() => {}, 600_000); console.log("ready");`,
  );
  try {
    await printed("ready");
    await run(child.pid!);
  } finally {
    child.kill("SIGKILL");
    await result;
  }
}

describe("RunMark", () => {
  it("RunMark rejects a folder that a running process uses, with its id and age", async () => {
    let fs = memoryFileSystem();
    await besideProcess(async (processId) => {
      fs = await marked({ processId, started: startOfProcess(processId), began: longAgo });
      const expected = new RegExp(
        `Cannot use backup: .*process ${processId}, which began 3 h ago; .*remove backup/running if`,
      );
      const mark = new RunMark(fs, "backup");
      await assert.rejects(mark.claim(), expected);
      await mark.release();
      assert.deepEqual((await marksIn(fs)).map((one) => one.processId), [processId]);
    });
    const mark = new RunMark(fs, "backup");
    await mark.claim();
    assert.deepEqual((await marksIn(fs)).map((one) => one.processId), [processId]);
    await mark.release();
    assert.deepEqual(await fs.readDir("backup"), []);
  });

  it("RunMark accepts a folder whose process has ended, even if its id was reused", async (t) => {
    await besideProcess(async (processId) => {
      if (startOfProcess(processId) === undefined) {
        return t.skip("this system does not report start times");
      }
      const fs = await marked({ processId, started: startOfProcess(1), began: longAgo });
      const mark = new RunMark(fs, "backup");
      await mark.claim();
      await mark.release();
    });
  });

  it("RunMark accepts a folder whose process id belongs to a process that began after the mark, on systems that know only times", async () => {
    const runtime = (later: number | undefined) => ({
      processId,
      isRunning: () => true,
      startOfProcess: () => undefined,
      startTimeOfProcess: () => later && longAgo + later,
    });
    const claim = async (later: number | undefined) => {
      const fs = await marked({ processId: processId + 1, began: longAgo });
      const mark = new RunMark(fs, "backup", runtime(later));
      await mark.claim();
      await mark.release();
      assert.deepEqual(await fs.readDir("backup"), []);
    };
    await claim(3_600_000);
    // It may be the one that made the mark, in spite of clocks that were set.
    for (const later of [-3_600_000, 1000, undefined]) {
      await assert.rejects(claim(later), /got that of process \d+, which began 3 h ago/);
    }
  });

  it("RunMark rejects a folder whose process it cannot see, and says what to do", async () => {
    const fs = await marked({ processId: processId + 1, began: longAgo });
    const mark = new RunMark(fs, "backup", {
      processId,
      isRunning: () => undefined,
      startOfProcess: () => undefined,
      startTimeOfProcess: () => undefined,
    });
    await assert.rejects(
      mark.claim(),
      /cannot see whether process \d+ still runs, .*--allow-run, or remove backup\/running if/,
    );
  });

  it("RunMark recognizes running and killed processes without a permission to see processes", async () => {
    const folder = mkdtempSync(join(tmpdir(), "keepfit-mark-"));
    const text = `
      import { RunMark } from ${JSON.stringify(new URL("run_mark.ts", import.meta.url).href)};
      import { getRuntime } from "keepfit/runtime";
      const { args, fs, terminal } = getRuntime();
      const mark = new RunMark(fs, args[0]);
      try {
        await mark.claim();
        terminal.write("claimed\\n");
        if (args[1] === "hang") await new Promise((resolve) => setTimeout(resolve, 600_000));
        await mark.release();
      } catch (error) {
        terminal.write(error.message + "\\n");
      }`;
    const permissions = ["--allow-env", `--allow-read=${folder}`, `--allow-write=${folder}`];
    const start = (...args: string[]) => startChild(text, { args: [folder, ...args], permissions });
    try {
      const first = start("hang");
      await first.printed("claimed");
      const second = await start().result;
      assert.match(second.stdout, /^Cannot use .* got that of process \d+, .* ago; use another/);
      first.child.kill("SIGKILL");
      assert.ok(second.stdout.includes(`process ${first.child.pid},`), second.stdout);
      await first.result;
      const third = await start().result;
      assert.equal(third.stdout, "claimed\n", third.stderr);
      assert.deepEqual(readdirSync(folder), []);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("RunMark warns about a second run of this process, until the first has released the folder", async () => {
    const fs = memoryFileSystem();
    await fs.makeDir("backup");
    const [first, second] = [new RunMark(fs, "backup"), new RunMark(fs, "./backup")];
    await first.claim();
    const { warned } = await captured(() => second.claim());
    assert.match(warned.join(), /another run of this process uses \.\/backup, or was not closed/);
    await second.release();
    const again = await captured(() => first.claim());
    assert.deepEqual(again.warned, []);
    await first.release();
  });

  it("RunMark treats a mark with the id of this process that this process did not write as stale", async () => {
    for (const left of [{ processId, began: 0 }, `{"proc`, ""]) {
      const fs = await marked(left);
      const mark = new RunMark(fs, "backup");
      await mark.claim();
      await mark.release();
      assert.deepEqual(await fs.readDir("backup"), []);
    }
  });

  it("RunMark replaces an empty folder that a killed process left", async () => {
    const fs = memoryFileSystem();
    await fs.makeDir("backup/running");
    const mark = new RunMark(fs, "backup");
    await mark.claim();
    await mark.release();
    assert.deepEqual(await fs.readDir("backup"), []);
  });

  it("RunMark assigns a folder with a stale mark to one of many processes that start simultaneously", async () => {
    const folder = mkdtempSync(join(tmpdir(), "keepfit-mark-"));
    for (let round = 0; round < 20; round++) {
      mkdirSync(`${folder}/${round}/running`, { recursive: true });
      writeFileSync(`${folder}/${round}/running/gone.json`, `{"processId":${2 ** 22 + 1}}`);
    }
    const claim = `
      import { RunMark } from ${JSON.stringify(new URL("run_mark.ts", import.meta.url).href)};
      import { getRuntime } from "keepfit/runtime";
      const { args, fs, processId, terminal } = getRuntime();
      terminal.write("ready\\n");
      for await (const _ of process.stdin) {
        for (let round = 0; round < 20; round++) {
          try {
            await new RunMark(fs, args[0] + "/" + round).claim();
            terminal.write("took " + round + "\\n");
          } catch (error) {
            if (!/expected no other run/.test(error.message)) throw error;
          }
        }
        terminal.write("done\\n");
      }`;
    const children = Array.from({ length: 6 }, () => startChild(claim, { args: [folder] }));
    try {
      await Promise.all(children.map(({ printed }) => printed("ready")));
      for (const { child } of children) child.stdin!.write("go\n");
      await Promise.all(children.map(({ printed }) => printed("done")));
      for (const { child } of children) child.stdin!.end();
      const results = await Promise.all(children.map(({ result }) => result));
      const taken = results.flatMap(({ stdout }) => stdout.match(/^took \d+$/gm) ?? []);
      const each = Array.from({ length: 20 }, (_, round) => `took ${round}`);
      assert.deepEqual(taken.toSorted(), each.toSorted());
      const left = each.map((_, round) => readdirSync(`${folder}/${round}/running`).length);
      assert.deepEqual(left, each.map(() => 1));
    } finally {
      for (const { child } of children) child.kill("SIGKILL");
      rmSync(folder, { recursive: true });
    }
  });
});
