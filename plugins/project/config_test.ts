import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PluginError } from "keepfit/plugins";
import { memoryFileSystem } from "keepfit/runtime";
import {
  configPath,
  configReference,
  parseConfig,
  readConfig,
  toConfigPath,
  updateConfig,
} from "./config.ts";

const url = "file:///project/keepfit.json";

describe("A config file", () => {
  it("A config file names plugins and their options", () => {
    const config = {
      $schema: "https://example.com/keepfit.json",
      registry: "https://plugins.example/",
      vendor: "vendor",
      plugins: [{
        plugin: "registry:ada/timer@^1",
        callback: "timer",
        options: { every: 2 },
        tier: "worker",
        allow: { net: ["a.example"], read: true },
        outputDir: "runs",
        onError: "warn",
        limits: { hookTime: 100 },
      }, { plugin: "./callback.plugin.json", allow: ["env"] }],
    };
    assert.deepEqual(parseConfig(JSON.stringify(config), url), config);
    assert.deepEqual(parseConfig("{}", url), {});
  });

  it("A config file is rejected with every problem", () => {
    const plugins = [{
      plugin: "",
      teir: "trusted",
      tier: "builtin",
      allow: { net: "all", nett: true },
      limits: { memory: 0 },
    }, { plugin: "npm:a", allow: ["everything"] }];
    assert.throws(() => parseConfig(JSON.stringify({ plugins, plugin: 1 }), url), (error) => {
      assert(error instanceof PluginError);
      assert.equal(error.code, "E_CONFIG");
      for (
        const problem of [
          /plugins\[0\]\.plugin: found "", expected text in one line, not empty/,
          /plugins\[0\]\.teir: is not a key of a keepfit\.json/,
          /plugins\[0\]\.tier: found "builtin", expected "sandboxed" or "trusted" or "worker"/,
          /plugins\[0\]\.allow\.net: found "all", expected true or a list/,
          /plugins\[0\]\.allow\.nett/,
          /plugins\[0\]\.limits\.memory: found 0, expected a number above 0/,
          /plugins\[1\]\.allow\[0\]: found "everything"/,
          /^ {2}plugin: is not a key/m,
        ]
      ) assert.match(error.message, problem);
      return true;
    });
    assert.throws(() => parseConfig("{,}", url), /is not JSON/);
  });

  it("A config file resolves paths relative to its own folder", () => {
    const at = new URL(url);
    const path = (text: string) => configPath(text, at).href;
    assert.equal(path("my runs/50%"), "file:///project/my%20runs/50%25");
    assert.equal(path("../runs"), "file:///runs");
    assert.equal(path("/tmp/runs"), "file:///tmp/runs");
    assert.equal(path("file:///tmp/runs"), "file:///tmp/runs");
    assert.equal(toConfigPath(configPath("my runs", at), at), "./my runs");
    assert.equal(configReference("./a.json", at), "file:///project/a.json");
    assert.equal(configReference("npm:a", at), "npm:a");
  });

  it("A config file keeps unchanged parts, and its indent", async () => {
    const fs = memoryFileSystem();
    await fs.makeDir("/project");
    await fs.writeFile("/project/keepfit.json", `{\n\t"vendor": "v",\n\t"plugins": []\n}\n`);
    const at = new URL(url);
    await updateConfig(at, (config) => ({ ...config, plugins: [{ plugin: "npm:a" }] }), { fs });
    const text = await fs.readTextFile("/project/keepfit.json");
    assert.match(text, /^\{\n\t"vendor": "v",\n\t"plugins": \[\n\t\t\{/);
    assert.equal((await readConfig(at, { fs }))?.config.vendor, "v");
  });

  it("A config file that is named but missing is an error", async () => {
    const missing = readConfig(new URL(url), { fs: memoryFileSystem() });
    await assert.rejects(missing, /there is no such file/);
  });
});
