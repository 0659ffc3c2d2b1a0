import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { Callback, CallbackList, fit, type Logs } from "keepfit";
import { computeIntegrity, loadPlugin } from "keepfit/plugins";
import { getRuntime, memoryFileSystem } from "keepfit/runtime";
import {
  fails,
  load,
  publish,
  recording,
  runOnce,
  setUpSite,
  site,
  unique,
} from "./plugin_site.ts";

setUpSite();

const counter = `
  import { step } from "./step.js";
  export default (options) => ({
    seen: [],
    onEpochEnd(epoch, logs) { globalThis.seen.push([epoch * step, logs.loss, options.label]); },
    onEpochBegin() { globalThis.seen.push("not declared"); },
  });`;

describe("A plugin from a server", () => {
  const options = {
    type: "object",
    properties: { label: { type: "string" }, size: { type: "integer", minimum: 1 } },
    required: ["label"],
    additionalProperties: false,
  };

  it("A plugin from a server runs only its declared hooks in a list", async () => {
    const url = await publish(
      { "main.js": counter, "step.js": "export const step = 10;" },
      {},
      { options, defaults: { label: "plain" } },
    );
    assert.deepEqual(await runOnce(url), [[20, 0.5, "plain"]]);
    assert.deepEqual(await runOnce(url, { options: { label: "mine" } }), [[20, 0.5, "mine"]]);
  });

  it("A plugin from a server is named by its id and disabled when it throws, unless the plugin or the user sets onError", async () => {
    const files = { "main.js": "export default () => ({ onEpochEnd() {} });" };
    const callback = await load(await publish(files));
    assert.equal(callback.name, "ada/counter");
    assert.equal(callback.onError, "disable");
    assert.equal((await load(await publish(files, {}, { onError: "fail" }))).onError, "throw");
    const critical = await publish(files, {}, { onError: "fail" });
    assert.equal((await load(critical, { onError: "warn" })).onError, "warn");
  });

  it("A plugin from a server may export a class, even of the host's own Callback, under any name", async () => {
    const url = await publish(
      {
        "main.js": `import { Callback } from "keepfit";
        export class Mine extends Callback { static base = Callback; onEpochEnd() {
          globalThis.seen.push(Callback, this.params.epochs);
        } }`,
      },
      {},
      { export: "Mine" },
    );
    const seen: unknown[] = (globalThis as { seen?: unknown[] }).seen = [];
    const list = new CallbackList([await load(url)], {
      params: { verbose: 0, epochs: 7, steps: null },
    });
    await list.onEpochEnd(0, {});
    assert.deepEqual(seen, [Callback, 7]);
  });

  it("A plugin from a server takes part in a real training, and may stop it", async () => {
    const source = (name: string) =>
      `export default (_, { ${name} }) => ({ onEpochEnd(epoch) { if (epoch === 1) ${name}(); } });`;
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    model.compile({ optimizer: "sgd", loss: "meanSquaredError" });
    const x = tf.linspace(-1, 1, 8).reshape([8, 1]);
    const train = async (callback: Record<string, unknown>) =>
      await fit(model, x, x, {
        epochs: 4,
        verbose: 0,
        callbacks: [await load(await publish({ "main.js": source("stop") }, {}, callback))],
      });
    assert.deepEqual((await train({ controls: ["stop"] })).epoch, [0, 1]);
    // The control is not declared, so the context lacks it, the hook fails and the plugin is
    // disabled.
    const { epoch, failures } = await train({ controls: [] });
    assert.deepEqual(epoch, [0, 1, 2, 3]);
    assert.equal(failures[0].callback, "ada/counter");
    x.dispose();
    model.dispose();
  });

  it("A plugin from a server sees a copy of the logs: additions are lost unless it declares addLogs", async () => {
    const files = {
      "main.js":
        `export default () => ({ onEpochEnd(_, logs) { Reflect.set(logs, "mine", 1); } });`,
    };
    for (const [controls, expected] of [[[], undefined], [["addLogs"], 1]] as const) {
      let seen: unknown;
      const list = new CallbackList([
        await load(await publish(files, {}, { controls })),
        { onEpochEnd: (_: number, logs: Logs) => seen = logs.mine },
      ]);
      await list.onEpochEnd(0, { loss: 1 });
      assert.equal(seen, expected);
    }
  });

  it("A plugin from a server may import cyclically, repeatedly, JSON and dynamically, and knows its URL", async () => {
    const url = await publish({
      "main.js": `
        import data from "./data.json" with { type: "json" };
        import { even } from "./even.js";
        export { even } from "./even.js";
        const { late } = await import("./late.js");
        const place = import.meta.url
        export default () => ({ onEpochEnd() {
          globalThis.seen.push(data["__proto__"], even(4), late, place, new URL("x", import.meta.url).href);
        } });`,
      "data.json": `{ "__proto__": 1 }`,
      "even.js":
        `import { odd } from "./odd.js"; export const even = (n) => n === 0 || odd(n - 1);`,
      "odd.js":
        `import { even } from "./even.js"; export const odd = (n) => n !== 0 && even(n - 1);`,
      "late.js": `export const late = await Promise.resolve("late");`,
    });
    const main = url.replace("callback.plugin.json", "main.js");
    const expected = [1, true, "late", main, new URL("x", main).href];
    assert.deepEqual(await runOnce(url), expected);
  });

  it("A plugin from a server receives modules of the host only on request", async () => {
    const files = {
      "main.js": `import { sequential } from "@tensorflow/tfjs"; ${
        recording("globalThis.seen.push(sequential)")
      }`,
    };
    const url = await publish(files, { peers: { "@tensorflow/tfjs": "^4" } });
    await fails("E_IMPORT", /pass \{ peers: \{ "@tensorflow\/tfjs"/, load(url));
    const old = await publish(files, { peers: { "@tensorflow/tfjs": "^3.1" } });
    const range = /expected: @tensorflow\/tfjs \^3\.1/;
    await fails("E_ENGINE", range, load(old, { peers: { "@tensorflow/tfjs": tf } }));
    const [sequential] = await runOnce(url, { peers: { "@tensorflow/tfjs": tf } });
    assert.equal(sequential, tf.sequential);
    const another = { sequential: () => {} };
    assert.deepEqual(await runOnce(url, { peers: { "@tensorflow/tfjs": another } }), [
      another.sequential,
    ]);
  });

  it("A plugin from a server writes only declared files to the directory that the user names", async () => {
    const files = {
      "main.js": `export default (_, { write }) => ({ async onEpochEnd() {
        await write("sub/a.txt", "mine");
        for (const name of ["b.txt", "../a.txt", "sub/../../a.txt", "/tmp/a.txt"]) {
          await write(name, "no").then(() => globalThis.seen.push(name), () => {});
        }
      } });`,
    };
    const permissions = { write: [{ path: "*/*.txt", reason: "notes" }] };
    const url = await publish(files, { permissions });
    await fails("E_PERMISSION", /name a folder with \{ outputDir \}/, load(url));
    const outputDir = join(site.folder, `out-${unique()}`);
    assert.deepEqual(await runOnce(url, { outputDir }), []);
    assert.equal(await readFile(join(outputDir, "sub", "a.txt"), "utf8"), "mine");
    assert.deepEqual(await readdir(outputDir), ["sub"]);
  });

  it("A plugin from a server needs the user's consent for other declared permissions", async () => {
    const permissions = { net: [{ host: "example.com", reason: "sends the logs" }] };
    const url = await publish({ "main.js": recording("") }, { permissions });
    await fails("E_PERMISSION", /net: example\.com \(sends the logs\)/, load(url));
    await load(url, { allow: ["net"] });
  });
});

describe("The cache", () => {
  const files = {
    "main.js": recording("globalThis.seen.push(value)", `import { value } from "./value.js";`),
    "value.js": "export const value = 42;",
  };

  it("The cache serves files without the network, and with an integrity the manifest too", async () => {
    const url = await publish(files);
    assert.deepEqual(await runOnce(url), [42]);
    site.asked.length = 0;
    assert.deepEqual(await runOnce(url), [42]);
    assert.deepEqual(site.asked, [new URL(url).pathname]);

    const manifest = new TextEncoder().encode(site.pages.get(new URL(url).pathname) as string);
    const reference = `${url}#${await computeIntegrity(manifest)}`;
    await load(reference);
    site.pages.clear();
    site.asked.length = 0;
    assert.deepEqual(await runOnce(reference), [42]);
    assert.deepEqual(site.asked, []);
  });

  it("The cache fetches an entry again that was changed on the disk", async () => {
    const url = await publish(files);
    await load(url);
    const entries = await readdir(join(site.cacheDir, "src"));
    assert.equal(entries.length, 2);
    for (const entry of entries) await writeFile(join(site.cacheDir, "src", entry), "evil()");
    site.asked.length = 0;
    assert.deepEqual(await runOnce(url), [42]);
    assert.equal(site.asked.length, 3);
    const [mended] = await readdir(join(site.cacheDir, "src"));
    assert.notEqual(await readFile(join(site.cacheDir, "src", mended), "utf8"), "evil()");
  });

  it("The cache repairs a module that was changed on the disk before it is imported", async () => {
    // The source is unique, because an imported module is not read again.
    const url = await publish({ "main.js": recording(`globalThis.seen.push("${unique()}")`) });
    const fs = getRuntime().fs;
    const prepared = join(site.cacheDir, "mod");
    const text = await emittedBy(url);
    await fs.makeDir(join(prepared, text.folder));
    await fs.writeFile(join(prepared, text.folder, text.name), "export default () => evil();");
    const loaded = await load(url);
    assert.equal(typeof loaded.onEpochEnd, "function");
  });

  it("The cache is optional: without one, modules are imported from memory, unless they form a cycle", async () => {
    // A file at the path of the folder: even root cannot write there.
    const blocked = join(site.folder, `blocked-${unique()}`);
    await writeFile(blocked, "");
    const url = await publish(files);
    assert.deepEqual(await runOnce(url, { cacheDir: blocked }), [42]);
    assert.deepEqual(await runOnce(url, { fs: memoryFileSystem(), cacheDir: "/cache" }), [42]);
    const cycle = await publish({
      "main.js": `import "./b.js"; ${recording("")}`,
      "b.js": `import "./main.js";`,
    });
    const loading = load(cycle, { cacheDir: blocked });
    await fails("E_IMPORT", /imports itself.*\n.*bundle the plugin/, loading);
    await load(cycle);
  });

  it("The cache may be omitted, and otherwise must be a path", async () => {
    const url = await publish(files);
    const before = await readdir(site.cacheDir).catch(() => []);
    assert.deepEqual(await runOnce(url, { cacheDir: false }), [42]);
    assert.deepEqual(await readdir(site.cacheDir).catch(() => []), before);
    for (const [cacheDir, shown] of [[true, "true"], [5, "5"], ["", '""'], [{}, "an object"]]) {
      await assert.rejects(
        load(url, { cacheDir: cacheDir as never }),
        new TypeError(
          `Cannot load plugins with cacheDir ${shown}: expected a path, a file: URL or false`,
        ),
      );
    }
  });

  /** The files that loading this plugin writes below `mod`, determined with another cache. */
  async function emittedBy(url: string): Promise<{ folder: string; name: string }> {
    const other = join(site.folder, `other-${unique()}`);
    await loadPlugin(url, { cacheDir: other, tier: "trusted" });
    const [graph] = await readdir(join(other, "mod"));
    const [name] = await readdir(join(other, "mod", graph));
    return { folder: graph, name };
  }
});

describe("A reference", () => {
  it("A reference must be a URL of a supported scheme", async () => {
    for (
      const reference of [
        "./callback.plugin.json",
        "http://example.com/callback.plugin.json",
        "ftp://example.com/callback.plugin.json",
        "data:application/json,{}",
        "https://ada:secret@example.com/callback.plugin.json",
      ]
    ) {
      await assert.rejects(load(reference), (error) => {
        assert(error instanceof TypeError);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      });
    }
    await assert.rejects(load(`${site.url}a.json#sha384-short`), SyntaxError);
  });

  it("A reference may be a file, which is verified as well", async () => {
    const directory = await mkdtemp(join(site.folder, "local-"));
    const url = await publish({ "main.js": recording("globalThis.seen.push('local')") });
    for (const name of ["callback.plugin.json", "main.js"]) {
      const text = site.pages.get(new URL(name, url).pathname) as string;
      await writeFile(join(directory, name), text);
    }
    const reference = new URL(`file://${directory}/callback.plugin.json`).href;
    assert.deepEqual(await runOnce(reference), ["local"]);
    await writeFile(join(directory, "main.js"), recording("globalThis.seen.push('other')"));
    await fails("E_INTEGRITY", /main\.js/, load(reference));
  });
});
