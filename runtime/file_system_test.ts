import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { FileSystemError } from "./errors.ts";
import { createFileSystem } from "./file_system.ts";
import { memoryCalls } from "./memory.ts";
import { errno, type SystemCalls } from "./system_calls.ts";

/**
 * System calls of which the n-th (counted from 0, including writes to open files) fails with
 * `code`.
 */
function failingAt(n: number, calls: SystemCalls, code: string): SystemCalls {
  let count = 0;
  const counted = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => (...args: A) =>
    count++ === n ? Promise.reject(errno(code)) : call(...args);
  return {
    ...calls,
    stat: counted(calls.stat),
    lstat: counted(calls.lstat),
    open: counted(async (path, how) => {
      const file = await calls.open(path, how);
      return { write: counted(file.write), sync: counted(file.sync), close: counted(file.close) };
    }),
    rename: counted(calls.rename),
    openDir: counted(calls.openDir),
  };
}

describe("createFileSystem", () => {
  it("createFileSystem keeps the old file and leaves no other behind, whichever call of a write fails", async () => {
    const outcomes = new Set<string>();
    for (let n = 0, failed = true; failed || n < 10; n++) {
      const calls = memoryCalls();
      const fs = createFileSystem(calls);
      await fs.writeFile("a", "old");
      const error = await createFileSystem(failingAt(n, calls, "ENOSPC"))
        .writeFile("a", [new Uint8Array(2), new Uint8Array(3)])
        .catch((error) => error);
      failed = error !== undefined;
      const text = await fs.readTextFile("a");
      assert.equal(text === "old", failed, `call ${n}`);
      assert.deepEqual((await fs.readDir(".")).map((entry) => entry.name), ["a"]);
      if (failed) {
        assert(error instanceof FileSystemError);
        assert.equal(error.code, "NoSpace");
        assert.equal(error.path, "a");
        assert.equal((error.cause as { code: string }).code, "ENOSPC");
        outcomes.add(error.message);
      }
    }
    assert.deepEqual([...outcomes], [
      "Cannot write a: no space left on the device (free some or use another device)",
    ]);
  });

  it("createFileSystem continues until all bytes are written", async () => {
    const calls = memoryCalls();
    const open: SystemCalls["open"] = async (path, how) => {
      const file = await calls.open(path, how);
      return { ...file, write: (bytes) => file.write(bytes.subarray(0, 3)) };
    };
    const fs = createFileSystem({ ...calls, open });
    await fs.writeFile("a", "0123456789");
    assert.equal(await fs.readTextFile("a"), "0123456789");
    const file = await fs.open("a", "append");
    await file.write("abcdefgh");
    await file.close();
    assert.equal(await fs.readTextFile("a"), "0123456789abcdefgh");
  });

  it("createFileSystem writes small parts with one call and large ones as they are, in order", async () => {
    const calls = memoryCalls();
    const sizes: number[] = [];
    const open: SystemCalls["open"] = async (path, how) => {
      const file = await calls.open(path, how);
      return { ...file, write: (bytes) => (sizes.push(bytes.length), file.write(bytes)) };
    };
    const fs = createFileSystem({ ...calls, open });
    const lengths = [4, 0, 8, 200_000, 16_000, 16_000, 16_000, 16_000, 16_000, 100_000, 70_000, 5];
    const reused = new Uint8Array(200_000);
    await fs.writeFile(
      "a",
      (function* () {
        for (const [i, length] of lengths.entries()) yield reused.subarray(0, length).fill(i + 1);
      })(),
    );
    assert.deepEqual(sizes, [12, 200_000, 64_000, 16_000, 100_000, 70_000, 5]);
    const expected = lengths.flatMap((length, i) => Array<number>(length).fill(i + 1));
    assert.deepEqual(await fs.readFile("a"), Uint8Array.from(expected));
  });

  it("createFileSystem continues to write to a file after a failed write", async () => {
    const calls = memoryCalls();
    // The open is the first call.
    const fs = createFileSystem(failingAt(1, calls, "EIO"));
    const file = await fs.open("a", "append");
    const [lost, kept] = await Promise.allSettled([file.write("1"), file.write("2")]);
    await file.close();
    assert.equal(lost.status === "rejected" && lost.reason.code, "Other");
    assert.equal(kept.status, "fulfilled");
    assert.equal(await fs.readTextFile("a"), "2");
  });

  it("createFileSystem reports each fault with the same code on every runtime", async () => {
    const faults: [unknown, string][] = [
      [errno("EACCES"), "PermissionDenied"],
      [errno("EROFS"), "PermissionDenied"],
      [errno("ENAMETOOLONG"), "InvalidPath"],
      [errno("EDQUOT"), "NoSpace"],
      [errno("EIO"), "Other"],
      [
        Object.assign(new Error("Requires read access"), { name: "NotCapable" }),
        "PermissionDenied",
      ],
      [Object.assign(new Error("gone"), { name: "NotFound" }), "NotFound"],
      ["text", "Other"],
      [undefined, "Other"],
    ];
    for (const [fault, code] of faults) {
      const fs = createFileSystem({ ...memoryCalls(), readFile: () => Promise.reject(fault) });
      await assert.rejects(fs.readFile("a"), (error) => {
        assert(error instanceof FileSystemError);
        assert.equal(error.code, code);
        assert.equal(error.cause, fault);
        assert.match(error.message, /^Cannot read a: ./);
        return true;
      });
    }
  });
});
