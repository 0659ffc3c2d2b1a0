import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { startChild } from "../child.ts";
import { root } from "../files.ts";

describe("The README's first program", () => {
  it("The README's first program prints the text in the README", async () => {
    const readme = readFileSync(`${root}README.md`, "utf8");
    const [, program, text] = readme.match(/```ts\n([^]*?)```[^]*?```\n([^]*?)```/) ?? [];
    // The folder is in the repository, so that "keepfit" resolves to it, and separate for each
    // runtime.
    mkdirSync(`${root}runs`, { recursive: true });
    const folder = mkdtempSync(join(root, "runs", "readme-"));
    try {
      const module = program.replaceAll("runs/readme", folder);
      assert.notEqual(module, program);
      const { result } = startChild(module, { main: join(folder, "program.mjs") });
      const { code, stdout, stderr } = await result;
      assert.equal(code, 0, stderr);
      const said = text.trimEnd().split("\n");
      assert.equal(said.length, 5);
      assert.deepEqual(stdout.split("\n").filter((line) => said.includes(line)), said, stdout);
      assert.ok(existsSync(join(folder, "best", "model.json")));
      // The header and 14 epochs.
      assert.equal(readFileSync(join(folder, "log.csv"), "utf8").trimEnd().split("\n").length, 15);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
