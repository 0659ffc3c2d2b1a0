import assert from "node:assert/strict";
import { mkdtemp, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { computeIntegrity, loadPlugin } from "keepfit/plugins";
import { getRuntime } from "keepfit/runtime";
import { startChild } from "../child.ts";
import { farFetch, farRegistry, publishVersions } from "./plugin_registry_site.ts";
import { fails, load, publish, runOnce, setUpSite, site, unique } from "./plugin_site.ts";

setUpSite();

const lock: false = false;
/** Options with an empty lock file. */
const asFound = () => ({ lock: join(site.folder, `lock-${unique()}.json`), trustFirstUse: true });

describe("A plugin of a registry", () => {
  it("A plugin of a registry is the highest version in the range that is neither yanked nor a prerelease", async () => {
    const registry = await publishVersions("ada/timer", {
      "3.0.0-rc.1": {},
      "2.1.0": {},
      "2.0.0": {},
      "1.10.0": {},
      "1.9.0": {},
    }, ["2.1.0"]);
    const version = async (range: string) =>
      (await runOnce(`registry:ada/timer${range}`, { registry, ...asFound() }))[0];
    assert.equal(await version(""), "2.0.0");
    assert.equal(await version("@^1"), "1.10.0");
    assert.equal(await version("@<1.10"), "1.9.0");
    assert.equal(await version("@>=3.0.0-rc.1"), "3.0.0-rc.1");
    await fails("E_REGISTRY", /2\.1\.0 \(yanked\)/, version("@2.1"));
  });

  it("A plugin of a registry is an error if plugin, registry or range do not exist", async () => {
    const registry = await publishVersions("ada/timer", { "1.0.0": {} });
    const missing = load("registry:ada/tiner", { registry, lock });
    await fails("E_REGISTRY", /the registry does not have it[^]*check the spelling/, missing);
    if (getRuntime().env("KEEPFIT_REGISTRY") === undefined) {
      await fails("E_REGISTRY", /KEEPFIT_REGISTRY/, load("registry:ada/timer", { lock }));
    }
    for (
      const wrong of ["http://example.com/", "ftp://example.com", "https://a:secret@b.example/"]
    ) {
      await assert.rejects(load("registry:ada/timer", { registry: wrong, lock }), (error) => {
        assert(error instanceof TypeError);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      });
    }
    const meta = "/registry/ada/timer/meta.json";
    site.pages.set(meta, `{ "schemaVersion": 2, "versions": { "1": {} } }`);
    const unread = load("registry:ada/timer", { registry, lock });
    const error = await fails("E_REGISTRY", /schemaVersion: found 2/, unread);
    assert.match(error.message, /yanked: found nothing/);
    site.pages.set(meta, "<html>");
    await fails("E_REGISTRY", /not JSON/, load("registry:ada/timer", { registry, lock }));
  });

  it("A plugin of a registry must match the registry: bytes, id and version", async () => {
    const registry = await publishVersions("ada/timer", { "1.0.0": {}, "2.0.0": {} });
    const path = (version: string) => `/registry/ada/timer/${version}/callback.plugin.json`;
    const old = site.pages.get(path("1.0.0")) as string;
    site.pages.set(path("2.0.0"), old);
    const swapped = load("registry:ada/timer", { registry, ...asFound() });
    await fails("E_INTEGRITY", /does not match its integrity/, swapped);
    const integrity = await computeIntegrity(new TextEncoder().encode(old));
    const meta = JSON.parse(site.pages.get("/registry/ada/timer/meta.json") as string);
    meta.versions["2.0.0"].integrity = integrity;
    site.pages.set("/registry/ada/timer/meta.json", JSON.stringify(meta));
    const another = load("registry:ada/timer", { registry, ...asFound() });
    await fails(
      "E_REGISTRY",
      /expected: ada\/timer 2\.0\.0\n.*actual: {3}ada\/timer 1\.0\.0/,
      another,
    );
  });

  it("A plugin of a registry may be named by its integrity, regardless of other versions", async () => {
    const registry = await publishVersions("ada/timer", { "2.0.0": {}, "1.0.0": {} }, ["1.0.0"]);
    const { versions } = JSON.parse(site.pages.get("/registry/ada/timer/meta.json") as string);
    const reference = `registry:ada/timer#${versions["1.0.0"].integrity}`;
    assert.deepEqual(await runOnce(reference, { registry }), ["1.0.0"]);
  });

  it("A plugin of a registry is not trusted without an integrity or consent, on any host", async () => {
    const near = await publishVersions("ada/timer", { "1.0.0": {} });
    for (const registry of [near, farRegistry]) {
      site.asked.length = 0;
      const fetch = registry === near ? undefined : farFetch;
      const options = { registry, fetch, lock, tier: undefined };
      const error = await fails(
        "E_INTEGRITY",
        /its manifest has no known integrity[^]*load registry:ada\/timer#sha/,
        load("registry:ada/timer", options),
      );
      assert.deepEqual(site.asked, ["/registry/ada/timer/meta.json"]);
      const { plugin } = await loadPlugin(`registry:ada/timer#${error.actual}`, {
        ...options,
        cacheDir: site.cacheDir,
      });
      assert.equal(plugin.tier, "sandboxed");
    }
  });

  it("A plugin of a registry checks only whether its list of versions has changed", async () => {
    const registry = await publishVersions("ada/timer", { "1.0.0": {} });
    const path = "/registry/ada/timer/meta.json";
    const serve = (etag: string) => {
      const text = site.pages.get(path) as string;
      site.pages.set(path, (request) => {
        const isKnown = request.headers.get("if-none-match") === etag;
        statuses.push(isKnown ? 304 : 200);
        return new Response(isKnown ? null : text, {
          status: isKnown ? 304 : 200,
          headers: { etag },
        });
      });
    };
    const statuses: number[] = [];
    serve('"one"');
    const version = () => runOnce("registry:ada/timer", { registry, ...asFound() });
    assert.deepEqual([await version(), await version()], [["1.0.0"], ["1.0.0"]]);
    await publishVersions("ada/timer", { "2.0.0": {} });
    serve('"two"');
    assert.deepEqual([await version(), await version()], [["2.0.0"], ["2.0.0"]]);
    assert.deepEqual(statuses, [200, 304, 200, 304]);
    // A damaged cache entry is fetched again.
    const [kept] = await readdir(join(site.cacheDir, "answers"));
    for (const text of ["{", `{ "text": "{", "etag": "\\"two\\"" }`]) {
      await writeFile(join(site.cacheDir, "answers", kept), text);
      assert.deepEqual(await version(), ["2.0.0"]);
    }
    assert.deepEqual(statuses.slice(4), [200, 200]);
  });

  it("A plugin of a registry is found offline in the cached answers of the registry", async () => {
    const registry = await publishVersions("ada/timer", { "1.0.0": {} });
    const offline = () => load("registry:ada/timer", { registry, ...asFound(), offline: true });
    await fails("E_OFFLINE", /meta\.json: the network is disabled/, offline());
    await load("registry:ada/timer", { registry, ...asFound() });
    site.asked.length = 0;
    await offline();
    assert.deepEqual(site.asked, []);
  });

  it("A plugin of a registry is looked up in the registry of a variable if nothing else names one", async () => {
    const registry = await publishVersions("ada/timer", { "1.0.0": {} });
    const module = `
      import { loadPlugin } from "keepfit/plugins";
      const options = { trustFirstUse: true, lock: new URL("lock.json", import.meta.url) };
      console.log((await loadPlugin("registry:ada/timer", options)).name);
    `;
    const env = { KEEPFIT_REGISTRY: registry, XDG_CACHE_HOME: site.cacheDir };
    const { stdout, stderr } = await startChild(module, { env }).result;
    assert.equal(stdout, "ada/timer\n", stderr);
    // The project's file has precedence.
    const files = { "keepfit.json": JSON.stringify({ registry: "./none" }) };
    const other = await startChild(module, { env, files }).result;
    assert.match(other.stderr, /E_REGISTRY|the registry does not have it/);
  });

  it("A plugin of a registry may be in a folder", async () => {
    const registry = new URL("../../examples/plugins", import.meta.url);
    const outputDir = join(site.folder, "out");
    for (const given of [registry, registry.href]) {
      const options = { registry: given, lock, outputDir, cacheDir: site.cacheDir };
      const { plugin } = await loadPlugin("registry:keepfit/epoch-report@^0.1", options);
      assert.equal(plugin.id, "keepfit/epoch-report");
      // Its content may have been written by others.
      assert.equal(plugin.tier, "sandboxed");
    }
    const missing = load("registry:keepfit/no-such", { registry, lock });
    await fails("E_REGISTRY", /the registry does not have it/, missing);
  });
});

describe("A plugin that is not made for this keepfit", () => {
  it("A plugin that is not made for this keepfit names its newest version that is", async () => {
    const url = await publish({ "main.js": "" }, {
      version: "3.0.0",
      engines: { core: "^9.1" },
      compat: { "2.0.0": "^8.1", "1.9.0": ">=0.1 <1", "1.10.0": ">=0.1 <1" },
    });
    await fails("E_ENGINE", /its version 1\.10\.0 supports this one/, load(url));
  });
});

describe("A plugin in a package", () => {
  it("A plugin in a package is found in node_modules, from the main script's folder upward", async () => {
    const project = await mkdtemp(join(site.folder, "packages-"));
    const fs = getRuntime().fs;
    const install = async (name: string, version: string, path = "") => {
      const url = await publish({ "main.js": `export default () => ({ onEpochEnd() {} });` });
      const folder = join(project, "node_modules", name);
      await fs.makeDir(join(folder, path));
      await fs.writeFile(join(folder, "package.json"), JSON.stringify({ name, version }));
      for (const file of ["callback.plugin.json", "main.js"]) {
        const text = site.pages.get(new URL(file, url).pathname) as string;
        await fs.writeFile(join(folder, path, file), text);
      }
    };
    await install("timer", "1.2.3");
    await install("@ada/timers", "2.0.0", "plugins/step");
    await install("@jsr/ada__timer", "0.3.0");
    await fs.makeDir(join(project, "a/b"));
    const module = `
      import { loadPlugin } from "keepfit/plugins";
      for (const reference of process.argv.slice(2)) {
        try {
          const lock = new URL("lock.json", import.meta.url);
          const options = { trustFirstUse: true, lock };
          const { name, plugin } = await loadPlugin(reference, options);
          console.log(name, plugin.tier);
        } catch (error) {
          console.log(error.code, error.message);
        }
      }`;
    const references = [
      "npm:timer",
      "npm:timer@^1.2",
      "npm:@ada/timers@2/plugins/step",
      "npm:@ada/timers/plugins/step/callback.plugin.json",
      "jsr:@ada/timer@^0.3",
      "npm:timer@^2",
      "npm:no-such@^1",
      "jsr:@ada/none",
    ];
    const main = join(project, "a/b/main.mjs");
    const { stdout, stderr } = await startChild(module, { args: references, main }).result;
    const lines = stdout.split("\n");
    assert.deepEqual(lines.slice(0, 5), Array(5).fill("ada/counter sandboxed"), stdout + stderr);
    assert.match(
      stdout,
      /E_REGISTRY Cannot load plugin npm:timer@\^2: the installed timer has another version/,
    );
    assert.match(stdout, /actual: {3}1\.2\.3/);
    const command = {
      deno: /deno add "npm:no-such@\^1", with "nodeModulesDir"/,
      bun: /bun add "no-such@\^1"/,
      node: /npm install "no-such@\^1"/,
    };
    assert.match(stdout, command[getRuntime().name]);
    assert.match(stdout, /jsr:@ada\/none|jsr add @ada\/none/);
  });

  it("A plugin in a package is pinned by the lock file: a package that has changed is rejected", async () => {
    const project = await mkdtemp(join(site.folder, "locked-"));
    const folder = join(project, "node_modules/timer");
    const fs = getRuntime().fs;
    await fs.makeDir(folder);
    await fs.writeFile(join(folder, "package.json"), `{ "name": "timer", "version": "1.2.3" }`);
    const install = async (text: string) => {
      const url = await publish({ "main.js": `export default () => ({ onEpochEnd() {} });` });
      for (const file of ["callback.plugin.json", "main.js"]) {
        const page = site.pages.get(new URL(file, url).pathname) as string;
        await fs.writeFile(join(folder, file), page.replace("Counts epochs", text));
      }
    };
    await install("Counts epochs");
    const module = `
      import { addPlugin, loadPlugin } from "keepfit/plugins";
      const [action] = process.argv.slice(2);
      const beside = (name) => new URL(name, import.meta.url);
      const project = { config: beside("keepfit.json"), lock: beside("keepfit.lock.json") };
      try {
        if (action === "add") await addPlugin("npm:timer", project);
        const { plugin } = await loadPlugin("npm:timer");
        console.log(plugin.tier);
      } catch (error) {
        console.log(error.code);
      }`;
    const main = join(project, "main.mjs");
    const outcome = async (...args: string[]) => {
      const { stdout, stderr } = await startChild(module, {
        args,
        main,
        env: { XDG_CACHE_HOME: site.cacheDir },
      }).result;
      return stdout.trim() || stderr;
    };
    assert.equal(await outcome(), "E_INTEGRITY");
    assert.equal(await outcome("add"), "sandboxed");
    assert.equal(await outcome(), "sandboxed");
    await install("Counts something else");
    assert.equal(await outcome(), "E_INTEGRITY");
  });
});
