import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { memoryFileSystem } from "../../runtime/mod.ts";
import type { FileSystem } from "../../runtime/types.ts";
import { folderPluginStore } from "./folder.ts";

const example = JSON.parse(
  await readFile(
    new URL(
      "../../examples/plugins/keepfit/epoch-report/0.1.0/callback.plugin.json",
      import.meta.url,
    ),
    "utf8",
  ),
);

/** A registry with versions that were copied by hand and have old modification times. */
async function byHand(...versions: string[]) {
  const memory = memoryFileSystem();
  const calls: string[] = [];
  const counted = <Args extends unknown[], Result>(
    name: string,
    call: (...args: Args) => Promise<Result>,
  ) =>
  (...args: Args) => {
    calls.push(`${name} ${args[0]}`);
    return call(...args);
  };
  const fs: FileSystem = {
    ...memory,
    readFile: counted("readFile", memory.readFile),
    readDir: counted("readDir", memory.readDir),
    stat: counted("stat", async (path) => {
      const info = await memory.stat(path);
      return { ...info, modified: info.modified as number - 60_000 };
    }),
  };
  const copy = async (version: string, id = example.id) => {
    await memory.makeDir(`r/${id}/${version}`);
    const text = JSON.stringify({ ...example, id, version });
    await memory.writeFile(`r/${id}/${version}/callback.plugin.json`, text);
  };
  for (const version of versions) await copy(version);
  return { fs, memory, copy, calls };
}

const { id } = example;

/** Wait until the clock of file times has advanced. */
async function nextTick(): Promise<void> {
  const now = Date.now();
  while (Date.now() === now) await new Promise((resolve) => setTimeout(resolve));
}

describe("folderPluginStore", () => {
  it("folderPluginStore reads no file again while nothing has changed", async () => {
    const { fs, calls } = await byHand("0.1.0", "0.2.0");
    const store = folderPluginStore("r", { fs });
    const index = await store.index();
    assert.equal(index.plugins[0].latest, "0.2.0");
    calls.length = 0;
    for (let i = 0; i < 3; i++) assert.deepEqual(await store.index(), index);
    assert.deepEqual(calls, ["stat r", "stat r", "stat r"]);
    calls.length = 0;
    await store.meta(id);
    assert.deepEqual(calls, [`stat r/${id}`, `stat r/${id}/meta.json`]);
  });

  it("folderPluginStore lists a version that was copied by hand when the folder is compared again", async () => {
    const { fs, copy } = await byHand("0.1.0");
    const store = folderPluginStore("r", { fs, checkEvery: 0 });
    assert.equal((await store.index()).plugins[0].latest, "0.1.0");
    await nextTick();
    await copy("0.2.0");
    await copy("1.0.0", "ada/other");
    const { plugins } = await store.index();
    assert.deepEqual(plugins.map(({ id, latest }) => [id, latest]), [
      ["ada/other", "1.0.0"],
      [id, "0.2.0"],
    ]);
  });

  it("folderPluginStore lists a version that was copied by hand once its plugin is read", async () => {
    const { fs, copy } = await byHand("0.1.0");
    const store = folderPluginStore("r", { fs, checkEvery: Infinity });
    await store.index();
    await nextTick();
    await copy("0.2.0");
    assert.equal((await store.index()).plugins[0].latest, "0.1.0");
    assert.equal((await store.meta(id))?.latest, "0.2.0");
    assert.equal((await store.index()).plugins[0].latest, "0.2.0");
  });

  it("folderPluginStore waits for the manifest of a version that is still being copied", async () => {
    const { fs, memory, copy } = await byHand("0.1.0");
    await memory.makeDir(`r/${id}/0.2.0`);
    const store = folderPluginStore("r", { fs });
    assert.equal((await store.meta(id))?.latest, "0.1.0");
    await copy("0.2.0");
    assert.equal((await store.meta(id))?.latest, "0.2.0");
  });

  it("folderPluginStore detects what another store publishes, yanks or removes", async () => {
    const memory = memoryFileSystem();
    await memory.makeDir("r");
    const [reader, writer] = [0, 1].map(() => folderPluginStore("r", { fs: memory }));
    assert.deepEqual((await reader.index()).plugins, []);
    const bytes = new TextEncoder().encode(JSON.stringify(example));
    await writer.add({ manifest: example, bytes, files: new Map() });
    assert.equal((await reader.index()).plugins[0].latest, "0.1.0");
    await writer.yank(id, "0.1.0", { reason: "too slow" });
    assert.deepEqual((await reader.meta(id))?.yanked, ["0.1.0"]);
    assert.equal((await reader.index()).plugins[0].yanked, true);
    await memory.remove(`r/${id}`, { recursive: true });
    assert.deepEqual((await reader.index()).plugins, []);
    assert.equal(await reader.meta(id), undefined);
  });
});
