import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import process from "node:process";
import { promisify } from "node:util";
import { execFile } from "node:child_process";
import { blocksOf, documents, examples } from "./documents.ts";
import { root } from "./files.ts";
import { currentRuntime, scriptArguments } from "./runtimes/mod.ts";

const blocks = [...documents, ...examples].flatMap(blocksOf);
const programs = blocks.filter(({ language, reason }) =>
  /^(ts|js|mjs)$/.test(language) && reason === undefined
);

describe("The programs in the documentation", () => {
  // The folder is in the repository, so that the programs import keepfit from it.
  let folder: string;
  before(async () => {
    await mkdir(`${root}runs`, { recursive: true });
    folder = await mkdtemp(`${root}runs/documents-`);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const [index, { file, line, language, text }] of programs.entries()) {
    it(`${file}:${line} runs`, async () => {
      const path = `${folder}/${index}.${language}`;
      await writeFile(path, text);
      const [command, ...args] = scriptArguments(currentRuntime, path);
      const prefix = currentRuntime === "deno"
        ? [command, "--config", `${root}deno.json`]
        : [command];
      await promisify(execFile)(process.execPath, [...prefix, ...args], { cwd: root });
    });
  }
});

describe("The documentation", () => {
  it("The documentation explains why a block is not run", () => {
    const bare = blocks.filter(({ reason }) =>
      reason !== undefined && reason.split(" ").length < 3
    );
    assert.deepEqual(bare.map(({ file, line }) => `${file}:${line}`), []);
  });

  it("The documentation contains only valid JSON", () => {
    for (const { language, text, reason } of blocks) {
      if (language === "json" && reason === undefined) JSON.parse(text);
    }
  });

  it("The documentation lists the permissions of `deno task train`", async () => {
    const { tasks } = JSON.parse(await readFile(`${root}deno.json`, "utf8"));
    const readme = await readFile(`${root}README.md`, "utf8");
    assert.ok(readme.includes(`\`${tasks.train}\``), tasks.train);
  });
});
