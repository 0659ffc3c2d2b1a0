import assert from "node:assert/strict";
import { link, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { exists, type FileSystem, getRuntime, memoryFileSystem } from "../../../runtime/mod.ts";
import { contextWith, refusal, type World } from "../../fixtures.ts";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "keepfit-context-"));
});
after(() => rm(folder, { recursive: true }));

let last = 0;
const fresh = async (): Promise<string> => {
  const directory = join(folder, String(++last));
  await mkdir(directory);
  return directory;
};

/** A context that may write these paths. */
function writer(outputDir: string | URL, paths: string[], world: World = {}) {
  const write = paths.map((path) => ({ path, reason: "keeps the logs" }));
  const { context, run } = contextWith({ permissions: { write }, outputDir, ...world });
  const { write: put, append } = context as Required<typeof context>;
  return { put, append, run };
}

/** A context that may read these paths. */
function reader(paths: string[], world: World = {}) {
  const read = paths.map((path) => ({ path, reason: "compares" }));
  const { context } = contextWith({ permissions: { read }, ...world });
  return context as Required<typeof context>;
}

const outside = [
  "../a.txt",
  "sub/../../a.txt",
  "/tmp/a.txt",
  "a//b.txt",
  "./a.txt",
  "%2e%2e/a.txt",
  "..%2fa.txt",
  "..\\a.txt",
  "C:/a.txt",
  "file:///a.txt",
  "a.txt\0b",
  "",
  ".",
];

/** Names that no grant covers, in various spellings. */
const protectedNames = [
  "keepfit.lock.json",
  "keepfit.json",
  "sub/package.json",
  "PACKAGE.JSON",
  "package.json.",
  "pac\u200bkage.json",
  "pac\u212Aage.json",
  "package.j\u017Fon",
  "deno.json",
  "bunfig.toml",
  "train.ts",
  "a.MJS",
  "run.sh",
  ".git",
  ".git/hooks/pre-commit",
  "GIT~1/hooks/pre-commit",
  ".github/workflows/a.yml",
  ".npmrc",
  "node_modules/x/index.json",
  "Node_Modules/x.json",
];

describe("write and append of a context", () => {
  it("write and append reject files that a runtime, a package manager or a shell would execute or read as configuration", async () => {
    const directory = await fresh();
    const { put, append } = writer(directory, ["*", "*/*", "*/*/*", ...protectedNames]);
    for (const name of protectedNames) {
      await refusal(
        "E_PERMISSION",
        () => put(name, "x"),
        /a runtime, a package manager or a shell/,
      );
      await refusal("E_PERMISSION", () => append(name, "x"), /execute or read as configuration/);
    }
    const fine = [
      "report.html",
      "data.json",
      "plot.svg",
      "a/git/log.csv",
      "LICENSE",
      "packages.json",
    ];
    for (const name of fine) await put(name, "x");
    assert.equal((await readdir(directory)).length, fine.length);
  });

  it("write and append reject a file that has another hard link", async () => {
    const directory = await fresh();
    const victim = join(await fresh(), "victim.txt");
    await writeFile(victim, "old");
    await link(victim, join(directory, "b.txt"));
    const { put, append } = writer(directory, ["*.txt"]);
    await refusal("E_PERMISSION", () => append("b.txt", "new"), /it has 2 hard links/);
    await put("b.txt", "new");
    await append("b.txt", "er");
    assert.equal(await readFile(victim, "utf8"), "old");
    assert.equal(await readFile(join(directory, "b.txt"), "utf8"), "newer");
  });

  it("write and append shorten names in messages", async () => {
    const { put } = writer(await fresh(), ["*.txt"]);
    const { message } = await refusal("E_PERMISSION", () => put(`${"a/".repeat(1e6)}b.txt`, "x"));
    assert(message.length < 1000);
    const escaped = await refusal("E_PERMISSION", () => put("\x1b[2J", "x"));
    assert.match(escaped.message, /\\u001b\[2J/);
  });

  it("write and append are missing without the permission and a directory", () => {
    const write = [{ path: "a.txt", reason: "r" }];
    assert.equal(contextWith({ outputDir: folder }).context.write, undefined);
    assert.equal(contextWith({ permissions: {}, outputDir: folder }).context.append, undefined);
    assert.throws(
      () => contextWith({ permissions: { write } }),
      /name a folder with \{ outputDir \}/,
    );
  });

  it("write and append write files to the output directory, with new folders, as a path or a URL, in any file system", async () => {
    for (const fs of [getRuntime().fs, memoryFileSystem()]) {
      const directory = `${folder}/both ${++last}`;
      for (const outputDir of [directory, new URL(`file://${directory}`)]) {
        const { put, append } = writer(outputDir, ["sub/*.txt"], { fs });
        await put("sub/a.txt", "one");
        await append("sub/a.txt", new TextEncoder().encode(" twö"));
        await append("sub/b.txt", "new");
        assert.equal(await fs.readTextFile(`${directory}/sub/a.txt`), "one twö");
        assert.equal(await fs.readTextFile(`${directory}/sub/b.txt`), "new");
        await put("sub/b.txt", "");
        assert.equal(await fs.readTextFile(`${directory}/sub/b.txt`), "");
      }
    }
  });

  it("write and append reach nothing outside the directory, and nothing undeclared", async () => {
    const outputDir = await fresh();
    const { put, append } = writer(join(outputDir, "out"), ["*", "*/*", "*/*/*.txt"]);
    for (const name of [...outside, "a/b/c/d.txt", "a/b/c.csv"]) {
      await refusal("E_PERMISSION", () => put(name, "no"), /may not write/);
      await refusal("E_PERMISSION", () => append(name, "no"), /may not append to/);
    }
    await assert.rejects(put(5 as unknown as string, "no"), { name: "PluginError" });
    assert.deepEqual(await readdir(outputDir), []);
  });

  it("write and append match * within one name, even in patterns designed to be slow", async () => {
    const { put } = writer("out", ["a*b*c", "log-*.csv"], { fs: memoryFileSystem() });
    for (const name of ["abc", "aXbYc", "abbcc", "log-.csv", "log-1.2.csv"]) await put(name, "");
    for (const name of ["ab", "acb", "abcd", "xabc", "log-a/b.csv", "log-.csvx", "logX.csv"]) {
      await refusal("E_PERMISSION", () => put(name, ""));
    }
    const slow = writer("out", [`${"*a".repeat(50)}b`], { fs: memoryFileSystem() });
    await refusal("E_PERMISSION", () => slow.put("a".repeat(10_000), ""));
  });

  it("write and append follow no link below the directory, wherever it leads", async () => {
    const outputDir = await fresh();
    const secret = await fresh();
    await writeFile(join(secret, "a.txt"), "secret");
    await symlink(secret, join(outputDir, "linked"));
    await symlink(join(secret, "a.txt"), join(outputDir, "a.txt"));
    await symlink(join(secret, "new.txt"), join(outputDir, "dangling.txt"));
    await mkdir(join(outputDir, "sub"));
    await symlink("../..", join(outputDir, "sub", "up"));
    const { put, append } = writer(outputDir, ["*", "*/*", "*/*/*"]);
    for (const name of ["linked/a.txt", "a.txt", "dangling.txt", "sub/up/x.txt", "linked/new/x"]) {
      await refusal("E_PERMISSION", () => put(name, "mine"), /is a link, which may lead anywhere/);
      await refusal("E_PERMISSION", () => append(name, "mine"), /is a link/);
    }
    assert.deepEqual(await readdir(secret), ["a.txt"]);
    assert.equal(await readFile(join(secret, "a.txt"), "utf8"), "secret");
  });

  it("write and append accept an output directory that is itself a link", async () => {
    const target = await fresh();
    const linked = join(folder, `link-${++last}`);
    await symlink(target, linked);
    await writer(linked, ["a.txt"]).put("a.txt", "mine");
    assert.equal(await readFile(join(target, "a.txt"), "utf8"), "mine");
  });

  it("write and append keep the order of the calls, awaited or not, and lose none at the end", async () => {
    const outputDir = await fresh();
    const { put, append, run } = writer(outputDir, ["*.txt"]);
    const buffer = new Uint8Array([48, 10]);
    for (let i = 0; i < 200; i++) {
      buffer[0] = 48 + i % 10;
      void append("a.txt", buffer);
      if (i === 99) void put("a.txt", "cleared\n");
    }
    void append("b.txt", "b");
    await run.close();
    const expected = Array.from({ length: 100 }, (_, i) => `${i % 10}\n`).join("");
    assert.equal(await readFile(join(outputDir, "a.txt"), "utf8"), `cleared\n${expected}`);
    assert.equal(await readFile(join(outputDir, "b.txt"), "utf8"), "b");
    await refusal("E_PERMISSION", () => append("b.txt", "late"), /its run has ended/);
  });

  it("write and append report lost data of unawaited calls once, at the end", async () => {
    const real = getRuntime().fs;
    const full: FileSystem = {
      ...real,
      open: () => Promise.reject(new RangeError("no space left")),
    };
    const { append, put, run } = writer(await fresh(), ["*.txt"], { fs: full });
    void append("a.txt", "1");
    await put("b.txt", "2");
    void append("a.txt", "3");
    await assert.rejects(run.close(), /no space left/);
    await run.close();
    run.begin();
    await assert.rejects(append("a.txt", "4"), /no space left/);
    run.reportedFailure();
    await run.close();
  });

  it("write and append limit the data of a call, and accept only text and bytes", async () => {
    const outputDir = await fresh();
    const { put, append, run } = writer(outputDir, ["a.txt"], { limits: { bytes: 10 } });
    await put("a.txt", "0123456789");
    await refusal("E_LIMIT", () => put("a.txt", "01234567890"), /at most 10 bytes per call/);
    await refusal("E_LIMIT", () => append("a.txt", new Uint8Array(11)));
    for (const data of [null, {}, 5, [1]]) {
      await assert.rejects(put("a.txt", data as unknown as string), /must be text or a Uint8Array/);
    }
    const flood = Array.from({ length: 10 }, () => append("a.txt", "0123456789"));
    const ends = await Promise.allSettled(flood);
    assert.deepEqual(ends.map(({ status }) => status === "fulfilled"), [
      ...Array(4).fill(true),
      ...Array(6).fill(false),
    ]);
    // Rejected data is lost if the result of the call is not awaited.
    await refusal("E_LIMIT", () => run.close());
    assert.equal((await readFile(join(outputDir, "a.txt"), "utf8")).length, 50);
  });
});

describe("read and list of a context", () => {
  it("read and list are missing without the permission", () => {
    assert.equal(contextWith().context.read, undefined);
    assert.equal(contextWith().context.list, undefined);
  });

  it("read and list return files and the content of folders, by the plugin's paths", async () => {
    const directory = await fresh();
    await mkdir(join(directory, "data", "deep"), { recursive: true });
    await writeFile(join(directory, "data", "b 50%#.csv"), "b");
    await writeFile(join(directory, "data", "deep", "a.csv"), "a");
    await writeFile(join(directory, "one.txt"), "one");
    const { read, list } = reader([`${directory}/data/`, `${directory}/one.txt`]);
    assert.deepEqual([...await read(`${directory}/one.txt`)], [...new TextEncoder().encode("one")]);
    const files = [`${directory}/data/b 50%#.csv`, `${directory}/data/deep/a.csv`];
    assert.deepEqual(await list(`${directory}/data`), files);
    assert.deepEqual(await list(`${directory}/data/deep`), files.slice(1));
    assert.deepEqual(await list(`${directory}/one.txt`), [`${directory}/one.txt`]);
    assert.deepEqual(await Promise.all(files.map(async (file) => (await read(file)).length)), [
      1,
      1,
    ]);
    await assert.rejects(read(`${directory}/data/none`), { code: "NotFound" });
  });

  it("read and list are relative to the working directory if the granted path is", async () => {
    const fs = memoryFileSystem();
    await fs.makeDir("data");
    await fs.writeFile("data/a", "1");
    await fs.writeFile("secret", "2");
    const { read, list } = reader(["./data"], { fs });
    assert.deepEqual(await list("data"), ["data/a"]);
    assert.equal((await read("./data/a")).length, 1);
    for (const path of ["secret", ".", "dat", "data2", "/data/a", "/secret"]) {
      await refusal("E_PERMISSION", () => read(path), /may not read/);
    }
    const all = reader(["."], { fs });
    assert.deepEqual(await all.list("."), ["./data/a", "./secret"]);
    assert.equal((await all.read("secret")).length, 1);
    for (const path of ["/secret", "../secret", "data/../../x", "C:/secret", "C:secret"]) {
      await refusal("E_PERMISSION", () => all.read(path));
    }
  });

  it("read and list reach nothing outside the granted paths", async () => {
    const directory = await fresh();
    await mkdir(join(directory, "data"));
    await writeFile(join(directory, "secret"), "secret");
    await writeFile(join(directory, "data", "a"), "");
    const { read, list } = reader([`${directory}/data`]);
    for (
      const path of [
        "../secret",
        "./../secret",
        "a/../../secret",
        "..\\secret",
        "/a",
        "a/.",
        "a\0",
      ]
    ) {
      await refusal("E_PERMISSION", () => read(`${directory}/data/${path}`), /may not read/);
    }
    for (
      const path of [`${directory}/secret`, directory, "", "/", `file://${directory}/data/a`, null]
    ) {
      await refusal("E_PERMISSION", () => read(path as string));
      await refusal("E_PERMISSION", () => list(path as string));
    }
    await assert.rejects(read(`${directory}/data/%2e%2e/secret`), { code: "NotFound" });
    await refusal("E_PERMISSION", () => read(`${directory}/data`), /may not read/);
  });

  it("read and list follow no link below a granted path, but a granted link", async () => {
    const directory = await fresh();
    await mkdir(join(directory, "data"));
    await writeFile(join(directory, "secret"), "secret");
    await symlink("../secret", join(directory, "data", "linked"));
    await symlink("..", join(directory, "data", "up"));
    await writeFile(join(directory, "data", "a"), "");
    const { read, list } = reader([`${directory}/data`]);
    await refusal("E_PERMISSION", () => read(`${directory}/data/linked`), /linked is a link/);
    await refusal("E_PERMISSION", () => read(`${directory}/data/up/secret`), /up is a link/);
    await refusal("E_PERMISSION", () => list(`${directory}/data/up`), /up is a link/);
    assert.deepEqual(await list(`${directory}/data`), [`${directory}/data/a`]);
    const granted = reader([`${directory}/data`, `${directory}/data/linked`]);
    assert.equal(
      new TextDecoder().decode(await granted.read(`${directory}/data/linked`)),
      "secret",
    );
  });

  it("read and list limit the size, and read no devices", async () => {
    const directory = await fresh();
    await writeFile(join(directory, "a"), "x".repeat(11));
    await refusal(
      "E_LIMIT",
      () => reader([directory], { limits: { bytes: 10 } }).read(`${directory}/a`),
    );
    assert.equal(
      (await reader([directory], { limits: { bytes: 11 } }).read(`${directory}/a`)).length,
      11,
    );
    if (!await exists("/dev/zero")) {
      return console.log("partly skipped: there is no /dev/zero");
    }
    await refusal("E_PERMISSION", () => reader(["/dev/zero"]).read("/dev/zero"));
    await refusal("E_PERMISSION", () => reader(["/dev"]).read("/dev/zero"), /zero is neither/);
  });
});

describe("read and list below ~/", () => {
  it("read and list below ~/ are relative to the user's home", async () => {
    const home = await fresh();
    await mkdir(join(home, "data"));
    await writeFile(join(home, "data/a.txt"), "home");
    await writeFile(join(home, "secret.txt"), "secret");
    const runtime = { ...getRuntime(), env: (name: string) => name === "HOME" ? home : undefined };
    const { read, list } = reader(["~/data"], { runtime });
    assert.equal(new TextDecoder().decode(await read("~/data/a.txt")), "home");
    assert.equal(new TextDecoder().decode(await read(`${home}/data/a.txt`)), "home");
    assert.deepEqual(await list("~/data"), ["~/data/a.txt"]);
    await refusal("E_PERMISSION", () => read("~/secret.txt"));
    await refusal("E_PERMISSION", () => read("~/data/../secret.txt"));
    const homeless = reader(["~/data"], { runtime: { ...getRuntime(), env: () => undefined } });
    await refusal("E_PERMISSION", () => homeless.read("~/data/a.txt"), /HOME, or USERPROFILE/);
  });
});
