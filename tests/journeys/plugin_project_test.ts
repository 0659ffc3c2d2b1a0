import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  addPlugin,
  cleanCache,
  computeIntegrity,
  explainPlugin,
  explainText,
  listPlugins,
  loadPlugin,
  loadPlugins,
  readLock,
  removePlugin,
  updatePlugins,
  vendorPlugins,
  verifyPlugins,
} from "keepfit/plugins";
import { getRuntime } from "keepfit/runtime";
import { farFetch, farRegistry, publishVersions } from "./plugin_registry_site.ts";
import { fails, publish, recording, setUpSite, site, unique } from "./plugin_site.ts";

setUpSite();

const far = (url: string) => url.replace(site.url, "https://plugins.example/");
const timer = "registry:ada/timer@^1";

/** A new project: paths of its files, and options that fetch its plugins. */
async function newProject(config: Record<string, unknown> = {}) {
  const folder = join(site.folder, `project-${unique()}`);
  await mkdir(folder);
  const path = join(folder, "keepfit.json");
  await writeFile(path, JSON.stringify({ registry: farRegistry, ...config }));
  return {
    folder,
    lock: join(folder, "keepfit.lock.json"),
    options: { config: path, fetch: farFetch, cacheDir: site.cacheDir, retryDelay: 1 },
    config: async () => JSON.parse(await readFile(path, "utf8")),
  };
}

describe("Adding a plugin", () => {
  it("Adding a plugin pins it, names it in the config file, and runs none of its code", async () => {
    (globalThis as { evaluated?: boolean }).evaluated = false;
    const permissions = { net: [{ host: "a.example", reason: "sends" }] };
    await publishVersions("ada/timer", {
      "1.0.0": {
        files: { "main.js": `globalThis.evaluated = true; ${recording("")}` },
        change: { permissions },
      },
    });
    const project = await newProject();
    const refused = addPlugin(timer, project.options);
    await fails("E_PERMISSION", /net: a\.example \(sends\)/, refused);
    assert.equal(await readLock(project.lock), undefined);
    const explained = await addPlugin(timer, {
      ...project.options,
      tier: "trusted",
      allow: ["net"],
      outputDir: join(project.folder, "runs"),
      onError: "warn",
    });
    assert.equal(explained.version, "1.0.0");
    assert.equal(explained.permissions[0].isGranted, true);
    assert.equal((globalThis as { evaluated?: boolean }).evaluated, false);
    assert.deepEqual((await project.config()).plugins, [
      { plugin: timer, tier: "trusted", outputDir: "./runs", onError: "warn" },
    ]);
    const entry = (await readLock(project.lock))?.plugins[timer];
    assert.equal(entry?.integrity, explained.integrity);
    assert.deepEqual(entry?.permissions, { net: ["a.example"] });
    // Everything it needs is in the project.
    site.pages.clear();
    const { config, ...rest } = project.options;
    const [callback] = await loadPlugins(config, { ...rest, frozen: true, offline: true });
    assert.equal(callback.name, "ada/timer");
  });

  it("Adding a plugin accepts only the integrity that was passed", async () => {
    const url = far(await publish({ "main.js": recording("") }));
    const project = await newProject();
    const { integrity } = await explainPlugin(url, { fetch: farFetch, lock: project.lock });
    const path = new URL(url).pathname;
    const text = site.pages.get(path) as string;
    site.pages.set(path, text.replace("Counts", "counts"));
    const swapped = addPlugin(url, { ...project.options, integrity, tier: "trusted" });
    await fails("E_INTEGRITY", /does not match its integrity/, swapped);
    site.pages.set(path, text);
    await addPlugin(url, { ...project.options, integrity, tier: "trusted" });
  });

  it("Adding a plugin again changes its entry, and another callback of it is another entry", async () => {
    const entry = { export: "default", hooks: ["onEpochEnd"], controls: [] };
    const callbacks = [{ name: "a", ...entry }, { name: "b", ...entry }];
    const url = await publish({ "main.js": recording("") }, { callbacks });
    const project = await newProject({ plugins: [{ plugin: "npm:other" }] });
    await fails("E_EXPORT", /one of a, b/, addPlugin(url, project.options));
    await addPlugin(url, { ...project.options, callback: "a" });
    await addPlugin(url, { ...project.options, callback: "b" });
    await addPlugin(url, { ...project.options, callback: "a", onError: "throw" });
    assert.deepEqual((await project.config()).plugins, [
      { plugin: "npm:other" },
      { plugin: url, callback: "a", onError: "throw" },
      { plugin: url, callback: "b" },
    ]);
  });

  it("Adding a plugin of another version or place replaces it, so that it does not run twice", async () => {
    const project = await newProject();
    await publishVersions("ada/twice", { "1.0.0": {}, "2.0.0": {} });
    const add = (reference: string) => addPlugin(reference, project.options);
    const present = async () => [
      (await project.config()).plugins.map(({ plugin }: { plugin: string }) => plugin),
      Object.keys((await readLock(project.lock))?.plugins ?? {}),
    ];
    await add("registry:ada/twice@^1");
    await add("registry:ada/twice@^2");
    assert.deepEqual(await present(), Array(2).fill(["registry:ada/twice@^2"]));
    const url = (await readLock(project.lock))?.plugins["registry:ada/twice@^2"].url as string;
    await add(url);
    assert.deepEqual(await present(), [[url], [url]]);
  });

  it("Adding a plugin of the project's own folder writes relative paths", async () => {
    const project = await newProject();
    const url = await publish({ "main.js": recording("") });
    await mkdir(join(project.folder, "my plugin"));
    for (const name of ["callback.plugin.json", "main.js"]) {
      const text = site.pages.get(new URL(name, url).pathname) as string;
      await writeFile(join(project.folder, "my plugin", name), text);
    }
    const reference = join(project.folder, "my plugin", "callback.plugin.json");
    await addPlugin(reference, project.options);
    const written = "./my%20plugin/callback.plugin.json";
    assert.deepEqual((await project.config()).plugins, [{ plugin: written }]);
    assert.deepEqual(Object.keys((await readLock(project.lock))?.plugins ?? {}), [written]);
    assert.equal((await readLock(project.lock))?.plugins[written].url, written);
    const [callback] = await loadPlugins(project.options.config);
    assert.equal(callback.name, "ada/counter");
    assert.deepEqual((await verifyPlugins(project.options))[0].problems, []);
    assert.equal((await updatePlugins(project.options))[0].status, "same");
  });

  it("Adding a plugin concurrently with others loses none", async () => {
    const project = await newProject();
    const ids = ["ada/a", "ada/b", "ada/c", "ada/d", "ada/e"];
    for (const id of ids) await publishVersions(id, { "1.0.0": {} });
    await Promise.all(ids.map((id) => addPlugin(`registry:${id}`, project.options)));
    const listed = await listPlugins(project.options);
    assert.deepEqual(
      listed.map(({ reference, locked, configured }) => [
        reference,
        locked?.tier,
        configured,
      ]),
      ids.map((id) => [`registry:${id}`, "sandboxed", 1]),
    );
  });
});

describe("Updating plugins", () => {
  it("Updating plugins installs newer versions in the range that need no more trust", async () => {
    const project = await newProject();
    await publishVersions("ada/timer", { "1.0.0": {} });
    await addPlugin(timer, project.options);
    assert.equal((await updatePlugins(project.options))[0].status, "same");
    await publishVersions("ada/timer", { "2.0.0": {}, "1.1.0": {}, "1.0.0": {} });
    const before = await readFile(project.lock, "utf8");
    const [dry] = await updatePlugins({ ...project.options, dryRun: true });
    assert.equal(dry.status, "updated");
    assert.deepEqual(dry.differences.map(({ what }) => what), ["version", "integrity", "url"]);
    assert.equal(await readFile(project.lock, "utf8"), before);
    const [done] = await updatePlugins(project.options);
    assert.deepEqual([done.before.version, done.after?.version], ["1.0.0", "1.1.0"]);
    assert.equal((await readLock(project.lock))?.plugins[timer].version, "1.1.0");
    assert.deepEqual((await verifyPlugins(project.options))[0].problems, []);
    for (const only of [["ada/none"], ["ada/timer", "ada/none"]]) {
      await assert.rejects(
        updatePlugins({ ...project.options, only }),
        /^RangeError: Cannot update plugin ada\/none: there are registry:ada\/timer/,
      );
    }
  });

  it("Updating plugins leaves versions that need more trust until they are accepted", async () => {
    const project = await newProject();
    await publishVersions("ada/timer", { "1.0.0": {} });
    await addPlugin(timer, project.options);
    const permissions = { env: [{ name: "TOKEN", reason: "r" }] };
    await publishVersions("ada/timer", {
      "1.1.0": { change: { permissions }, callback: { controls: ["stop"] } },
      "1.0.0": {},
    });
    const [refused] = await updatePlugins(project.options);
    assert.equal(refused.status, "refused");
    const weaker = refused.differences.filter(({ weakens }) => weakens);
    assert.deepEqual(weaker, [
      { what: "permissions.env", before: "none", after: "TOKEN", weakens: true },
      { what: "controls", before: "none", after: "stop", weakens: true },
    ]);
    assert.equal((await readLock(project.lock))?.plugins[timer].version, "1.0.0");
    assert.equal(
      (await updatePlugins({ ...project.options, accept: ["eve/x"] }))[0].status,
      "refused",
    );
    const [accepted] = await updatePlugins({ ...project.options, accept: ["ada/timer"] });
    assert.equal(accepted.status, "updated");
    const entry = (await readLock(project.lock))?.plugins[timer];
    assert.deepEqual([entry?.version, entry?.permissions, entry?.controls], ["1.1.0", {
      env: ["TOKEN"],
    }, ["stop"]]);
  });

  it("Updating plugins reports what cannot be fetched, keeps pinned plugins, and continues with the others", async () => {
    const project = await newProject();
    await publishVersions("ada/timer", { "1.0.0": {} });
    await addPlugin(timer, project.options);
    const url = far(await publish({ "main.js": recording("") }));
    const { integrity } = await explainPlugin(url, { fetch: farFetch, lock: project.lock });
    await addPlugin(`${url}#${integrity}`, project.options);
    const other = far(await publish({ "main.js": recording("") }, { id: "ada/other" }));
    await addPlugin(other, project.options);
    site.pages.delete("/registry/ada/timer/meta.json");
    const path = new URL(other).pathname;
    const changed = (site.pages.get(path) as string).replace('"1.0.0"', '"1.0.1"');
    site.pages.set(path, changed);
    const updates = await updatePlugins(project.options);
    const statuses = Object.fromEntries(
      updates.map(({ reference, status }) => [reference, status]),
    );
    assert.deepEqual(statuses, { [timer]: "failed", [url]: "pinned", [other]: "updated" });
    assert.match(
      String(updates.find(({ status }) => status === "failed")?.error),
      /does not have it/,
    );
    // The same version has other bytes.
    site.pages.set(path, changed.replace("Counts", "counts"));
    const [swapped] = await updatePlugins({ ...project.options, only: ["ada/other"] });
    assert.equal(swapped.status, "refused");
    assert.equal(swapped.differences[0].what, "integrity");
  });
});

describe("A project's plugins", () => {
  it("A project's plugins are verified in place, and fetched if missing", async () => {
    const project = await newProject();
    await publishVersions("ada/timer", { "1.0.0": {} });
    await addPlugin(timer, project.options);
    const [found] = await verifyPlugins(project.options);
    assert.deepEqual(found, {
      reference: timer,
      id: "ada/timer",
      version: "1.0.0",
      source: "cache",
      files: 1,
      problems: [],
      yanked: undefined,
      log: { keyId: undefined, size: 0, index: undefined },
      registryError: undefined,
    });
    const freed = await cleanCache({ cacheDir: site.cacheDir });
    assert(freed > 500, String(freed));
    assert.deepEqual(await readdir(site.cacheDir), []);
    assert.equal(await cleanCache({ cacheDir: site.cacheDir }), 0);
    assert.equal((await verifyPlugins(project.options))[0].source, "network");
    // A file that has changed.
    const main = "/registry/ada/timer/1.0.0/main.js";
    site.pages.set(main, (site.pages.get(main) as string).replace("1", "2"));
    await cleanCache({ cacheDir: site.cacheDir });
    const [changed] = await verifyPlugins(project.options);
    assert.match(changed.problems.join(), /main\.js: its content does not match its integrity/);
    // A lock file written by hand.
    const text = await readFile(project.lock, "utf8");
    await writeFile(project.lock, text.replace('"version": "1.0.0"', '"version": "1.0.9"'));
    const [edited] = await verifyPlugins(project.options);
    assert.match(
      edited.problems.join(),
      /expected: ada\/timer 1\.0\.9\n {2}actual: {3}ada\/timer 1\.0\.0/,
    );
  });

  it("A project's plugins are reported if a changed lock file points elsewhere, even with matching hashes", async () => {
    const project = await newProject();
    await publishVersions("ada/timer", { "1.0.0": {} });
    await addPlugin(timer, project.options);
    const lock = JSON.parse(await readFile(project.lock, "utf8"));
    const entry = lock.plugins[timer];
    const original = { ...entry };
    const problems = async (changes: Record<string, unknown>) => {
      lock.plugins[timer] = { ...original, ...changes };
      await writeFile(project.lock, JSON.stringify(lock));
      return (await verifyPlugins(project.options))[0].problems.join("\n");
    };
    const entryOf = async (path: string) => {
      const text = site.pages.get(path) as string;
      const { files } = JSON.parse(text);
      return {
        integrity: await computeIntegrity(new TextEncoder().encode(text)),
        files: Object.fromEntries(
          Object.entries(files).map((
            [name, file],
          ) => [name, (file as { integrity: string }).integrity]),
        ),
      };
    };
    // A URL that is not in a registry.
    const evil = await publish({ "main.js": recording("evil()") }, { id: "ada/timer" });
    const elsewhere = { url: far(evil), ...await entryOf(new URL(evil).pathname) };
    assert.match(await problems(elsewhere), /url: the lock file says \S+, which is not where the/);
    // A URL in another registry with the same layout.
    await publishVersions("ada/other", { "1.0.0": {} });
    const other = "/other/ada/timer/1.0.0/";
    for (const name of ["callback.plugin.json", "main.js"]) {
      site.pages.set(other + name, site.pages.get(new URL(name, evil).pathname) as string);
    }
    const moved = {
      url: `https://plugins.example${other}callback.plugin.json`,
      ...await entryOf(`${other}callback.plugin.json`),
    };
    assert.match(await problems(moved), /is not where the registry \S+ has ada\/timer 1\.0\.0/);
    // Its own URL, with other bytes than the registry lists.
    const path = "/registry/ada/timer/1.0.0/";
    for (const name of ["callback.plugin.json", "main.js"]) {
      site.pages.set(path + name, site.pages.get(new URL(name, evil).pathname) as string);
    }
    const swapped = await entryOf(`${path}callback.plugin.json`);
    assert.match(await problems(swapped), /integrity: the lock file says \S+, the registry sha/);
    // Another plugin under the same name.
    const foreign = "/registry/ada/other/1.0.0/callback.plugin.json";
    const named = { url: `https://plugins.example${foreign}`, ...await entryOf(foreign) };
    assert.match(await problems(named), /its manifest belongs to another plugin/);
    await fails(
      "E_REGISTRY",
      /belongs to another plugin/,
      loadPlugin(timer, {
        ...project.options,
        lock: project.lock,
      }),
    );
  });

  it("A project's plugins are removed only by reference or id", async () => {
    const project = await newProject();
    for (const id of ["ada/a", "ada/b"]) {
      await publishVersions(id, { "1.0.0": {} });
      await addPlugin(`registry:${id}`, project.options);
    }
    await assert.rejects(
      removePlugin("ada/c", project.options),
      /RangeError: Cannot remove plugin ada\/c: there are registry:ada\/a, registry:ada\/b/,
    );
    assert.deepEqual(await removePlugin("ada/a", project.options), ["registry:ada/a"]);
    assert.deepEqual(await removePlugin("registry:ada/b", project.options), ["registry:ada/b"]);
    assert.deepEqual(await listPlugins(project.options), []);
    assert.deepEqual((await project.config()).plugins, []);
  });

  it("A project's plugins are read from the vendor folder first, and a change there is reported", async () => {
    const project = await newProject();
    await publishVersions("ada/timer", {
      "1.0.0": {
        files: { "main.js": `import "./a/b.js"; ${recording("")}`, "a/b.js": "export default 1;" },
      },
    });
    await addPlugin(timer, { ...project.options, tier: "trusted" });
    const copied = await vendorPlugins(project.options);
    assert.deepEqual(copied.map(({ reference, files }) => [reference, files]), [[timer, 3]]);
    assert.equal((await project.config()).vendor, "./vendor");
    const vendored = join(project.folder, "vendor/ada/timer/1.0.0");
    assert.deepEqual((await readdir(vendored)).sort(), ["a", "callback.plugin.json", "main.js"]);
    // Without network and cache.
    site.pages.clear();
    await cleanCache({ cacheDir: site.cacheDir });
    const { config, ...rest } = project.options;
    const offline = { ...rest, offline: true, frozen: true };
    assert.equal((await loadPlugins(config, offline)).length, 1);
    assert.equal((await verifyPlugins({ ...project.options, offline: true }))[0].source, "vendor");
    await cleanCache({ cacheDir: site.cacheDir });
    for (const name of ["a/b.js", "callback.plugin.json"]) {
      const file = join(vendored, name);
      const text = await readFile(file, "utf8");
      await writeFile(file, `${text} `);
      const error = await fails("E_INTEGRITY", /it has changed/, loadPlugins(config, offline));
      assert(error.url?.endsWith(name), String(error.url));
      assert.match((await verifyPlugins(project.options))[0].problems.join(), /it has changed/);
      await writeFile(file, text);
    }
    assert.equal((await loadPlugins(config, offline)).length, 1);
  });
});

describe("Explaining a plugin", () => {
  const permissions = {
    net: [{ host: "a.example", reason: "sends the logs" }, { option: "url", reason: "yours" }],
  };
  const hooks = ["onEpochEnd", { name: "onTrainBatchEnd", every: 10, order: "post" }];
  const options = {
    type: "object",
    properties: { url: { type: "string", description: "where to" } },
    required: ["url"],
  };

  it("Explaining a plugin shows everything, without running or accepting anything", async () => {
    const url = await publish(
      { "main.js": `throw new Error("it ran");` },
      { permissions, optionalPermissions: { env: [{ name: "TOKEN", reason: "log in" }] } },
      { hooks, options, controls: ["stop"] },
    );
    const lock = join(site.folder, `lock-${unique()}.json`);
    const explained = await explainPlugin(far(url), {
      fetch: farFetch,
      lock,
      cacheDir: site.cacheDir,
    });
    assert.equal(explained.tier, "sandboxed");
    assert.equal(explained.source, "network");
    assert.equal(explained.isLocked, false);
    assert.deepEqual(explained.callbacks[0].hooks, [{ name: "onEpochEnd" }, hooks[1]]);
    assert.deepEqual(
      explained.permissions.map(({ kind, value, isOptional, isGranted }) =>
        `${kind} ${value} ${isOptional} ${isGranted}`
      ),
      ["env TOKEN true false", "net a.example false false", "net option url false false"],
    );
    assert.deepEqual(explained.problems, []);
    assert.equal(await readLock(lock), undefined);
    const unpinned = loadPlugin(far(url), { fetch: farFetch, lock: false });
    const { actual } = await fails("E_INTEGRITY", /no known integrity/, unpinned);
    assert.equal(explained.integrity, actual);
  });

  it("Explaining a plugin shows what each tier enforces on this runtime", async () => {
    const url = await publish({ "main.js": recording("") });
    const of = async (tier: "sandboxed" | "trusted" | "worker") => {
      const { enforced, notEnforced } = await explainPlugin(url, { tier });
      return { enforced: enforced.join("\n"), notEnforced: notEnforced.join("\n") };
    };
    const isDeno = getRuntime().name === "deno";
    assert.match((await of("trusted")).notEnforced, /not enforced/);
    assert.match((await of("sandboxed")).enforced, /Permissions and controls are enforced/);
    const worker = await of("worker");
    assert.equal(/a worker restricts nothing/.test(worker.notEnforced), !isDeno);
    assert.equal(/flags of this Deno process apply/.test(worker.enforced), isDeno);
  });

  it("Explaining a plugin shows why it would not load here, and differences from the lock file", async () => {
    const url = await publish({ "main.js": "" }, {
      engines: { core: "^9.1" },
      sandbox: { support: "unsupported", reason: "native" },
    });
    const lock = join(site.folder, `lock-${unique()}.json`);
    const explained = await explainPlugin(far(url), { fetch: farFetch, lock });
    assert.equal(explained.tier, undefined);
    assert.match(explained.problems.join("\n"), /keepfit \^9\.1[^]*does not run sandboxed/);
    assert.match(explainText(explained), /tier +none: it would not load/);
  });

  it("Explaining a plugin fits 80 columns, and prevents foreign text from imitating its own", async () => {
    const url = await publish(
      { "main.js": recording("") },
      { permissions },
      { hooks, options, controls: ["stop"] },
    );
    const text = explainText({
      ...await explainPlugin(url, { allow: ["net"], cacheDir: site.cacheDir }),
      title: "Timer\u001b[2J",
      description: `Good.\n  tier       sandboxed\u202e ${"very long words ".repeat(20)}`,
    });
    assert.match(text, /^ada\/counter 1\.0\.0: Timer \[2J\n/);
    assert.equal(text.match(/^ {2}tier /gm)?.length, 1);
    assert.match(text, /onTrainBatchEnd \(post, every 10\)/);
    assert.match(text, /net a\.example: sends the logs \(agreed\)/);
    assert.match(text, /url \(string\), required: where to/);
    assert.match(text, /Not enforced\n/);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u202e]/);
    const long = text.split("\n").filter((line) => line.length > 80);
    assert.deepEqual(long.filter((line) => !/^ {2}(from|integrity) /.test(line)), []);
  });
});
