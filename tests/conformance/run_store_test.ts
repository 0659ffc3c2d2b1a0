import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { folderRunStore, memoryRunStore, type RunLimits, type RunStore } from "keepfit/hub";
import { memoryFileSystem } from "keepfit/runtime";

const folder = await mkdtemp(join(tmpdir(), "keepfit-runs-"));
let folders = 0;
const stores: Record<string, (limits?: RunLimits) => Promise<RunStore>> = {
  memory: async (limits) => memoryRunStore(limits),
  "a folder in memory": async (limits) => {
    return folderRunStore("runs", { ...limits, fs: memoryFileSystem() });
  },
  "a folder on disk": async (limits) => folderRunStore(join(folder, `${++folders}`), limits),
};
after(() => rm(folder, { recursive: true }));

for (const [name, newStore] of Object.entries(stores)) {
  describe(`The run store of ${name}`, () => {
    const epochs = async (store: RunStore, id: string) =>
      (await store.get(id))?.epochs.map(({ epoch }) => epoch);

    it("The run store is empty at first", async () => {
      const store = await newStore();
      assert.deepEqual(await store.list(), []);
      assert.equal(await store.get("run-1"), undefined);
    });

    it("The run store returns a run with the logs of its epochs, as copies", async () => {
      const store = await newStore();
      const logs = { epoch: 0, loss: "NaN", acc: 0.5, note: null, done: false };
      assert.equal(await store.add({ ...logs }, "mine"), "mine");
      const run = await store.get("mine");
      assert.deepEqual(run?.epochs as unknown, [logs]);
      assert.equal(run?.started, new Date(run?.started as string).toISOString());
      run?.epochs.push({ epoch: 1 });
      assert.deepEqual(await epochs(store, "mine"), [0]);
    });

    it("The run store adds unnamed reports to the newest unnamed run", async () => {
      const store = await newStore();
      const ids = [];
      for (const epoch of [0, 1, 5, 0, 1, 1]) ids.push(await store.add({ epoch }));
      assert.deepEqual(ids, ["run-1", "run-1", "run-1", "run-2", "run-2", "run-3"]);
      assert.deepEqual(await epochs(store, "run-1"), [0, 1, 5]);
    });

    it("The run store restarts a named run whose epochs restart", async () => {
      const store = await newStore();
      for (const epoch of [0, 1, 5, 0]) await store.add({ epoch }, "mine");
      assert.deepEqual(await epochs(store, "mine"), [0]);
    });

    it("The run store lists the most recently updated run first, with its latest epoch", async () => {
      const store = await newStore();
      for (const name of ["a", "b", "a"]) {
        const epoch = (await store.get(name))?.epochs.length ?? 0;
        await store.add({ epoch, loss: epoch / 2 }, name);
      }
      const list = await store.list();
      assert.deepEqual(list.map(({ id, last }) => [id, last]), [
        ["a", { epoch: 1, loss: 0.5 }],
        ["b", { epoch: 0, loss: 0 }],
      ]);
    });

    it("The run store drops the least recently updated run and the oldest epochs", async () => {
      const store = await newStore({ maxRuns: 2, maxEpochs: 3 });
      for (const name of ["a", "b", "a", "c"]) {
        for (const epoch of [0, 1, 2, 3]) await store.add({ epoch }, name);
      }
      assert.deepEqual((await store.list()).map(({ id }) => id), ["c", "a"]);
      assert.deepEqual(await epochs(store, "a"), [1, 2, 3]);
    });
  });
}
