import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { folderPluginStore, memoryPluginStore, type PluginStore } from "keepfit/hub";
import { memoryFileSystem } from "keepfit/runtime";
import { computeIntegrity } from "../../plugins/manifest/integrity.ts";
import type { PluginManifest } from "../../plugins/manifest/format.ts";

const manifestName = "callback.plugin.json";
const module = new TextEncoder().encode("export default () => ({ onEpochEnd() {} });");
const example: PluginManifest = JSON.parse(
  await readFile(
    new URL(
      "../../examples/plugins/keepfit/epoch-report/0.1.0/callback.plugin.json",
      import.meta.url,
    ),
    "utf8",
  ),
);

/** A version as the hub adds it after verification. */
async function version(id: string, number: string, title = `Title of ${number}`) {
  const files = { "index.js": { integrity: await computeIntegrity(module), size: module.length } };
  const manifest: PluginManifest = { ...example, id, version: number, title, files };
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  return { manifest, bytes, files: new Map([["index.js", module]]) };
}

let folder: string;
let folders = 0;
const stores: Record<string, () => Promise<PluginStore>> = {
  memory: async () => memoryPluginStore(),
  "a folder in memory": async () => {
    const fs = memoryFileSystem();
    await fs.makeDir("registry");
    return folderPluginStore("registry", { fs });
  },
  "a folder on disk": async () => {
    return folderPluginStore(await mkdtemp(join(folder, `${++folders}-`)));
  },
};

for (const [name, newStore] of Object.entries(stores)) {
  describe(`The plugin store of ${name}`, () => {
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "keepfit-store-"));
    });
    after(() => rm(folder, { recursive: true }));
    const test = (title: string, body: (store: PluginStore) => Promise<void>) =>
      it(`The plugin store ${title}`, async () => await body(await newStore()));
    /** Remove properties that are undefined, as JSON does. */
    const json = (data: unknown) => JSON.parse(JSON.stringify(data));

    test("is empty at first", async (store) => {
      assert.deepEqual(await store.index(), { schemaVersion: 1, plugins: [] });
      assert.equal(await store.meta("ada/counter"), undefined);
      assert.equal(await store.advisories(), undefined);
      assert.equal(await store.file("ada/counter", "1.0.0", manifestName), undefined);
      assert.equal(await store.yank("ada/counter", "1.0.0", {}), undefined);
    });

    test("returns the bytes of the files that a manifest lists, and no others", async (store) => {
      const added = await version("ada/counter", "1.0.0");
      assert.equal(await store.add(added), true);
      const file = (path: string) => store.file("ada/counter", "1.0.0", path);
      assert.deepEqual(await file(manifestName), added.bytes);
      const read = await file("index.js");
      assert.deepEqual(read, module);
      read?.fill(0);
      assert.deepEqual(await file("index.js"), module);
      for (const path of ["", ".", "other.js", "../meta.json", "__proto__", "toString"]) {
        assert.equal(await file(path), undefined, path);
      }
      assert.equal(await store.file("ada/counter", "1.0.1", "index.js"), undefined);
      assert.equal(await store.file("ada/other", "1.0.0", "index.js"), undefined);
      assert.equal(await store.file("ada", "counter", "1.0.0/index.js"), undefined);
    });

    test("appends to its log, and replaces the head", async (store) => {
      assert.deepEqual(await store.log(), { lines: [], head: undefined });
      await store.exclusive(() => store.appendToLog(["one", "two"], "first\n"));
      const before = await store.log();
      assert.deepEqual(before, { lines: ["one", "two"], head: "first\n" });
      assert.equal(await store.log(), before);
      await store.appendToLog(["drei ü"], "second\n");
      await store.appendToLog([], "third\n");
      assert.deepEqual(await store.log(), { lines: ["one", "two", "drei ü"], head: "third\n" });
      assert.deepEqual((await store.index()).plugins, []);
    });

    test("keeps an existing version, unless it is replaced", async (store) => {
      const first = await version("ada/counter", "1.0.0");
      const second = await version("ada/counter", "1.0.0", "Another");
      await store.add(first);
      assert.equal(await store.add(second), false);
      assert.deepEqual(await store.file("ada/counter", "1.0.0", manifestName), first.bytes);
      assert.equal(await store.add(second, { replace: true }), true);
      assert.deepEqual(await store.file("ada/counter", "1.0.0", manifestName), second.bytes);
      const { plugins } = await store.index();
      assert.deepEqual(plugins.map(({ title }) => title), ["Another"]);
      const meta = await store.meta("ada/counter");
      assert.equal(meta?.versions["1.0.0"].integrity, await computeIntegrity(second.bytes));
    });

    test("sorts plugins by id and versions by precedence", async (store) => {
      for (const number of ["0.9.0", "0.10.0", "1.0.0-beta.1"]) {
        await store.add(await version("ada/counter", number));
      }
      await store.add(await version("ada/a-counter", "1.0.0-beta.1"));
      await store.add(await version("abe/counter", "1.0.0"));
      const { plugins } = await store.index();
      assert.deepEqual(plugins.map(({ id, latest }) => [id, latest]), [
        ["abe/counter", "1.0.0"],
        ["ada/a-counter", "1.0.0-beta.1"],
        ["ada/counter", "0.10.0"],
      ]);
      assert.equal(plugins[2].title, "Title of 0.10.0");
      const meta = json(await store.meta("ada/counter"));
      assert.deepEqual(Object.keys(meta.versions), ["1.0.0-beta.1", "0.10.0", "0.9.0"]);
      assert.deepEqual([meta.id, meta.latest, meta.yanked], ["ada/counter", "0.10.0", []]);
      assert.deepEqual(meta.versions["0.9.0"], {
        integrity: await computeIntegrity((await version("ada/counter", "0.9.0")).bytes),
        engines: example.engines,
      });
    });

    test("yanks a version and restores it", async (store) => {
      for (const number of ["1.0.0", "1.1.0"]) {
        await store.add(await version("ada/counter", number));
      }
      const yanked = json(await store.yank("ada/counter", "1.1.0", { reason: "too slow" }));
      assert.deepEqual([yanked.latest, yanked.yanked], ["1.0.0", ["1.1.0"]]);
      assert.equal(yanked.versions["1.1.0"].yankReason, "too slow");
      assert.deepEqual(json(await store.meta("ada/counter")), yanked);
      assert.equal((await store.index()).plugins[0].latest, "1.0.0");
      // The reason stays after a yank without one; the yank stays when another version is added.
      await store.yank("ada/counter", "1.1.0", {});
      await store.add(await version("ada/counter", "0.1.0"));
      const kept = json(await store.meta("ada/counter"));
      assert.deepEqual([kept.yanked, kept.versions["1.1.0"].yankReason], [["1.1.0"], "too slow"]);
      assert.deepEqual(await store.file("ada/counter", "1.1.0", "index.js"), module);
      await store.yank("ada/counter", "1.1.0", undefined);
      const restored = json(await store.yank("ada/counter", "1.1.0", {}));
      assert.equal(restored.versions["1.1.0"].yankReason, undefined);
      assert.equal(await store.yank("ada/counter", "9.9.9", {}), undefined);
    });

    test("has no latest version if every version is yanked", async (store) => {
      await store.add(await version("ada/counter", "1.0.0"));
      await store.yank("ada/counter", "1.0.0", {});
      const [entry] = json(await store.index()).plugins;
      assert.deepEqual([entry.latest, entry.yanked, entry.title], [
        undefined,
        true,
        "Title of 1.0.0",
      ]);
      assert.equal((await store.meta("ada/counter"))?.latest, undefined);
    });

    test("keeps the first time of publishing, and adds a missing one", async (store) => {
      const added = await version("ada/counter", "1.0.0");
      const times = ["2026-01-31T12:00:00.000Z", "2026-02-28T12:00:00.000Z"];
      const published = async () => (await store.meta("ada/counter"))?.versions["1.0.0"].published;
      await store.add(added);
      assert.equal(await published(), undefined);
      for (const time of times) {
        assert.equal(await store.add({ ...added, published: time }), false);
        assert.equal(await published(), times[0]);
      }
    });

    test("runs exclusive changes one after another, and continues after a failure", async (store) => {
      const events: string[] = [];
      const change = (name: string) =>
        store.exclusive(async () => {
          events.push(`${name} begins`);
          await store.meta("ada/counter");
          events.push(`${name} ends`);
          if (name === "a") throw new RangeError("a fails");
          return name;
        });
      const results = await Promise.allSettled(["a", "b", "c"].map(change));
      assert.deepEqual(results.map(({ status }) => status), ["rejected", "fulfilled", "fulfilled"]);
      assert.deepEqual(
        events,
        ["a", "b", "c"].flatMap((one) => [`${one} begins`, `${one} ends`]),
      );
    });

    test("adds a version for only one of several writers", async (store) => {
      const titles = Array.from({ length: 6 }, (_, i) => `Title ${i}`);
      const added = await Promise.all(
        titles.map((title) =>
          store.exclusive(async () => await store.add(await version("ada/counter", "1.0.0", title)))
        ),
      );
      assert.equal(added.filter(Boolean).length, 1);
      assert.equal((await store.index()).plugins[0].title, titles[added.indexOf(true)]);
    });
  });
}
