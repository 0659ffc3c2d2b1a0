import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { getRuntime, memoryFileSystem } from "keepfit/runtime";
import { startChild } from "../tests/child.ts";
import { heard } from "./fixtures.ts";
import { RunMark } from "./run_mark.ts";

describe("RunMark", () => {
  it("refuses a folder that a running process uses, with its id and age", async () => {
    const fs = memoryFileSystem();
    await fs.makeDir("backup");
    const { child, printed, result } = startChild(
      `setTimeout(() => {}, 60_000); console.log("ready");`,
    );
    try {
      await printed("ready");
      const began = Date.now() - 3 * 3_600_000;
      await fs.writeFile("backup/running.json", JSON.stringify({ processId: child.pid, began }));
      const expected = new RegExp(
        `Cannot use backup: .*process ${child.pid}, which began 3 h ago; .*remove backup/running.json`,
      );
      const mark = new RunMark(fs, "backup");
      await assert.rejects(mark.claim(), expected);
      await mark.release();
      assert.match(await fs.readTextFile("backup/running.json"), new RegExp(`${child.pid}`));
    } finally {
      child.kill("SIGKILL");
      await result;
    }
    const mark = new RunMark(fs, "backup");
    await mark.claim();
    const { processId } = JSON.parse(await fs.readTextFile("backup/running.json"));
    assert.equal(processId, getRuntime().processId);
    await mark.release();
    assert.deepEqual(await fs.readDir("backup"), []);
  });

  it("warns of a second run of this process, until the first has released the folder", async () => {
    const fs = memoryFileSystem();
    await fs.makeDir("backup");
    const [first, second] = [new RunMark(fs, "backup"), new RunMark(fs, "./backup")];
    await first.claim();
    const { warned } = await heard(() => second.claim());
    assert.match(warned.join(), /another run of this process uses \.\/backup, or was not closed/);
    await second.release();
    const again = await heard(() => first.claim());
    assert.deepEqual(again.warned, []);
    await first.release();
  });

  it("takes a mark for stale that has this process's id and is not this process's", async () => {
    const { processId } = getRuntime();
    for (const text of [JSON.stringify({ processId, began: 0 }), `{"proc`, ""]) {
      const fs = memoryFileSystem();
      await fs.makeDir("backup");
      await fs.writeFile("backup/running.json", text);
      const mark = new RunMark(fs, "backup");
      await mark.claim();
      await mark.release();
    }
  });
});
