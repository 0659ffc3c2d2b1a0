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

/** Word and count that the test's plugins reported in each epoch. */
const reported: [word: string, count: number][] = [];
(globalThis as { devReported?: unknown[] }).devReported = reported;

/** Save a plugin that counts epochs and reports each count with a word. */
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
        onEpochEnd() { globalThis.devReported.push([${JSON.stringify(word)}, ++count]); },
        getState: () => ({ count }),
        setState(state: { count: number }) { count = state.count; },
      };
    };`,
  );
}

/** A started run with the plugin in development; a change may be detected during the run. */
async function watched() {
  const reloads: Reload[] = [];
  const onReload = (one: Reload) => void reloads.push(one);
  const list = new CallbackList(await devPlugin(source, { interval: 10, onReload }));
  await list.onTrainBegin();
  const run = {
    list,
    reloads,
    epochs: 0,
    async epoch() {
      await list.onEpochBegin(run.epochs);
      await list.onEpochEnd(run.epochs++, { loss: 1 });
    },
    /** Run epochs until the condition is met. */
    async until(isMet: () => boolean) {
      for (await run.epoch(); !isMet(); await run.epoch()) {
        await new Promise((resolve) => setTimeout(resolve));
      }
    },
    [Symbol.asyncDispose]: () => list.close(),
  };
  return run;
}

describe("devPlugin", () => {
  it("devPlugin takes over at the next epoch, with its state, and survives a plugin that cannot be loaded", async () => {
    await save("first");
    await using run = await watched();
    await run.epoch();
    assert.deepEqual(reported.at(-1), ["first", 1]);

    await save("second");
    await run.until(() => reported.at(-1)?.[0] === "second");
    assert.deepEqual(reported.at(-1), ["second", run.epochs]);
    const taken = { id: "ada/counter", epoch: run.epochs - 1, error: undefined };
    assert.deepEqual(run.reloads.at(-1), taken);

    await writeFile(join(source, "mod.ts"), "export default const;");
    const problem = /Cannot bundle .*mod\.ts:1:15/s;
    await run.until(() => problem.test(String(run.reloads.at(-1)?.error)));
    await run.epoch();
    assert.deepEqual(reported.at(-1), ["second", run.epochs]);

    await save("third", { stateVersion: 2 });
    await run.until(() => reported.at(-1)?.[0] === "third");
    assert.deepEqual(reported.at(-1), ["third", 1]);
  });

  it("devPlugin stops watching once it is closed, and starts again in another run", async () => {
    await save("first");
    await using run = await watched();
    await run.list.close();
    await using witness = await watched();
    await save("second");
    await witness.until(() => reported.at(-1)?.[0] === "second");
    await run.epoch();
    assert.equal(reported.at(-1)?.[0], "first");
    assert.deepEqual(run.reloads, []);
    await run.list.onTrainBegin();
    await run.until(() => reported.at(-1)?.[0] === "second");
  });

  it("devPlugin fails if the plugin cannot be loaded the first time", async () => {
    await save("first", { hooks: ["onTrainEnd"] });
    await assert.rejects(devPlugin(source), /its callback lacks a hook/);
  });
});
