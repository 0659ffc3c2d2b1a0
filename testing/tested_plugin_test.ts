import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { checkCallback, driveEpochs, loadForTest } from "keepfit/testing";
import { PluginError } from "keepfit/plugins";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "keepfit-testing-"));
});
after(() => rm(folder, { recursive: true }));

/** Write a plugin's source folder. */
async function write(name: string, files: Record<string, string>, more: object = {}) {
  const source = join(folder, name);
  const manifest = {
    manifestVersion: 1,
    id: `ada/${name}`,
    version: "1.0.0",
    title: name,
    description: "Of a test.",
    license: "MIT",
    authors: [{ name: "Ada" }],
    engines: { core: ">=0.1.0" },
    module: Object.keys(files)[0],
    callbacks: [{ name, export: "default", hooks: ["onEpochEnd"], controls: [] }],
    sandbox: { support: "supported" },
    repository: "https://example.com/ada/plugins",
    ...more,
  };
  const all = { ...files, "callback.plugin.json": JSON.stringify(manifest) };
  for (const [path, text] of Object.entries(all)) {
    await mkdir(dirname(join(source, path)), { recursive: true });
    await writeFile(join(source, path), text);
  }
  return source;
}

const epochs = [{ loss: 2 }, { loss: 1 }];

describe("loadForTest", () => {
  it("loadForTest loads JavaScript unchanged, from its folder, its manifest or a URL", async () => {
    const source = await write("lines", {
      "index.js": `import { say } from "./say.js";
        export default (_options, { log }) => ({ onEpochEnd: (epoch) => log(say(epoch)) });`,
      "say.js": "export const say = (epoch) => `epoch ${epoch}`;",
    });
    const manifest = join(source, "callback.plugin.json");
    for (const one of [source, `${source}/`, manifest, pathToFileURL(manifest)]) {
      const { callback, lines, manifest: { files } } = await loadForTest(one);
      await driveEpochs(callback, { epochs });
      assert.deepEqual(lines, ["epoch 0", "epoch 1"]);
      assert.deepEqual(Object.keys(files), ["index.js", "say.js"]);
    }
  });

  it("loadForTest bundles TypeScript and its imports, except peers", async () => {
    const source = await write("typed", {
      "src/mod.ts": `import { Callback, type Logs } from "keepfit";
        import { worse } from "./worse.ts";
        export default class Typed extends Callback {
          total: number = 0;
          override onEpochEnd(_epoch: number, logs: Logs): void {
            this.total = worse(this.total, logs.loss);
          }
          getState(): { total: number } { return { total: this.total }; }
        }`,
      "src/worse.ts": "export const worse = (a: number, b: number): number => Math.max(a, b);",
      "README.md": "# Typed",
    });
    const { callback, manifest } = await loadForTest(source);
    await driveEpochs(callback, { epochs });
    assert.deepEqual(await callback.getState?.(), { total: 2 });
    assert.equal(manifest.module, "mod.js");
    assert.deepEqual(Object.keys(manifest.files), ["README.md", "mod.js"]);
  });

  it("loadForTest keeps what the plugin writes, and gives no access to the disk", async () => {
    const source = await write("writer", {
      "index.js": `export default (_options, { write }) => ({
        onEpochEnd: (epoch, logs) => write("last.txt", String(logs.loss)),
      });`,
    }, { permissions: { write: [{ path: "*.txt", reason: "Writes its report." }] } });
    const { callback, written, fs } = await loadForTest(source);
    await driveEpochs(callback, { epochs });
    assert.deepEqual(await written(), { "last.txt": "1" });
    assert.equal(await fs.readTextFile("/output/last.txt"), "1");
  });

  it("loadForTest reports the same problems as loadPlugin", async () => {
    const source = await write("wrong", { "index.js": `import "node:fs";` });
    await assert.rejects(
      loadForTest(source),
      (error) => error instanceof PluginError && error.code === "E_IMPORT",
    );
    const broken = await write("broken", { "mod.ts": "export default const;" });
    await assert.rejects(loadForTest(broken), /^SyntaxError: Cannot bundle .*mod\.ts:1:15/s);
  });

  it("loadForTest returns a callback that can be checked, which finds a bug in a plugin's state", async () => {
    const source = await write("forgets", {
      "index.js": `export default () => {
        let seen = [];
        return {
          onTrainBegin() { seen = []; },
          onEpochEnd(epoch) { seen.push(epoch); },
          getState: () => ({ seen }),
          setState(state) { seen = state.seen; },
        };
      };`,
    }, {
      callbacks: [{
        name: "forgets",
        export: "default",
        hooks: ["onTrainBegin", "onEpochEnd"],
        controls: [],
      }],
    });
    const problems = await checkCallback(async () => (await loadForTest(source)).callback);
    assert.equal(problems.length, 1);
    assert.match(problems[0], /^in its state: another instance continues differently/);
  });
});
