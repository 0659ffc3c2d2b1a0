import { after, describe, it } from "node:test";
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import * as nodeFs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  type FileSystem,
  FileSystemError,
  type FileSystemErrorCode,
  getRuntime,
  memoryFileSystem,
  type Path,
} from "keepfit/runtime";
import { startChild } from "../child.ts";

/** A file system and an empty directory in it. */
interface World {
  fs: FileSystem;
  root: string;
}

const parent = nodeFs.mkdtempSync(join(tmpdir(), "keepfit-fs-"));
let worlds = 0;

const fileSystems: Record<string, () => Promise<World>> = {
  async memory() {
    const fs = memoryFileSystem();
    await fs.makeDir("/root");
    return { fs, root: "/root" };
  },
  async [getRuntime().name]() {
    const root = `${parent}/${++worlds}`;
    nodeFs.mkdirSync(root);
    return { fs: getRuntime().fs, root };
  },
};

async function rejects(
  operation: Promise<unknown>,
  code: FileSystemErrorCode,
  message?: RegExp,
): Promise<void> {
  await assert.rejects(operation, (error) => {
    assert(error instanceof FileSystemError, String(error));
    assert.equal(error.code, code, error.message);
    if (message !== undefined) assert.match(error.message, message);
    return true;
  });
}

function isForbidden(path: string): boolean {
  try {
    nodeFs.closeSync(nodeFs.openSync(path, "a"));
    return false;
  } catch (error) {
    return (error as { code?: string }).code !== "ENOENT";
  }
}

const bytes = (text: string) => new TextEncoder().encode(text);

for (const [name, newWorld] of Object.entries(fileSystems)) {
  describe(`The file system of ${name}`, () => {
    const test = (title: string, body: (world: World) => Promise<void>) =>
      it(`The file system ${title}`, async () => await body(await newWorld()));

    test("reads back the bytes and the text that were written", async ({ fs, root }) => {
      const data = Uint8Array.from({ length: 70_000 }, (_, i) => i * 7);
      await fs.writeFile(`${root}/data`, data);
      assert.deepEqual(await fs.readFile(`${root}/data`), data);
      await fs.writeFile(`${root}/text`, "größe\n");
      assert.equal(await fs.readTextFile(`${root}/text`), "größe\n");
      await fs.writeFile(`${root}/empty`, "");
      assert.equal((await fs.readFile(`${root}/empty`)).length, 0);
    });

    test("returns separate bytes to each reader", async ({ fs, root }) => {
      await fs.writeFile(`${root}/a`, "abc");
      const read = await fs.readFile(`${root}/a`);
      assert.equal(read.buffer.byteLength, 3);
      read.fill(0);
      assert.equal(await fs.readTextFile(`${root}/a`), "abc");
    });

    test("writes parts one after another", async ({ fs, root }) => {
      await fs.writeFile(`${root}/list`, [bytes("a"), bytes(""), bytes("bc")]);
      assert.equal(await fs.readTextFile(`${root}/list`), "abc");
      const stream = async function* () {
        for (const text of ["x", "yz"]) yield bytes(text);
      };
      await fs.writeFile(`${root}/stream`, stream());
      assert.equal(await fs.readTextFile(`${root}/stream`), "xyz");
    });

    test("keeps the old file and leaves no other behind when its parts fail", async (world) => {
      const { fs, root } = world;
      await fs.writeFile(`${root}/a`, "old");
      const broken = async function* () {
        yield bytes("new");
        throw new RangeError("no more rows");
      };
      await assert.rejects(fs.writeFile(`${root}/a`, broken()), /^RangeError: no more rows$/);
      const strings = ["text"] as unknown as Uint8Array[];
      await assert.rejects(fs.writeFile(`${root}/a`, strings), TypeError);
      assert.equal(await fs.readTextFile(`${root}/a`), "old");
      assert.deepEqual((await fs.readDir(root)).map((entry) => entry.name), ["a"]);
    });

    test("appends to existing content and truncates on request", async ({ fs, root }) => {
      for (const line of ["1\n", "2\n"]) {
        const file = await fs.open(`${root}/log`, "append");
        await file.write(line);
        await file.close();
      }
      assert.equal(await fs.readTextFile(`${root}/log`), "1\n2\n");
      const file = await fs.open(`${root}/log`, "truncate");
      await file.write(bytes("3"));
      await file.sync();
      await file.close();
      assert.equal(await fs.readTextFile(`${root}/log`), "3");
    });

    test("creates a file exclusively for one of many writers", async ({ fs, root }) => {
      const tries = Array.from({ length: 8 }, async () => {
        const file = await fs.open(`${root}/one`, "create");
        await file.write("mine");
        await file.close();
      });
      const ended = await Promise.allSettled(tries);
      assert.equal(ended.filter(({ status }) => status === "fulfilled").length, 1);
      await rejects(fs.open(`${root}/one`, "create"), "AlreadyExists", /^Cannot write /);
      assert.equal(await fs.readTextFile(`${root}/one`), "mine");
    });

    test("keeps the order of writes that are not awaited", async ({ fs, root }) => {
      const file = await fs.open(`${root}/log`, "append");
      const lines = Array.from({ length: 200 }, (_, i) => `${i} ${"x".repeat(i * 50)}\n`);
      const writes = lines.map((line) => file.write(line));
      await file.close();
      await Promise.all(writes);
      assert.equal(await fs.readTextFile(`${root}/log`), lines.join(""));
    });

    test("closes twice and refuses to write after that", async ({ fs, root }) => {
      const file = await fs.open(`${root}/log`, "append");
      await file.close();
      await file.close();
      await rejects(
        file.write("late"),
        "Other",
        /^Cannot write to .*log: the file is closed \(open/,
      );
      await rejects(file.sync(), "Other");
    });

    test("appends a short text before the call returns unless a call is pending", async (world) => {
      const { fs, root } = world;
      const file = await fs.open(`${root}/a`, "append");
      assert.equal(file.writeNow!(bytes("1")), true);
      const pending = file.write("2");
      assert.equal(file.writeNow!(bytes("early")), false);
      await pending;
      assert.equal(file.writeNow!(bytes("3")), true);
      assert.equal(await fs.readTextFile(`${root}/a`), "123");
      assert.equal(file.writeNow!(new Uint8Array(1_000_000)), false);
      await file.close();
      assert.equal(file.writeNow!(bytes("late")), false);
      assert.equal(await fs.readTextFile(`${root}/a`), "123");
    });

    test("continues to write to an open file that was renamed", async ({ fs, root }) => {
      const file = await fs.open(`${root}/a`, "append");
      await fs.rename(`${root}/a`, `${root}/b`);
      await file.write("x");
      await file.close();
      assert.equal(await fs.readTextFile(`${root}/b`), "x");
    });

    test("never shows a reader a mix or a missing file while many write", async (world) => {
      const { fs, root } = world;
      const path = `${root}/model.json`;
      const versions = "abcdef".split("").map((letter) => letter.repeat(50_000));
      await fs.writeFile(path, versions[0]);
      let writing = true;
      const writers = Promise.all(versions.map(async (version) => {
        for (let i = 0; i < 5; i++) await fs.writeFile(path, version);
      })).finally(() => writing = false);
      let reads = 0;
      while (writing) {
        assert(versions.includes(await fs.readTextFile(path)), "a mix was read");
        reads++;
      }
      await writers;
      assert(reads > 0);
      assert.deepEqual((await fs.readDir(root)).map((entry) => entry.name), ["model.json"]);
    });

    test("accepts many writers to many files", async ({ fs, root }) => {
      const names = Array.from({ length: 30 }, (_, i) => `${i}`);
      await Promise.all(names.map((name) => fs.writeFile(`${root}/${name}`, name)));
      for (const name of names) assert.equal(await fs.readTextFile(`${root}/${name}`), name);
    });

    const names = [
      "with space",
      "größe-日本-🙂",
      "50%25",
      "a#b",
      "a?b=c",
      "-rf",
      ".hidden",
      "a'b\"c",
      "ä".repeat(127) + "x",
      "n".repeat(255),
    ];
    test("accepts any name, in a path and in a URL", async ({ fs, root }) => {
      for (const name of names) {
        const path = `${root}/${name}`;
        await fs.writeFile(path, name);
        assert.equal(await fs.readTextFile(path), name);
        const url = pathToFileURL(path);
        assert.equal(await fs.readTextFile(url), name);
        await fs.writeFile(url, "by URL");
        assert.equal(await fs.readTextFile(path), "by URL");
        assert.equal((await fs.stat(url)).size, 6);
        await fs.remove(url);
      }
      assert.deepEqual(await fs.readDir(root), []);
    });

    test("rejects an invalid path", async ({ fs, root }) => {
      const paths: [Path, RegExp][] = [
        ["", /^Cannot read '': a path must not be empty$/],
        ["a\0b", /must not contain NUL/],
        [new URL("http://127.0.0.1/a"), /^Cannot read http:\/\/127.0.0.1\/a: expected a file: URL/],
        [new URL("file:///a%2Fb"), /encoded slash/],
        [undefined as unknown as string, /expected a string or a file: URL/],
      ];
      for (const [path, message] of paths) {
        await rejects(fs.readFile(path), "InvalidPath", message);
        await rejects(fs.writeFile(path, "x"), "InvalidPath");
        await rejects(fs.open(path, "append"), "InvalidPath");
        await rejects(fs.stat(path), "InvalidPath");
        await rejects(fs.readDir(path), "InvalidPath");
        await rejects(fs.makeDir(path), "InvalidPath");
        await rejects(fs.rename(path, `${root}/a`), "InvalidPath");
        await rejects(fs.remove(path), "InvalidPath");
      }
      await rejects(fs.writeFile(`${root}/${"n".repeat(256)}`, "x"), "InvalidPath");
    });

    test("reports missing files", async ({ fs, root }) => {
      const path = `${root}/none/a.csv`;
      await rejects(fs.readFile(path), "NotFound", /^Cannot read .*a\.csv: no such file or dir/);
      await rejects(fs.readTextFile(path), "NotFound");
      await rejects(fs.stat(path), "NotFound", /^Cannot inspect /);
      await rejects(fs.readDir(path), "NotFound", /^Cannot list /);
      await rejects(fs.writeFile(path, ""), "NotFound", /^Cannot write .*: its directory does not/);
      await rejects(fs.open(path, "append"), "NotFound", /^Cannot append to /);
      await rejects(fs.rename(path, `${root}/b`), "NotFound", /^Cannot rename .*a\.csv to .*b: /);
    });

    test("distinguishes files and directories", async ({ fs, root }) => {
      await fs.makeDir(`${root}/d`);
      await fs.writeFile(`${root}/f`, "x");
      await rejects(fs.writeFile(`${root}/d`, ""), "IsADirectory");
      await rejects(fs.writeFile(`${root}/new/`, ""), "IsADirectory");
      await rejects(fs.readFile(`${root}/d`), "IsADirectory");
      await rejects(fs.open(`${root}/d`, "append"), "IsADirectory");
      await rejects(fs.rename(`${root}/f`, `${root}/d`), "IsADirectory");
      for (const below of [`${root}/f/x`, `${root}/f/x/y`]) {
        await rejects(fs.writeFile(below, ""), "NotADirectory");
        await rejects(fs.readFile(below), "NotADirectory");
        await rejects(fs.makeDir(below), "NotADirectory");
      }
      await rejects(fs.readDir(`${root}/f`), "NotADirectory");
      await rejects(fs.rename(`${root}/d`, `${root}/f`), "NotADirectory");
      await rejects(fs.makeDir(`${root}/f`), "AlreadyExists");
      assert.equal(await fs.readTextFile(`${root}/f`), "x");
    });

    test("creates a directory with its parents, even twice", async ({ fs, root }) => {
      await fs.makeDir(`${root}/a/b/c`);
      await fs.makeDir(`${root}/a/b/c/`);
      assert((await fs.stat(`${root}/a/b/c`)).isDirectory);
      await fs.writeFile(`${root}/a/./b/../b/c/f`, "x");
      assert.equal(await fs.readTextFile(`${root}/a/b/c/f`), "x");
    });

    test("renames over a file, and a directory to a new name", async ({ fs, root }) => {
      await fs.writeFile(`${root}/a`, "a");
      await fs.writeFile(`${root}/b`, "b");
      await fs.rename(`${root}/a`, `${root}/b`);
      assert.equal(await fs.readTextFile(`${root}/b`), "a");
      await rejects(fs.stat(`${root}/a`), "NotFound");
      await fs.rename(`${root}/b`, `${root}/b`);
      await fs.makeDir(`${root}/d/e`);
      await fs.writeFile(`${root}/d/e/f`, "f");
      await fs.rename(`${root}/d`, `${root}/g`);
      assert.equal(await fs.readTextFile(`${root}/g/e/f`), "f");
      await fs.makeDir(`${root}/full/x`);
      await rejects(fs.rename(`${root}/g`, `${root}/full`), "NotEmpty");
      await fs.makeDir(`${root}/empty`);
      await fs.rename(`${root}/g`, `${root}/empty`);
      assert.equal(await fs.readTextFile(`${root}/empty/e/f`), "f");
    });

    test("removes files and empty directories, and others only with recursive: true", async (world) => {
      const { fs, root } = world;
      await fs.makeDir(`${root}/d/e`);
      await fs.writeFile(`${root}/d/f`, "x");
      await rejects(fs.remove(`${root}/d`), "NotEmpty", /the directory is not empty/);
      await fs.remove(`${root}/d/e`);
      await fs.remove(`${root}/d/e`);
      await fs.remove(`${root}/d`, { recursive: true });
      await fs.remove(`${root}/d`, { recursive: true });
      assert.deepEqual(await fs.readDir(root), []);
    });

    test("lists a directory sorted by name", async ({ fs, root }) => {
      for (const name of ["b", "a", "10", "9", "Z"]) await fs.writeFile(`${root}/${name}`, "");
      await fs.makeDir(`${root}/c`);
      const entries = await fs.readDir(root);
      assert.deepEqual(entries.map((entry) => entry.name), ["10", "9", "Z", "a", "b", "c"]);
      const { name, isFile, isDirectory, isSymlink } = entries[5];
      assert.deepEqual({ name, isFile, isDirectory, isSymlink }, {
        name: "c",
        isFile: false,
        isDirectory: true,
        isSymlink: false,
      });
    });

    test("reports size and kind, and no other fields", async ({ fs, root }) => {
      await fs.writeFile(`${root}/f`, "12345");
      const { modified, links = 1, owner = null, ...info } = await fs.stat(`${root}/f`);
      assert.deepEqual(info, { isFile: true, isDirectory: false, isSymlink: false, size: 5 });
      assert(modified !== null && modified > Date.UTC(2020));
      assert.equal(links, 1);
      assert(owner === null || Number.isInteger(owner));
      assert((await fs.stat(root)).isDirectory);
    });

    test("updates a directory's time when an entry is created in it", async ({ fs, root }) => {
      const time = async () => (await fs.stat(root)).modified;
      for (
        const make of [
          (i: number) => fs.makeDir(`${root}/d${i}`),
          (i: number) => fs.writeFile(`${root}/f${i}`, ""),
        ]
      ) {
        const before = await time();
        // Wait until the clock of file times has advanced.
        let made = 0;
        while (made < 20_000 && await time() === before) await make(made++);
        assert.notEqual(await time(), before, make.toString());
      }
    });
  });
}

describe(`The real file system of ${getRuntime().name}`, () => {
  after(() => nodeFs.rmSync(parent, { recursive: true, force: true }));
  const newWorld = fileSystems[getRuntime().name];

  it("The real file system fails to create a directory where the system allows none", async () => {
    if (!nodeFs.existsSync("/proc/self")) return console.log("skipped: there is no /proc");
    for (const path of ["/proc/keepfit", "/proc/keepfit/a/b"]) {
      await rejects(getRuntime().fs.makeDir(path), "NotFound");
    }
  });

  it("The real file system writes through a symbolic link, even one with a missing target", async () => {
    const { fs, root } = await newWorld();
    await fs.makeDir(`${root}/d`);
    nodeFs.symlinkSync("d/real", `${root}/link`);
    await fs.writeFile(`${root}/link`, "1");
    await fs.writeFile(`${root}/link`, "2");
    assert(nodeFs.lstatSync(`${root}/link`).isSymbolicLink());
    assert.equal(await fs.readTextFile(`${root}/d/real`), "2");
    assert.equal((await fs.stat(`${root}/link`)).isSymlink, false);
    assert((await fs.readDir(root)).find(({ name }) => name === "link")?.isSymlink);
    await fs.remove(`${root}/link`);
    assert.equal(await fs.readTextFile(`${root}/d/real`), "2");
  });

  it("The real file system removes a link to a directory, but not its content", async () => {
    const { fs, root } = await newWorld();
    await fs.makeDir(`${root}/d`);
    await fs.writeFile(`${root}/d/f`, "x");
    nodeFs.symlinkSync("d", `${root}/link`);
    await fs.remove(`${root}/link`, { recursive: true });
    assert.equal(await fs.readTextFile(`${root}/d/f`), "x");
  });

  it("The real file system reports circular links", async () => {
    const { fs, root } = await newWorld();
    nodeFs.symlinkSync("b", `${root}/a`);
    nodeFs.symlinkSync("a", `${root}/b`);
    await rejects(fs.writeFile(`${root}/a`, ""), "InvalidPath", /symbolic links/);
  });

  it("The real file system keeps the permissions of a replaced file", async () => {
    const { fs, root } = await newWorld();
    await fs.writeFile(`${root}/f`, "1");
    nodeFs.chmodSync(`${root}/f`, 0o646);
    await fs.writeFile(`${root}/f`, "2");
    assert.equal(nodeFs.statSync(`${root}/f`).mode & 0o777, 0o646);
  });

  it("The real file system writes to a pipe without replacing it", async () => {
    const { fs, root } = await newWorld();
    const pipe = `${root}/pipe`;
    if (spawnSync("mkfifo", [pipe]).status !== 0) {
      return console.log("skipped: mkfifo is not installed");
    }
    const reader = spawn("cat", [pipe]);
    let read = "";
    reader.stdout.setEncoding("utf8").on("data", (text: string) => read += text);
    const ended = new Promise((resolve) => reader.on("close", resolve));
    await fs.writeFile(pipe, [bytes("a"), bytes("b")]);
    assert(nodeFs.lstatSync(pipe).isFIFO());
    await ended;
    const again = spawn("cat", [pipe]);
    const file = await fs.open(pipe, "append");
    // A write would wait for the reader.
    assert.equal(file.writeNow!(bytes("c")), false);
    const closed = new Promise((resolve) => again.on("close", resolve));
    await file.close();
    await closed;
    assert.equal(read, "ab");
  });

  it("The real file system locks a file until the lock is released, on runtimes with locks", async () => {
    const { fs, root } = await newWorld();
    if (fs.lock === undefined) return console.log("skipped: this runtime has no file locks");
    const path = `${root}/lock`;
    const first = await fs.lock(path);
    assert.equal(await fs.lock(path), undefined);
    first?.();
    first?.();
    const second = await fs.lock(path);
    assert.notEqual(second, undefined);
    second?.();
    await rejects(fs.lock(`${root}/none/lock`), "NotFound");
  });

  it("The real file system reports a missing permission to write", async () => {
    const { fs, root } = await newWorld();
    nodeFs.writeFileSync(`${root}/f`, "", { mode: 0o400 });
    // Only files of the kernel are not writable by root.
    const path = [`${root}/f`, "/proc/sys/kernel/ostype", "/sys/kernel/notes"].find(isForbidden);
    if (path === undefined) return console.log("skipped: root can write to every file here");
    await rejects(
      fs.open(path, "append"),
      "PermissionDenied",
      /^Cannot append to .*: permission denied \(make the folder writable or use another one\)$/,
    );
  });

  it("The real file system names the flag that Deno needs", async () => {
    if (getRuntime().name !== "deno") return console.log("skipped: only Deno has permissions");
    const { root } = await newWorld();
    const module = `
      import { getRuntime } from "keepfit/runtime";
      const { fs } = getRuntime();
      const path = Deno.args[0] + "/a.csv";
      for (const operation of [() => fs.writeFile(path, ""), () => fs.readFile(path)]) {
        await operation().then(() => console.log("done"), (error) => {
          console.log(error.code, error.message);
        });
      }`;
    const tell = async (permissions: string[]) => {
      const { result } = startChild(module, { args: [root], permissions });
      return (await result).stdout.trim().split("\n");
    };
    const denied = `permission denied (run Deno again with --allow`;
    assert.deepEqual(await tell([]), [
      `PermissionDenied Cannot write ${root}/a.csv: ${denied}-read=${root} --allow-write=${root})`,
      `PermissionDenied Cannot read ${root}/a.csv: ${denied}-read=${root}/a.csv)`,
    ]);
    assert.deepEqual(await tell([`--allow-read=${root}`]), [
      `PermissionDenied Cannot write ${root}/a.csv: ${denied}-write=${root})`,
      `NotFound Cannot read ${root}/a.csv: no such file or directory`,
    ]);
    const both = [`--allow-read=${root}`, `--allow-write=${root}`];
    assert.deepEqual(await tell(both), ["done", "done"]);
  });
});
