import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { CallbackList } from "keepfit";
import { devPlugin, type Reload } from "keepfit/testing";

let source: string;
beforeEach(async () => {
  source = await mkdtemp(join(tmpdir(), "keepfit-dev-"));
});
afterEach(() => rm(source, { recursive: true }));

const told: unknown[] = [];
(globalThis as { devTold?: unknown[] }).devTold = told;

/** A plugin that counts epochs, and tells each count with a word. */
async function save(word: string, { stateVersion = 1, hooks = ["onEpochEnd"] } = {}) {
  const manifest = {
    manifestVersion: 1,
    id: "ada/counter",
    version: "1.0.0",
    title: "Counter",
    description: "Of a test.",
    license: "MIT",
    authors: [{ name: "Ada" }],
    engines: { core: ">=0.1.0" },
    module: "mod.ts",
    callbacks: [{ name: "counter", export: "default", hooks, controls: [], stateVersion }],
    sandbox: { support: "supported" },
    repository: "https://example.com/ada/counter",
  };
  await writeFile(join(source, "callback.plugin.json"), JSON.stringify(manifest));
  await writeFile(
    join(source, "mod.ts"),
    `export default () => {
      let count: number = 0;
      return {
        onEpochEnd() { globalThis.devTold.push([${JSON.stringify(word)}, ++count]); },
        getState: () => ({ count }),
        setState(state: { count: number }) { count = state.count; },
      };
    };`,
  );
}

describe("a plugin in development", () => {
  it("takes over at the next epoch, with its state, and survives what cannot be loaded", async () => {
    told.length = 0;
    await save("first");
    const reloads: Reload[] = [];
    const tried = (count: number) => until(() => reloads.length >= count);
    const callback = await devPlugin(source, {
      interval: 10,
      onReload: (one) => reloads.push(one),
    });
    const list = new CallbackList(callback, { model: { stopTraining: false } });
    let epoch = 0;
    const runEpoch = async () => {
      await list.onEpochBegin(epoch);
      await list.onEpochEnd(epoch++, { loss: 1 });
    };
    await list.onTrainBegin();
    await runEpoch();

    await save("second");
    // Each epoch looks whether it is ready, until it was.
    await until(async () => {
      await runEpoch();
      return reloads.length > 0;
    });
    const [word, count] = told.at(-1) as [string, number];
    assert.deepEqual([word, count], ["second", epoch]);
    assert.deepEqual(reloads, [{ id: "ada/counter", epoch: epoch - 1, error: undefined }]);

    await writeFile(join(source, "mod.ts"), "export default const;");
    await tried(2);
    assert.match(String(reloads[1].error), /Cannot bundle .*mod\.ts:1:15/s);
    await runEpoch();
    assert.deepEqual(told.at(-1), ["second", epoch]);

    await save("third", { stateVersion: 2 });
    await until(async () => {
      await runEpoch();
      return reloads.length > 2;
    });
    assert.deepEqual(told.at(-1), ["third", 1]);
    await list.close();
  });

  it("looks no more once it is closed, and again in another run", async () => {
    told.length = 0;
    await save("first");
    const reloads: Reload[] = [];
    const callback = await devPlugin(source, {
      interval: 10,
      onReload: (one) => reloads.push(one),
    });
    const list = new CallbackList(callback);
    await list.onTrainBegin();
    await list.close();
    await save("second one");
    await new Promise((resolve) => setTimeout(resolve, 100));
    await list.onEpochBegin(0);
    assert.deepEqual(reloads, []);
    await list.onTrainBegin();
    await until(async () => {
      await list.onEpochBegin(1);
      return reloads.length > 0;
    });
    await list.close();
  });

  it("fails where it cannot be loaded the first time", async () => {
    await save("first", { hooks: ["onTrainEnd"] });
    await assert.rejects(devPlugin(source), /its callback lacks a hook/);
  });
});

/** Wait for what will come. */
async function until(isThere: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isThere())) await new Promise((resolve) => setTimeout(resolve, 10));
}
