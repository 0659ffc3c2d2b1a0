import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { folderRunStore, type RunLimits, type RunStore, serveHub } from "keepfit/hub";
import { type FileSystem, memoryFileSystem } from "keepfit/runtime";

const open = (fs: FileSystem, limits: RunLimits = {}) => folderRunStore("runs", { ...limits, fs });
const epochs = async (store: RunStore, id: string) =>
  (await store.get(id))?.epochs.map(({ epoch }) => epoch);
const names = async (fs: FileSystem) => (await fs.readDir("runs")).map(({ name }) => name);
/** Number of lines of a text. */
const count = (text: string) => text.split("\n").length - 1;

async function append(fs: FileSystem, path: string, text: string): Promise<void> {
  const file = await fs.open(path, "append");
  await file.write(text);
  await file.close();
}

describe("folderRunStore", () => {
  it("folderRunStore keeps runs and their order when it is opened again", async () => {
    const fs = memoryFileSystem();
    const store = open(fs);
    for (const name of ["a", "b", undefined, "a"]) {
      const epoch = name === "a" ? (await store.get("a"))?.epochs.length ?? 0 : 0;
      await store.add({ epoch, loss: "NaN", note: null }, name);
      // Times have a resolution of 1 ms.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const again = open(fs);
    assert.deepEqual(await again.list(), await store.list());
    assert.deepEqual(await again.get("a"), await store.get("a"));
    assert.deepEqual(await again.add({ epoch: 1 }), "run-1");
    assert.deepEqual(await again.add({ epoch: 0 }), "run-2");
    assert.deepEqual(await epochs(open(fs), "run-1"), [0, 1]);
  });

  it("folderRunStore ignores a partial last line, and removes it with the next report", async () => {
    const fs = memoryFileSystem();
    await open(fs).add({ epoch: 0 }, "a");
    await append(fs, "runs/run.a.jsonl", '{"at":"2026-01-01T00:00:00.000Z","logs":{"ep');
    const store = open(fs);
    assert.deepEqual(await epochs(store, "a"), [0]);
    await store.add({ epoch: 1 }, "a");
    await store.add({ epoch: 2 }, "a");
    assert.equal(count(await fs.readTextFile("runs/run.a.jsonl")), 4);
    assert.deepEqual(await epochs(open(fs), "a"), [0, 1, 2]);
  });

  it("folderRunStore limits the size of a file, and removes files of dropped runs", async () => {
    const fs = memoryFileSystem();
    const store = open(fs, { maxRuns: 2, maxEpochs: 3 });
    for (let epoch = 0; epoch < 20; epoch++) {
      await store.add({ epoch }, "a");
      assert(count(await fs.readTextFile("runs/run.a.jsonl")) <= 1 + 6);
    }
    for (const name of ["b", "c"]) await store.add({ epoch: 0 }, name);
    assert.deepEqual(await names(fs), ["run.b.jsonl", "run.c.jsonl"]);
    assert.equal((await open(fs, { maxRuns: 1 }).list()).length, 1);
    assert.equal((await names(fs)).length, 1);
  });

  it("folderRunStore replaces the file of a run that restarts", async () => {
    const fs = memoryFileSystem();
    const store = open(fs);
    for (const epoch of [0, 1, 0]) await store.add({ epoch }, "a");
    assert.deepEqual(await epochs(open(fs), "a"), [0]);
  });

  it("folderRunStore keeps names apart on every file system, and inside its folder", async () => {
    const fs = memoryFileSystem();
    const store = open(fs);
    const ids = ["A", "a", "..", "con", "a.", "ä/b"];
    for (const id of ids) await store.add({ epoch: 0 }, id);
    const files = await names(fs);
    assert.equal(new Set(files.map((name) => name.toLowerCase())).size, ids.length);
    assert(files.every((name) => /^run\.[a-z0-9_%-]+\.jsonl$/.test(name)), files.join());
    assert.deepEqual((await open(fs).list()).map(({ id }) => id).sort(), ids.sort());
  });

  it("folderRunStore ignores other files, and lines that are not epochs", async () => {
    const fs = memoryFileSystem();
    await open(fs).add({ epoch: 0 }, "a");
    await append(fs, "runs/run.a.jsonl", 'null\n{"at":1}\n{"at":"x","logs":{"epoch":"1"}}\n');
    await fs.writeFile("runs/notes.txt", "mine");
    await fs.writeFile("runs/run.b.jsonl", "not JSON\n");
    await fs.writeFile("runs/run.c.jsonl", await fs.readTextFile("runs/run.a.jsonl"));
    const store = open(fs);
    assert.deepEqual((await store.list()).map(({ id }) => id), ["a"]);
    assert.deepEqual(await epochs(store, "a"), [0]);
    assert.equal(await fs.readTextFile("runs/notes.txt"), "mine");
  });

  it("folderRunStore rejects a report that it cannot write, and does not show it", async () => {
    const fs = memoryFileSystem();
    let isFull = false;
    const full: FileSystem = {
      ...fs,
      async open(path, mode) {
        const file = await fs.open(path, mode);
        return {
          sync: () => file.sync(),
          close: () => file.close(),
          write: async (data) => {
            if (!isFull) return await file.write(data);
            await file.write((data as string).slice(0, 9));
            throw new Error("no space left");
          },
        };
      },
    };
    const store = open(full);
    for (const epoch of [0, 1]) await store.add({ epoch }, "a");
    isFull = true;
    await assert.rejects(store.add({ epoch: 2 }, "a"), /no space left/);
    assert.deepEqual(await epochs(store, "a"), [0, 1]);
    assert.deepEqual(await epochs(open(fs), "a"), [0, 1]);
    isFull = false;
    await store.add({ epoch: 2 }, "a");
    assert.deepEqual(await epochs(open(fs), "a"), [0, 1, 2]);
  });

  it("folderRunStore adds simultaneous reports one after another", async () => {
    const fs = memoryFileSystem();
    const store = open(fs);
    await Promise.all([0, 1, 2, 3].map((epoch) => store.add({ epoch }, "a")));
    assert.deepEqual(await epochs(open(fs), "a"), [0, 1, 2, 3]);
  });

  it("folderRunStore keeps the runs of a hub that restarts", async () => {
    const fs = memoryFileSystem();
    await fs.makeDir("plugins");
    const serve = () => serveHub({ directory: "plugins", fs, runs: open(fs) });
    let hub = await serve();
    const body = '{"epoch": 0, "loss": NaN}';
    await fetch(`${hub.url}publish/epoch/end/?run=mnist`, { method: "POST", body });
    await hub.close();
    hub = await serve();
    try {
      const run = await (await fetch(`${hub.url}api/v1/runs/mnist`)).json();
      assert.deepEqual(run.epochs, [{ epoch: 0, loss: "NaN" }]);
    } finally {
      await hub.close();
    }
  });

  it("folderRunStore fails at the start of a hub when its folder is a file", async () => {
    const fs = memoryFileSystem();
    await fs.makeDir("plugins");
    await fs.writeFile("runs", "a file");
    await assert.rejects(serveHub({ directory: "plugins", fs, runs: open(fs) }), {
      name: "FileSystemError",
    });
  });
});
