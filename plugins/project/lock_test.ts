import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { PluginError, type PluginLock, readLock, updateLock } from "keepfit/plugins";
import { memoryFileSystem } from "keepfit/runtime";
import { startChild } from "../../tests/child.ts";
import { createRandom, isLong, mutateJson, mutateText } from "../../tests/seeded.ts";
import { changeFile } from "./change_file.ts";
import { formatLock, fromLocked, lockKey, parseLock } from "./lock.ts";
import { parseReference } from "../sources/reference.ts";

const integrity = `sha256-${btoa("x".repeat(32))}`;
const entry = {
  id: "ada/timer",
  version: "1.0.0",
  url: "https://example.com/callback.plugin.json",
  integrity,
  files: { "main.js": integrity },
  tier: "sandboxed" as const,
  callbacks: ["timer"],
  permissions: { net: ["example.com"] },
  controls: ["stop" as const],
  signers: [],
  repository: "https://example.com/ada/timer",
  added: "2026-01-31",
};
const lock: PluginLock = { lockVersion: 1, plugins: { [entry.url]: entry } };

function refused(text: string): string {
  try {
    parseLock(text, "file:///keepfit.lock.json");
  } catch (error) {
    assert(error instanceof PluginError);
    assert.equal(error.code, "E_LOCK");
    return error.message;
  }
  return assert.fail(`taken: ${text}`);
}

describe("A lock file", () => {
  it("A lock file reads what it writes, with the same text for the same content", () => {
    const text = formatLock(lock);
    assert.deepEqual(parseLock(text, ""), lock);
    assert.equal(formatLock(parseLock(text, "")), text);
    const turned = {
      plugins: { b: entry, a: Object.fromEntries(Object.entries(entry).reverse()) },
      lockVersion: 1,
    };
    const other = { lockVersion: 1, plugins: { a: entry, b: entry } };
    assert.equal(formatLock(turned as unknown as PluginLock), formatLock(other as PluginLock));
    assert.match(text, /\}\n$/);
  });

  it("A lock file is rejected with every problem if its format is invalid", () => {
    const wrong = { ...entry, version: "1", permision: {}, files: { "../a.js": "sha1-" } };
    const message = refused(JSON.stringify({ lockVersion: 1, plugins: { a: wrong } }));
    assert.match(message, /plugins\.a\.version: found "1", expected a version/);
    assert.match(message, /plugins\.a\.permision: is not a key of a lock file/);
    assert.match(message, /expected a relative path/);
    assert.match(refused("{}"), /lockVersion: found nothing, expected it to be there/);
    assert.match(refused("null"), /the lock file: found null/);
    assert.match(refused('{ "lockVersion": 1, "plugins": [] }'), /expected an object, not a list/);
    assert.match(refused("{"), /is not JSON/);
    assert.match(refused('{ "lockVersion": 2 }'), /this keepfit is too old/);
  });

  it("A lock file is accepted or rejected with E_LOCK, and survives writing and reading again", () => {
    const text = formatLock(lock);
    const pieces = ["{", "}", "[", ",", '"', "null", "1e999", '"__proto__":{},', "<<<<<<<"];
    const cases = isLong ? 1_000_000 : 4_000;
    let taken = 0;
    for (let seed = 0; seed < cases; seed++) {
      const random = createRandom(seed);
      let changed = text;
      if (seed % 2 === 0) changed = mutateText(random, text, pieces);
      else {
        const data = JSON.parse(text);
        for (let times = random(3); times >= 0; times--) mutateJson(random, data);
        changed = JSON.stringify(data);
      }
      let read: PluginLock;
      try {
        read = parseLock(changed, "file:///keepfit.lock.json");
      } catch (error) {
        assert(error instanceof PluginError && error.code === "E_LOCK", `seed ${seed}: ${error}`);
        continue;
      }
      taken++;
      assert.deepEqual(parseLock(formatLock(read), ""), read, `seed ${seed}`);
      assert.equal(Object.getPrototypeOf(read.plugins), Object.prototype, `seed ${seed}`);
    }
    assert(taken > cases / 100 && taken < cases, `${taken} of ${cases}`);
  });

  it("A lock file with merge conflicts explains how to merge them", () => {
    const text = formatLock(lock).replace('"1.0.0"', '"1.0.0"\n<<<<<<< HEAD\n=======\n>>>>>>> b');
    assert.match(refused(text), /conflict markers[^]*keep those of both sides/);
  });

  it("A lock file finds files below its folder wherever that is moved", () => {
    const at = new URL("file:///project/keepfit.lock.json");
    const reference = parseReference("file:///project/my%20plugin/callback.plugin.json");
    assert.equal(lockKey(reference, at), "./my%20plugin/callback.plugin.json");
    const moved = new URL("file:///elsewhere/keepfit.lock.json");
    const { href } = fromLocked("./my%20plugin/callback.plugin.json", moved);
    assert.equal(href, "file:///elsewhere/my%20plugin/callback.plugin.json");
    const nested = new URL("file:///code/trains/a/keepfit.lock.json");
    const shared = parseReference("file:///code/plugins/100%25/callback.plugin.json");
    assert.equal(lockKey(shared, nested), "../../plugins/100%25/callback.plugin.json");
    assert.equal(fromLocked(lockKey(shared, nested), nested).href, shared.key);
    for (const elsewhere of ["file:///other/callback.plugin.json", "https://code.example/a"]) {
      assert.equal(lockKey(parseReference(elsewhere), nested), elsewhere);
    }
    assert.throws(() => fromLocked("ftp://example.com/a", at), /it has an invalid URL of a plugin/);
    assert.throws(
      () => fromLocked("http://example.com/a", at),
      /it has an invalid URL of a plugin/,
    );
  });

  it("A lock file that is missing pins nothing, and is created by the first change", async () => {
    const fs = memoryFileSystem();
    assert.equal(await readLock("/keepfit.lock.json", { fs }), undefined);
    await updateLock("/keepfit.lock.json", () => lock, { fs });
    assert.deepEqual(await readLock("/keepfit.lock.json", { fs }), lock);
    assert.deepEqual((await fs.readDir("/")).map(({ name }) => name), ["keepfit.lock.json"]);
  });

  it("A lock file is unchanged if the change fails", async () => {
    const fs = memoryFileSystem();
    await updateLock("/keepfit.lock.json", () => lock, { fs });
    const failing = updateLock("/keepfit.lock.json", () => {
      throw new RangeError("not today");
    }, { fs });
    await assert.rejects(failing, /not today/);
    assert.deepEqual(await readLock("/keepfit.lock.json", { fs }), lock);
    await updateLock("/keepfit.lock.json", (present) => present, { fs });
  });

  it("A lock file is not blocked by a writer that has died", async () => {
    const fs = memoryFileSystem();
    await fs.writeFile("/keepfit.lock.json.lock", "somebody who is gone");
    await updateLock("/keepfit.lock.json", () => lock, { fs, stale: 20 });
    assert.deepEqual(await readLock("/keepfit.lock.json", { fs }), lock);
    assert.deepEqual((await fs.readDir("/")).map(({ name }) => name), ["keepfit.lock.json"]);
  });

  it("A lock file reports others that do not finish", async () => {
    const fs = memoryFileSystem();
    await fs.writeFile("/keepfit.lock.json.lock", "somebody else");
    const waiting = updateLock("/keepfit.lock.json", () => lock, { fs, total: 60 });
    await assert.rejects(
      waiting,
      /other processes keep changing it[^]*remove .*keepfit\.lock\.json\.lock/,
    );
  });

  it("A lock file is read again by a writer so slow that another one proceeded", async () => {
    const fs = memoryFileSystem();
    const url = new URL("file:///a.txt");
    let calls = 0;
    await changeFile(fs, url, async (text = "") => {
      if (++calls > 1) return `${text}, slow`;
      await changeFile(fs, url, () => "fast", { stale: 10 });
      return "slow alone";
    });
    assert.equal(await fs.readTextFile(url), "fast, slow");
    assert.equal(calls, 2);
  });

  it("A lock file loses nothing when many processes add to it at once", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keepfit-lock-"));
    try {
      await writeFile(join(folder, "keepfit.lock.json"), formatLock(lock));
      const module = `
        import { updateLock } from "keepfit/plugins";
        const [path, name, text] = process.argv.slice(2);
        for (let i = 0; i < 5; i++) {
          await updateLock(path, (lock) => ({
            ...lock, plugins: { ...lock.plugins, ["registry:ada/" + name + i]: JSON.parse(text) },
          }));
        }
      `;
      const children = ["a", "b", "c", "d"].map((name) =>
        startChild(module, {
          args: [join(folder, "keepfit.lock.json"), name, JSON.stringify(entry)],
        }).result
      );
      for (const { code, stderr } of await Promise.all(children)) assert.equal(code, 0, stderr);
      const text = await readFile(join(folder, "keepfit.lock.json"), "utf8");
      const keys = Object.keys(parseLock(text, "").plugins);
      assert.equal(keys.length, 21);
      assert.deepEqual(await readdir(folder), ["keepfit.lock.json"]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
