import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { pathToFileURL } from "node:url";
import { getRuntime } from "keepfit/runtime";
import { startChild } from "../tests/child.ts";
import { askForStartTime } from "./is_running.ts";

describe("getRuntime", () => {
  it("getRuntime always returns the same object, with the name of the runtime", () => {
    const runtime = getRuntime();
    const { versions } = process as { versions: Record<string, string | undefined> };
    const expected = versions.deno ? "deno" : versions.bun ? "bun" : "node";
    assert.equal(runtime.name, expected);
    assert.equal(runtime.version, versions[expected]);
    assert.equal(getRuntime(), runtime);
  });

  it("getRuntime provides environment, arguments and exit code", async () => {
    const module = `
      import { getRuntime } from "keepfit/runtime";
      const runtime = getRuntime();
      console.log(runtime.env("KEEPFIT_A"), runtime.env("KEEPFIT_B"), runtime.args.join("|"));
      runtime.exit(7);
    `;
    const { result } = startChild(module, { args: ["--x", "a b"], env: { KEEPFIT_A: "1" } });
    const { code, stdout } = await result;
    assert.equal(stdout, "1 undefined --x|a b\n");
    assert.equal(code, 7);
  });

  it("getRuntime returns the start time of a process if the system reports it", () => {
    const { processId, startOfProcess } = getRuntime();
    const start = startOfProcess(processId);
    assert.equal(startOfProcess(processId), start);
    if (process.platform !== "linux") return console.log("skipped: only Linux reports it");
    assert.match(String(start), /^[0-9a-f-]{36} \d+$/);
    assert.notEqual(startOfProcess(1), start);
    assert.equal(startOfProcess(2 ** 22 + 1), undefined);
  });

  it("startTimeOfProcess asks the system for the time at which a process began", async (t) => {
    const before = Date.now();
    const { child, printed, result } = startChild(
      `setTimeout(() => {}, 600_000); console.log("ready");`,
    );
    await printed("ready");
    const time = askForStartTime(child.pid!, process.platform);
    const after = Date.now();
    child.kill("SIGKILL");
    await result;
    // Small images of Linux have another ps.
    if (time === undefined) return t.skip("no ps that knows the time");
    // Whole seconds, which Linux adds to the time of its start.
    assert.ok(before - 3000 <= time && time <= after + 3000, `${time - before}`);
    assert.equal(askForStartTime(2 ** 22 + 1, process.platform), undefined);
  });

  it("getRuntime requests no permission on Deno, on creation or for a variable", async () => {
    if (getRuntime().name !== "deno") return console.log("skipped: only Deno has permissions");
    const module = `
      import { getRuntime } from "keepfit/runtime";
      const { env, terminal, cacheDir } = getRuntime();
      console.log(env("HOME"), cacheDir(), terminal.isInteractive, terminal.hasColors);
    `;
    const { result } = startChild(module, { permissions: [] });
    const { code, stdout, stderr } = await result;
    assert.equal(stdout, "undefined undefined false false\n", stderr);
    assert.equal(code, 0);
  });

  it("getRuntime returns the main module and the working directory", async () => {
    const module = `
      import { getRuntime } from "keepfit/runtime";
      const { mainModule, workingDirectory } = getRuntime();
      console.log(mainModule() === import.meta.url, workingDirectory()?.href);
    `;
    const house = new URL("../", import.meta.url).href;
    assert.equal((await startChild(module).result).stdout, `true ${house}\n`);
    if (getRuntime().name !== "deno") return;
    const { stdout, stderr } = await startChild(module, { permissions: [] }).result;
    assert.equal(stdout, "true undefined\n", stderr);
  });

  it("getRuntime uses the cache directory that the user has chosen", async () => {
    const module = `
      import { getRuntime } from "keepfit/runtime";
      console.log(getRuntime().cacheDir());
    `;
    const { result } = startChild(module, { env: { XDG_CACHE_HOME: "/tmp/caches/" } });
    assert.equal((await result).stdout, "/tmp/caches/keepfit\n");
  });

  it("getRuntime imports a module by a dynamic specifier", async () => {
    const directory = mkdtempSync(`${tmpdir()}/keepfit-import-`);
    try {
      writeFileSync(`${directory}/a b.mjs`, "export const answer = 42;");
      const url = pathToFileURL(`${directory}/a b.mjs`).href;
      const module = await getRuntime().importModule(url) as { answer: number };
      assert.equal(module.answer, 42);
      await assert.rejects(getRuntime().importModule(`${url}.none`));
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
