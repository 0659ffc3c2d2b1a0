import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FileSystemError, memoryFileSystem } from "./mod.ts";
import { probeDirectory, probePath } from "./probe.ts";
import type { FileSystem } from "./types.ts";

describe("probeDirectory", () => {
  it("probeDirectory creates the directory and leaves nothing in it, in memory and on a disk", async () => {
    const fs = memoryFileSystem();
    await probeDirectory("a/b", { fs });
    assert.deepEqual(await fs.readDir("a/b"), []);
    const folder = await mkdtemp(join(tmpdir(), "keepfit-probe-"));
    try {
      await probeDirectory(join(folder, "50%", "c"));
      assert.deepEqual(await readdir(join(folder, "50%", "c")), []);
      await writeFile(join(folder, "file"), "");
      await assert.rejects(
        probeDirectory(join(folder, "file")),
        (error: FileSystemError) => error.code === "AlreadyExists",
      );
      await assert.rejects(probeDirectory(join(folder, "file", "below")), FileSystemError);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("probeDirectory removes what a killed process left while it was writing", async () => {
    const fs = memoryFileSystem();
    const left = `runs/.keepfit-${2 ** 22 + 1}-${crypto.randomUUID()}.tmp`;
    for (const path of [left, "runs/.keepfit-notes.tmp"]) {
      await fs.makeDir("runs");
      await fs.writeFile(path, "half");
    }
    await probePath("runs/plot.svg", "file", { fs });
    assert.deepEqual((await fs.readDir("runs")).map(({ name }) => name), [".keepfit-notes.tmp"]);
  });

  it("probeDirectory fails if the directory exists and is not writable", async () => {
    const memory = memoryFileSystem();
    await memory.makeDir("runs");
    const refused = new FileSystemError("PermissionDenied", "Cannot write", { path: "runs" });
    const fs: FileSystem = { ...memory, open: () => Promise.reject(refused) };
    await assert.rejects(probeDirectory("runs", { fs }), refused);
  });
});

describe("probePath", () => {
  it("probePath fails for a path of the other kind, and does not change it", async () => {
    const fs = memoryFileSystem();
    await fs.makeDir("plot.svg");
    await assert.rejects(probePath("plot.svg", "file", { fs }), {
      code: "IsADirectory",
      message: "Cannot write plot.svg: expected a file, got a directory",
    });
    await fs.makeDir("runs");
    await fs.writeFile("runs/kept.svg", "kept");
    await probePath("runs/kept.svg", "file", { fs });
    assert.equal(await fs.readTextFile("runs/kept.svg"), "kept");
    await probePath("runs/new.svg", "file", { fs });
    await assert.rejects(probePath("runs/kept.svg", "directory", { fs }), {
      code: "NotADirectory",
      message: "Cannot write runs/kept.svg: expected a directory, got a file",
    });
    await probePath("runs/new", "directory", { fs });
    assert.deepEqual((await fs.readDir("runs")).map(({ name }) => name), ["kept.svg"]);
  });
});
