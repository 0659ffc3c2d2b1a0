import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { FileSystemError } from "./errors.ts";
import { createFileSystem } from "./file_system.ts";
import { memoryCalls } from "./memory.ts";
import { memoryFileSystem } from "./mod.ts";
import { errno, type SystemCalls } from "./system_calls.ts";
import type { FileSystem } from "./types.ts";
import { writeTogether } from "./write_files.ts";

const save = (fs: FileSystem, content: string) =>
  writeTogether(fs, "list.json", async (add) => {
    await Promise.all([add(`${content}-1`, "1"), add(`${content}-2`, [new Uint8Array(3)])]);
    return `${content}-1 ${content}-2`;
  });

/** System calls of which the n-th fails, counted from 0. */
function failingAt(n: number, calls: SystemCalls): SystemCalls {
  let count = 0;
  const counted = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => (...args: A) =>
    count++ === n ? Promise.reject(errno("ENOSPC")) : call(...args);
  return {
    ...calls,
    lstat: counted(calls.lstat),
    rename: counted(calls.rename),
    open: counted(async (path, how) => {
      const { write, sync, close } = await calls.open(path, how);
      return { write: counted(write), sync: counted(sync), close: counted(close) };
    }),
  };
}

describe("writeTogether", () => {
  it("writeTogether writes a file and those that it refers to", async () => {
    const fs = memoryFileSystem();
    await save(fs, "a");
    await save(fs, "b");
    assert.equal(await fs.readTextFile("list.json"), "b-1 b-2");
    assert.equal(await fs.readTextFile("b-1"), "1");
    assert.deepEqual(await fs.readFile("b-2"), new Uint8Array(3));
    const names = (await fs.readDir(".")).map(({ name }) => name);
    assert.deepEqual(names, ["a-1", "a-2", "b-1", "b-2", "list.json"]);
  });

  it("writeTogether keeps the old file and no temporary one, whichever call fails", async () => {
    for (let n = 0, failed = true; failed; n++) {
      const calls = memoryCalls();
      const fs = createFileSystem(calls);
      await save(fs, "old");
      const error = await save(createFileSystem(failingAt(n, calls)), "new").catch((error) =>
        error
      );
      failed = error !== undefined;
      if (failed) assert.ok(error instanceof FileSystemError && error.code === "NoSpace");
      const text = await fs.readTextFile("list.json");
      assert.equal(text, failed ? "old-1 old-2" : "new-1 new-2", `call ${n}`);
      const names = (await fs.readDir(".")).map(({ name }) => name);
      assert.ok(names.every((name) => !name.endsWith(".tmp")), names.join());
      assert.ok(failed || n > 12);
    }
  });

  it("writeTogether rejects an existing name, and a target that cannot be replaced", async () => {
    const fs = memoryFileSystem();
    await fs.writeFile("a-1", "mine");
    await assert.rejects(save(fs, "a"), { code: "AlreadyExists" });
    assert.equal(await fs.readTextFile("a-1"), "mine");
    await fs.makeDir("list.json");
    await assert.rejects(save(fs, "b"), { code: "IsADirectory" });
  });

  it("writeTogether uses the writeFile of a file system that overrides it", async () => {
    const fs = memoryFileSystem();
    const written: string[] = [];
    const own: FileSystem = {
      ...fs,
      async writeFile(path, data) {
        written.push(String(path));
        await fs.writeFile(path, data);
      },
    };
    await save(own, "a");
    assert.deepEqual(written, ["a-1", "a-2", "list.json"]);
    await save({ ...fs }, "b");
    assert.equal(await fs.readTextFile("list.json"), "b-1 b-2");
    assert.equal(written.length, 3);
  });
});

describe("createFileWriter", () => {
  it("createFileWriter closes a device that cannot be written", async () => {
    const calls = memoryCalls();
    let closed = 0;
    const fs = createFileSystem({
      ...calls,
      lstat: async () => ({ ...await calls.lstat("/"), isDirectory: false, isFile: false }),
      open: async () => ({
        write: () => Promise.reject(errno("EIO")),
        async sync() {},
        async close() {
          closed++;
        },
      }),
    });
    await assert.rejects(fs.writeFile("device", "text"), { name: "FileSystemError" });
    assert.equal(closed, 1);
  });
});
