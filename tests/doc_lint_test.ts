import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { root } from "./files.ts";
import { findRuntime } from "./runtimes/mod.ts";

const { exports } = JSON.parse(readFileSync(`${root}deno.json`, "utf8"));
const entries: string[] = Object.values(exports);

describe("deno doc --lint", () => {
  const deno = findRuntime("deno");
  const skip = "reason" in deno ? deno.reason : false;

  it("deno doc --lint finds every export documented and typed", { skip }, () => {
    assert.deepEqual(lint(entries), []);
  });

  // The entry point of a callback exports only the callback; its base class is exported by mod.ts.
  for (const entry of entries.filter((path) => !path.startsWith("./callbacks/"))) {
    it(`deno doc --lint finds every type of ${entry} exported there`, { skip }, () => {
      assert.deepEqual(lint([entry]), []);
    });
  }

  function lint(paths: string[]): string[] {
    if ("reason" in deno) throw new Error(deno.reason);
    const { status, stderr } = spawnSync(deno.command, ["doc", "--lint", ...paths], {
      cwd: root,
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
    });
    const findings = [...stderr.matchAll(/^error\[.*\n.*$/gm)].map(([finding]) => finding);
    return status === 0 || findings.length > 0 ? findings : [stderr];
  }
});
