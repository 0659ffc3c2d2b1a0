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
  it("ensureDir creates a missing directory, and rejects the path of a file", async () => {
    const fs = await tree();
    await ensureDir("new/deep", { fs });
    await ensureDir("new/deep", { fs });
    assert((await fs.stat("new/deep")).isDirectory);
    await assert.rejects(ensureDir("runs/a.csv", { fs }), hasCode("AlreadyExists"));
  });
});

describe("exists", () => {
  it("exists returns whether a path exists, and is of the requested kind", async () => {
    const fs = await tree();
    assert.equal(await exists("runs", { fs }), true);
    assert.equal(await exists("runs", { fs, isDirectory: true }), true);
    assert.equal(await exists("runs", { fs, isFile: true }), false);
    assert.equal(await exists("runs/a.csv", { fs, isFile: true }), true);
    assert.equal(await exists("runs/a.csv", { fs, isDirectory: true }), false);
    assert.equal(await exists("runs/none", { fs }), false);
    assert.equal(await exists("runs/a.csv/below", { fs }), false);
  });

  it("exists rejects contradictory options", async () => {
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

  it("walk visits everything below a directory, each directory before its content", async () => {
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

  it("walk stops at maxDepth", async () => {
    assert.deepEqual(await paths({ maxDepth: -1 }), []);
    assert.deepEqual(await paths({ maxDepth: 0 }), ["runs"]);
    assert.deepEqual(await paths({ maxDepth: 1 }), ["runs", "runs/1", "runs/2", "runs/a.csv"]);
  });

  it("walk filters by kind, extension and pattern", async () => {
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

  it("walk skips a directory with all its content", async () => {
    assert.deepEqual(await paths({ skip: [/\/1$/] }), [
      "runs",
      "runs/2",
      "runs/2/d.csv",
      "runs/a.csv",
    ]);
    assert.deepEqual(await paths({ skip: [/runs/] }), []);
  });

  it("walk fails for a missing directory", async () => {
    await assert.rejects(paths({}, "none"), hasCode("NotFound"));
    await assert.rejects(paths({}, "runs/a.csv"), hasCode("NotADirectory"));
  });
});

describe("move", () => {
  it("move moves a file and a directory", async () => {
    const fs = await tree();
    await move("runs/a.csv", "runs/2/a.csv", { fs });
    await move("runs/1", "one", { fs });
    assert.equal(await fs.readTextFile("runs/2/a.csv"), "runs/a.csv");
    assert.equal(await fs.readTextFile("one/deep/c.csv"), "runs/1/deep/c.csv");
    assert.equal(await exists("runs/1", { fs }), false);
  });

  it("move replaces an existing target only with overwrite: true", async () => {
    const fs = await tree();
    await assert.rejects(move("runs/a.csv", "runs/2/d.csv", { fs }), hasCode("AlreadyExists"));
    assert.equal(await fs.readTextFile("runs/2/d.csv"), "runs/2/d.csv");
    await move("runs/a.csv", "runs/2/d.csv", { fs, overwrite: true });
    assert.equal(await fs.readTextFile("runs/2/d.csv"), "runs/a.csv");
    await move("runs/1", "runs/2", { fs, overwrite: true });
    assert.equal(await exists("runs/2/d.csv", { fs }), false);
    assert.equal(await fs.readTextFile("runs/2/b.json"), "runs/1/b.json");
  });

  it("move loses nothing when it fails", async () => {
    const fs = await tree();
    const overwrite = true;
    await assert.rejects(move("none", "runs/a.csv", { fs, overwrite }), hasCode("NotFound"));
    await assert.rejects(move("runs", "runs/1/x", { fs, overwrite }), hasCode("InvalidPath"));
    await assert.rejects(move("./runs/", "runs/1", { fs, overwrite }), hasCode("InvalidPath"));
    await move("runs/1", "./runs/1/", { fs, overwrite });
    assert.equal(await fs.readTextFile("runs/a.csv"), "runs/a.csv");
    assert.equal(await fs.readTextFile("runs/1/deep/c.csv"), "runs/1/deep/c.csv");
  });

  it("move does not mistake a name with the same prefix for a path inside", async () => {
    const fs = await tree();
    await move("runs", "runs2", { fs });
    assert(await exists("runs2/a.csv", { fs }));
  });
});
