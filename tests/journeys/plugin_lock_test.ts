import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { loadPlugins, type LockedPlugin, type PluginLock, readLock } from "keepfit/plugins";
import { memoryFileSystem } from "keepfit/runtime";
import { startChild } from "../child.ts";
import { farFetch, farRegistry, publishVersions } from "./plugin_registry_site.ts";
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

/** Path of a new lock file. */
const newLock = () => join(site.folder, `lock-${unique()}.json`);
/** The URL of a plugin of the site on another host. */
const far = (url: string) => url.replace(site.url, "https://plugins.example/");
const trusted = { fetch: farFetch, tier: "trusted" } as const;

async function onlyEntry(lock: string): Promise<[string, LockedPlugin]> {
  const entries = Object.entries((await readLock(lock))?.plugins ?? {});
  assert.equal(entries.length, 1);
  return entries[0];
}

/** Change the only entry of a lock file by hand. */
async function edit(lock: string, change: Partial<LockedPlugin>): Promise<void> {
  const content = JSON.parse(await readFile(lock, "utf8")) as PluginLock;
  for (const entry of Object.values(content.plugins)) Object.assign(entry, change);
  await writeFile(lock, JSON.stringify(content));
}

describe("The first use of a plugin", () => {
  it("The first use of a plugin is locked with explicit consent, and pinned from then on", async () => {
    const lock = newLock();
    const permissions = { net: [{ host: "a.example", reason: "r" }] };
    const url = far(
      await publish({ "main.js": recording("globalThis.seen.push(1)") }, { permissions }),
    );
    await fails("E_INTEGRITY", /keepfit add/, load(url, { ...trusted, lock }));
    const yes = { ...trusted, lock, trustFirstUse: true, allow: ["net"] } as const;
    assert.deepEqual(await runOnce(url, yes), [1]);
    const [key, entry] = await onlyEntry(lock);
    assert.equal(key, url);
    assert.equal(entry.url, url);
    assert.equal(entry.tier, "trusted");
    assert.deepEqual(entry.permissions, { net: ["a.example"] });
    assert.deepEqual(Object.keys(entry.files), ["main.js"]);
    // Tier, permissions and integrity now come from the lock file, and the manifest from the cache.
    site.asked.length = 0;
    assert.deepEqual(await runOnce(url, { fetch: farFetch, lock }), [1]);
    assert.deepEqual(site.asked, []);
    assert.equal(await readFile(lock, "utf8").then((text) => text.endsWith("}\n")), true);
  });

  it("The first use of a plugin that fails locks nothing", async () => {
    const lock = newLock();
    const permissions = { net: [{ host: "a.example", reason: "r" }] };
    const url = far(await publish({ "main.js": recording("") }, { permissions }));
    await fails("E_PERMISSION", /a\.example/, load(url, { ...trusted, lock, trustFirstUse: true }));
    const broken = far(await publish({ "main.js": `import "./none.js";` }));
    await fails("E_IMPORT", /none\.js/, load(broken, { ...trusted, lock, trustFirstUse: true }));
    assert.equal(await readLock(lock), undefined);
  });

  it("The first use of a plugin of a registry locks the current version until it is updated", async () => {
    const lock = newLock();
    await publishVersions("ada/timer", { "1.0.0": {} });
    const options = { ...trusted, lock, registry: farRegistry };
    await load("registry:ada/timer@^1", { ...options, trustFirstUse: true });
    await publishVersions("ada/timer", { "1.1.0": {}, "1.0.0": {} });
    site.asked.length = 0;
    assert.deepEqual(await runOnce("registry:ada/timer@^1", options), ["1.0.0"]);
    assert.deepEqual(site.asked, []);
    const [key, { version, url }] = await onlyEntry(lock);
    assert.equal(key, "registry:ada/timer@^1");
    assert.equal(version, "1.0.0");
    assert.equal(url, `${farRegistry}ada/timer/1.0.0/callback.plugin.json`);
  });

  it("The first use of a plugin agrees to any value of an option", async () => {
    const lock = newLock();
    const options = { type: "object", properties: { url: { type: "string" } } };
    const url = far(
      await publish(
        { "main.js": recording("") },
        { permissions: { net: [{ option: "url", reason: "sends" }] } },
        { options },
      ),
    );
    const first = { url: "https://a.example/x" };
    await load(url, { ...trusted, lock, trustFirstUse: true, allow: ["net"], options: first });
    assert.deepEqual((await onlyEntry(lock))[1].permissions, { net: ["option:url"] });
    await load(url, { fetch: farFetch, lock, options: { url: "https://b.example/y" } });
    const other = { net: ["b.example"] };
    const refused = load(url, { ...trusted, lock, allow: other, options: first });
    await fails("E_PERMISSION", /a\.example/, refused);
  });
});

describe("A locked plugin", () => {
  const lockOne = async (change: Record<string, unknown> = {}) => {
    const lock = newLock();
    const url = far(await publish({ "main.js": recording("globalThis.seen.push(1)") }, change));
    await load(url, { ...trusted, lock, trustFirstUse: true });
    return { lock, url, path: new URL(url).pathname };
  };

  it("A locked plugin that has changed at its address is rejected by name", async () => {
    const { lock, url, path } = await lockOne();
    site.pages.set(path, (site.pages.get(path) as string).replace("Counts", "counts"));
    const empty = join(site.folder, `cache-${unique()}`);
    const loading = load(url, { ...trusted, lock, cacheDir: empty });
    await fails("E_INTEGRITY", /does not match the lock file[^]*keepfit update/, loading);
  });

  it("A locked plugin that is frozen is loaded only as locked", async () => {
    const { lock, url } = await lockOne();
    assert.deepEqual(await runOnce(url, { fetch: farFetch, lock, frozen: true }), [1]);
    const other = far(await publish({ "main.js": recording("") }));
    const unknown = load(other, { ...trusted, lock, frozen: true, trustFirstUse: true });
    await fails("E_LOCK", /the lock is frozen[^]*other plugins[^]*keepfit add/, unknown);
    await fails("E_LOCK", /no lock file/, load(url, { ...trusted, lock: newLock(), frozen: true }));
    const sandboxed = load(url, { fetch: farFetch, lock, frozen: true, tier: "worker" });
    await fails("E_LOCK", /expected: tier trusted[^]*actual: {3}tier worker/, sandboxed);
    await assert.rejects(load(url, { frozen: true, lock: false }), TypeError);
    // This includes a local plugin.
    const near = await publish({ "main.js": recording("") });
    await fails("E_LOCK", /frozen/, load(near, { lock, frozen: true }));
  });

  it("A locked plugin that is frozen may access no more than was agreed", async () => {
    const optionalPermissions = { net: [{ host: "a.example", reason: "r" }] };
    const { lock, url } = await lockOne({ optionalPermissions });
    await load(url, { ...trusted, lock, allow: ["net"] });
    await fails(
      "E_LOCK",
      /a\.example/,
      load(url, { ...trusted, lock, frozen: true, allow: ["net"] }),
    );
  });

  it("A locked plugin of this machine that has changed is rejected when frozen", async () => {
    const lock = newLock();
    const url = await publish({ "main.js": recording("globalThis.seen.push(1)") });
    const fs = memoryFileSystem();
    const text = site.pages.get(new URL(url).pathname) as string;
    await fs.makeDir("/plugin");
    await fs.writeFile(
      "/plugin/main.js",
      site.pages.get(new URL("main.js", url).pathname) as string,
    );
    await fs.writeFile("/plugin/callback.plugin.json", text);
    const reference = "file:///plugin/callback.plugin.json";
    const options = { fs, lock: "/keepfit.lock.json" };
    await load(reference, { ...options, trustFirstUse: true });
    assert.deepEqual(Object.keys((await readLock(options.lock, { fs }))?.plugins ?? {}), [
      "./plugin/callback.plugin.json",
    ]);
    await load(reference, { ...options, frozen: true });
    await fs.writeFile("/plugin/callback.plugin.json", text.replace("Counts", "counts"));
    await load(reference, options);
    const frozen = load(reference, { ...options, frozen: true });
    await fails("E_LOCK", /a manifest with sha384-.*, as in the lock file/, frozen);
    assert.equal(await readLock(lock), undefined);
  });

  it("A locked plugin gets no more rights than are locked", async () => {
    const { lock, url } = await lockOne();
    await edit(lock, { tier: "sandboxed" });
    const loading = load(url, { ...trusted, lock });
    await fails(
      "E_TRUST",
      /\n {2}tier: was sandboxed, is trusted\n.*\n.*\n.*omit the tier/,
      loading,
    );
  });

  it("A locked plugin at another address must be equally trustworthy", async () => {
    const { lock } = await lockOne({ version: "2.0.0" });
    const files = { "main.js": recording("") };
    const next = async (change: Record<string, unknown>, callback = {}) => {
      const url = far(await publish(files, change, callback));
      const { actual } = await load(url, { ...trusted, lock: false }).then(
        () => assert.fail("loaded"),
        (error) => error,
      );
      return load(`${url}#${actual}`, { ...trusted, lock, allow: ["env"] });
    };
    await fails("E_TRUST", /version: was 2\.0\.0, is 1\.9\.0/, next({ version: "1.9.0" }));
    const permissions = { env: [{ name: "TOKEN", reason: "r" }] };
    const more = next({ version: "2.1.0", permissions });
    await fails("E_TRUST", /permissions\.env: was none, is TOKEN/, more);
    const controls = next({ version: "2.1.0" }, { controls: ["stop"] });
    await fails("E_TRUST", /controls: was none, is stop/, controls);
    const moved = next({ version: "2.1.0", repository: "https://example.org/eve/x" });
    await fails("E_TRUST", /repository: was .*ada\/counter, is .*eve\/x/, moved);
    await next({ version: "2.1.0" });
    await next({ version: "0.1.0", id: "eve/other" });
  });

  it("A locked plugin is rejected if the lock file cannot be read", async () => {
    const { lock, url } = await lockOne();
    await writeFile(lock, `{\n<<<<<<< HEAD\n=======\n>>>>>>> other\n}`);
    await fails("E_LOCK", /conflict markers/, load(url, { ...trusted, lock }));
    await edit2(lock);
    await fails("E_LOCK", /lockVersion/, load(url, { ...trusted, lock }));
  });

  const edit2 = (lock: string) => writeFile(lock, "{}");
});

describe("Without a network", () => {
  it("A plugin is loaded from the cache offline, or the error names what is missing", async () => {
    const lock = newLock();
    const url = far(await publish({ "main.js": recording("globalThis.seen.push(1)") }));
    const offline = { fetch: farFetch, lock, offline: true } as const;
    await load(url, { ...trusted, lock, trustFirstUse: true });
    site.asked.length = 0;
    assert.deepEqual(await runOnce(url, offline), [1]);
    const cacheDir = join(site.folder, `cache-${unique()}`);
    const error = await fails(
      "E_OFFLINE",
      /the network is disabled/,
      load(url, { ...offline, cacheDir }),
    );
    assert.equal(error.url, url);
    // This includes servers on this machine.
    const near = await publish({ "main.js": recording("") });
    await fails("E_OFFLINE", /127\.0\.0\.1/, load(near, { offline: true }));
    assert.deepEqual(site.asked, []);
  });
});

describe("The nearest lock file", () => {
  const module = `
    import { loadPlugin } from "keepfit/plugins";
    const [url, site, cacheDir, first] = process.argv.slice(2);
    const fetched = (input, init) => fetch(input.replace("https://plugins.example/", site), init);
    const options = { cacheDir, fetch: fetched, tier: "trusted", trustFirstUse: first === "first" };
    try {
      console.log((await loadPlugin(url, options)).name);
    } catch (error) {
      console.log(error.code ?? error, error.message);
    }
  `;

  it("The nearest lock file is that of the main script's folder, and applies if the program names none", async () => {
    const url = far(await publish({ "main.js": recording("") }));
    const lock = newLock();
    await load(url, { ...trusted, lock, trustFirstUse: true });
    const args = [url, site.url, site.cacheDir];
    const files = { "keepfit.lock.json": await readFile(lock, "utf8") };
    const { stdout, stderr } = await startChild(module, { args, files }).result;
    assert.equal(stdout, "ada/counter\n", stderr);
    const without = await startChild(module, { args }).result;
    assert.match(without.stdout, /^E_INTEGRITY /);
  });

  it("The nearest lock file is not looked for, and no permission requested, for a plugin with an integrity or of this machine", async () => {
    const url = await publish({ "main.js": recording("") });
    const manifest = far(url);
    const { actual } = await load(manifest, { ...trusted, lock: false }).then(
      () => assert.fail("loaded"),
      (error) => error,
    );
    const files = { "keepfit.lock.json": "no lock at all" };
    for (const reference of [`${manifest}#${actual}`, url]) {
      const args = [reference, site.url, "/nowhere/at/all"];
      const { stdout, stderr } = await startChild(module, {
        args,
        files,
        permissions: [`--allow-net=${new URL(site.url).host}`],
      }).result;
      assert.equal(stdout, "ada/counter\n", stderr);
    }
    const broken = await startChild(module, { args: [manifest, site.url, site.cacheDir], files })
      .result;
    assert.match(broken.stdout, /^E_LOCK [^]*not JSON/);
  });

  it("The nearest lock file is created beside the main script by a first use", async () => {
    const url = far(await publish({ "main.js": recording("") }));
    const folder = join(site.folder, `program-${unique()}`);
    const { mkdir } = await import("node:fs/promises");
    await mkdir(folder);
    const args = [url, site.url, site.cacheDir, "first"];
    const { stdout, stderr } = await startChild(module, { args, main: join(folder, "main.mjs") })
      .result;
    assert.equal(stdout, "ada/counter\n", stderr);
    assert.equal((await onlyEntry(join(folder, "keepfit.lock.json")))[0], url);
  });
});

describe("Many processes with one cache", () => {
  it("Many processes with one cache all load the same plugin, and leave no partial files", async () => {
    const body = Array.from({ length: 20 }, (_, i) => `import "./part${i}.js";`).join("\n");
    const parts = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`part${i}.js`, `/* ${i} ${"x".repeat(20_000)} */`]),
    );
    const url = await publish({ "main.js": recording("", body), ...parts });
    const module = `
      import { loadPlugin } from "keepfit/plugins";
      const [url, cacheDir] = process.argv.slice(2);
      console.log((await loadPlugin(url, { cacheDir })).name);
    `;
    const children = Array.from(
      { length: 6 },
      () => startChild(module, { args: [url, site.cacheDir] }).result,
    );
    for (const { stdout, stderr } of await Promise.all(children)) {
      assert.equal(stdout, "ada/counter\n", stderr);
    }
    const { readdir } = await import("node:fs/promises");
    const kept = await readdir(join(site.cacheDir, "src"));
    assert.equal(kept.length, 21);
    assert.deepEqual(kept.filter((name) => !name.startsWith("sha384-")), []);
    site.asked.length = 0;
    await load(url);
    assert.deepEqual(site.asked, [new URL(url).pathname]);
  });
});

describe("Credentials", () => {
  it("Credentials for a host are sent only to that host, and never written", async () => {
    const lock = newLock();
    const seen: string[] = [];
    const url = far(await publish({ "main.js": recording("") }));
    const main = new URL("main.js", url).pathname;
    const text = site.pages.get(main) as string;
    site.pages.set("/elsewhere.js", text);
    site.pages.set(
      main,
      () =>
        new Response(null, {
          status: 302,
          headers: { location: "https://other.example/elsewhere.js" },
        }),
    );
    const fetch = (input: string, init: RequestInit) => {
      const headers = new Headers(init.headers);
      seen.push(`${new URL(input).host} ${headers.get("authorization")}`);
      return farFetch(input.replace("https://other.example/", site.url), init);
    };
    const tokens = "s3cret@plugins.example;0ther@other.example";
    const warned: unknown[] = [];
    const { warn, log } = console;
    console.warn = console.log = (...lines) => warned.push(...lines);
    try {
      await load(url, { fetch, tokens, lock, trustFirstUse: true, tier: "trusted" });
    } finally {
      Object.assign(console, { warn, log });
    }
    assert.deepEqual(seen, [
      "plugins.example Bearer s3cret",
      "plugins.example Bearer s3cret",
      "other.example null",
    ]);
    const written = [await readFile(lock, "utf8"), ...await textsBelow(site.cacheDir), ...warned];
    assert(written.length > 3);
    for (const one of written) assert.doesNotMatch(String(one), /s3cret|0ther/);
    // They are not in messages either.
    site.pages.set(new URL(url).pathname, () => new Response(null, { status: 403 }));
    const cacheDir = join(site.folder, `cache-${unique()}`);
    const refused = await fails(
      "E_HTTP",
      /KEEPFIT_AUTH_TOKENS/,
      load(url, { fetch, tokens, lock, cacheDir }),
    );
    assert.doesNotMatch(`${refused.message} ${refused.stack}`, /s3cret|0ther/);
    for (const tokens of ["s3cret", "s3cret\n@plugins.example"]) {
      await assert.rejects(load(url, { tokens, lock }), (error: Error) => {
        assert.doesNotMatch(error.message, /s3cret/);
        return true;
      });
    }
  });

  it("Credentials may come from the environment", async () => {
    const seen: (string | null)[] = [];
    const url = await publish({ "main.js": recording("") });
    const path = new URL(url).pathname;
    const text = site.pages.get(path) as string;
    site.pages.set(path, (request) => {
      seen.push(request.headers.get("authorization"));
      return new Response(text);
    });
    const module = `
      import { loadPlugin } from "keepfit/plugins";
      await loadPlugin(process.argv[2]);
    `;
    const env = {
      KEEPFIT_AUTH_TOKENS: `ada:pass@${new URL(url).host}`,
      XDG_CACHE_HOME: site.folder,
    };
    const { code, stderr } = await startChild(module, { args: [url], env }).result;
    assert.equal(code, 0, stderr);
    assert.deepEqual(seen, [`Basic ${btoa("ada:pass")}`]);
  });

  async function textsBelow(folder: string): Promise<string[]> {
    const { readdir } = await import("node:fs/promises");
    const texts: string[] = [];
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) texts.push(...await textsBelow(path));
      else texts.push(await readFile(path, "utf8"));
    }
    return texts;
  }
});

describe("A config file", () => {
  it("A config file loads all its plugins in order, with paths relative to its own folder", async () => {
    const fs = memoryFileSystem();
    await fs.makeDir("/project/a");
    const write = { write: [{ path: "*.txt", reason: "r" }] };
    const first = await publish(
      {
        "main.js": `export default (options, { write }) => ({
        onEpochEnd: () => write("a.txt", JSON.stringify(options)) });`,
      },
      { id: "ada/first", permissions: write },
      {
        options: { type: "object", properties: { a: { type: "integer" } } },
      },
    );
    for (const name of ["callback.plugin.json", "main.js"]) {
      const text = site.pages.get(new URL(name, first).pathname) as string;
      await fs.writeFile(`/project/a/${name}`, text);
    }
    const second = await publish({ "main.js": recording("") }, { id: "ada/second" });
    const plugins = [
      { plugin: "./a/callback.plugin.json", options: { a: 1 }, outputDir: "my runs" },
      { plugin: second, onError: "throw" },
    ];
    await fs.writeFile("/project/keepfit.json", JSON.stringify({ plugins, cacheDir: "cache" }));
    const loaded = await loadPlugins("/project/keepfit.json", { fs });
    assert.deepEqual(loaded.map(({ name }) => name), ["ada/first", "ada/second"]);
    assert.equal(loaded[1].onError, "throw");
    await loaded[0].onEpochEnd?.(0, {});
    assert.equal(await fs.readTextFile("/project/my runs/a.txt"), `{"a":1}`);
    assert((await fs.stat("/project/cache/src")).isDirectory);
  });

  it("A config file loads none if one cannot be loaded, and closes the others", async () => {
    const fs = memoryFileSystem();
    (globalThis as { seen?: unknown[] }).seen = [];
    const closing = await publish({
      "main.js":
        `export default () => ({ onEpochEnd() {}, close() { globalThis.seen.push("closed"); } });`,
    });
    const missing = new URL("/no-such/callback.plugin.json", site.url).href;
    const plugins = [{ plugin: closing, tier: "trusted" }, { plugin: missing }];
    await fs.writeFile("/keepfit.json", JSON.stringify({ plugins }));
    await fails("E_HTTP", /404/, loadPlugins("/keepfit.json", { fs }));
    assert.deepEqual((globalThis as { seen?: unknown[] }).seen, ["closed"]);
    await fails("E_CONFIG", /no such file/, loadPlugins("/none.json", { fs }));
  });
});
