import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  ensureDir,
  exists,
  FileSystemError,
  memoryFileSystem,
  move,
  walk,
  type WalkOptions,
} from "keepfit/runtime";

async function tree() {
  const fs = memoryFileSystem();
  for (const directory of ["runs/1/deep", "runs/2"]) await fs.makeDir(directory);
  for (const file of ["runs/a.csv", "runs/1/b.json", "runs/1/deep/c.csv", "runs/2/d.csv"]) {
    await fs.writeFile(file, file);
  }
  return fs;
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof FileSystemError && error.code === code;
}

describe("ensureDir", () => {
  it("makes a directory once, and refuses the name of a file", async () => {
    const fs = await tree();
    await ensureDir("new/deep", { fs });
    await ensureDir("new/deep", { fs });
    assert((await fs.stat("new/deep")).isDirectory);
    await assert.rejects(ensureDir("runs/a.csv", { fs }), hasCode("AlreadyExists"));
  });
});

describe("exists", () => {
  it("tells what is there, and of which kind", async () => {
    const fs = await tree();
    assert.equal(await exists("runs", { fs }), true);
    assert.equal(await exists("runs", { fs, isDirectory: true }), true);
    assert.equal(await exists("runs", { fs, isFile: true }), false);
    assert.equal(await exists("runs/a.csv", { fs, isFile: true }), true);
    assert.equal(await exists("runs/a.csv", { fs, isDirectory: true }), false);
    assert.equal(await exists("runs/none", { fs }), false);
    assert.equal(await exists("runs/a.csv/below", { fs }), false);
  });

  it("refuses a question that nothing can answer", async () => {
    const fs = await tree();
    await assert.rejects(exists("runs", { fs, isFile: true, isDirectory: true }), TypeError);
    const locked = { ...fs, stat: () => fs.stat("\0") };
    await assert.rejects(exists("runs", { fs: locked }), hasCode("InvalidPath"));
  });
});

describe("walk", () => {
  const paths = async (options: WalkOptions, root = "runs") => {
    const fs = await tree();
    const found: string[] = [];
    for await (const { path } of walk(root, { ...options, fs })) found.push(path);
    return found;
  };

  it("visits all below a directory, each directory before what is in it", async () => {
    assert.deepEqual(await paths({}), [
      "runs",
      "runs/1",
      "runs/1/b.json",
      "runs/1/deep",
      "runs/1/deep/c.csv",
      "runs/2",
      "runs/2/d.csv",
      "runs/a.csv",
    ]);
    assert.deepEqual(await paths({ includeDirs: false }, "runs/1/"), [
      "runs/1/b.json",
      "runs/1/deep/c.csv",
    ]);
    assert.deepEqual((await paths({}, ".")).slice(0, 3), [".", "runs", "runs/1"]);
  });

  it("goes as deep as it is told", async () => {
    assert.deepEqual(await paths({ maxDepth: -1 }), []);
    assert.deepEqual(await paths({ maxDepth: 0 }), ["runs"]);
    assert.deepEqual(await paths({ maxDepth: 1 }), ["runs", "runs/1", "runs/2", "runs/a.csv"]);
  });

  it("keeps what is asked for by kind, ending and pattern", async () => {
    assert.deepEqual(await paths({ includeFiles: false }), [
      "runs",
      "runs/1",
      "runs/1/deep",
      "runs/2",
    ]);
    const files = ["runs/1/deep/c.csv", "runs/2/d.csv", "runs/a.csv"];
    assert.deepEqual(await paths({ exts: ["csv"] }), files);
    assert.deepEqual(await paths({ exts: [".csv"] }), files);
    assert.deepEqual(await paths({ match: [/\.csv$/g, /json/] }), ["runs/1/b.json", ...files]);
  });

  it("skips a directory with all that is in it", async () => {
    assert.deepEqual(await paths({ skip: [/\/1$/] }), [
      "runs",
      "runs/2",
      "runs/2/d.csv",
      "runs/a.csv",
    ]);
    assert.deepEqual(await paths({ skip: [/runs/] }), []);
  });

  it("fails where there is nothing to list", async () => {
    await assert.rejects(paths({}, "none"), hasCode("NotFound"));
    await assert.rejects(paths({}, "runs/a.csv"), hasCode("NotADirectory"));
  });
});

describe("move", () => {
  it("moves a file and a directory", async () => {
    const fs = await tree();
    await move("runs/a.csv", "runs/2/a.csv", { fs });
    await move("runs/1", "one", { fs });
    assert.equal(await fs.readTextFile("runs/2/a.csv"), "runs/a.csv");
    assert.equal(await fs.readTextFile("one/deep/c.csv"), "runs/1/deep/c.csv");
    assert.equal(await exists("runs/1", { fs }), false);
  });

  it("replaces what is there only when told so", async () => {
    const fs = await tree();
    await assert.rejects(move("runs/a.csv", "runs/2/d.csv", { fs }), hasCode("AlreadyExists"));
    assert.equal(await fs.readTextFile("runs/2/d.csv"), "runs/2/d.csv");
    await move("runs/a.csv", "runs/2/d.csv", { fs, overwrite: true });
    assert.equal(await fs.readTextFile("runs/2/d.csv"), "runs/a.csv");
    await move("runs/1", "runs/2", { fs, overwrite: true });
    assert.equal(await exists("runs/2/d.csv", { fs }), false);
    assert.equal(await fs.readTextFile("runs/2/b.json"), "runs/1/b.json");
  });

  it("loses nothing when it cannot be done", async () => {
    const fs = await tree();
    const overwrite = true;
    await assert.rejects(move("none", "runs/a.csv", { fs, overwrite }), hasCode("NotFound"));
    await assert.rejects(move("runs", "runs/1/x", { fs, overwrite }), hasCode("InvalidPath"));
    await assert.rejects(move("./runs/", "runs/1", { fs, overwrite }), hasCode("InvalidPath"));
    await move("runs/1", "./runs/1/", { fs, overwrite });
    assert.equal(await fs.readTextFile("runs/a.csv"), "runs/a.csv");
    assert.equal(await fs.readTextFile("runs/1/deep/c.csv"), "runs/1/deep/c.csv");
  });

  it("does not take a longer name for a place inside", async () => {
    const fs = await tree();
    await move("runs", "runs2", { fs });
    assert(await exists("runs2/a.csv", { fs }));
  });
});
