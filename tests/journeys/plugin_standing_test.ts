/** Tests of a project and its registries: lookup, newer versions, yanks. */
import assert from "node:assert/strict";
import { cp, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  addPlugin,
  cleanCache,
  explainPlugin,
  explainText,
  listPlugins,
  loadPlugin,
  loadPlugins,
  outdatedPlugins,
  updatePlugins,
  vendorPlugins,
  verifyPlugins,
} from "keepfit/plugins";
import { startIn } from "../command.ts";
import { root } from "../files.ts";
import { farFetch, farRegistry, publishVersions } from "./plugin_registry_site.ts";
import { setUpSite, site, unique } from "./plugin_site.ts";

setUpSite();

const timer = "registry:ada/timer@^1";
const meta = "/registry/ada/timer/meta.json";

/** A project without files yet. */
async function newProject(config?: Record<string, unknown>) {
  const folder = join(site.folder, `standing-${unique()}`);
  await mkdir(folder);
  const path = join(folder, "keepfit.json");
  if (config !== undefined) await writeFile(path, JSON.stringify(config));
  return {
    folder,
    path,
    lock: join(folder, "keepfit.lock.json"),
    options: { config: path, fetch: farFetch, cacheDir: site.cacheDir, retryDelay: 1 },
    written: async () => JSON.parse(await readFile(path, "utf8")),
    keepfit: (...args: string[]) => startIn(folder, args, { XDG_CACHE_HOME: site.cacheDir }).ended,
  };
}

/** The warnings of `run`. */
async function warned(run: () => Promise<unknown>): Promise<string[]> {
  const { warn } = console;
  const lines: string[] = [];
  console.warn = (line: string) => void lines.push(line);
  try {
    await run();
  } finally {
    console.warn = warn;
  }
  return lines;
}

describe("The registry that a plugin was added from", () => {
  it("The registry of a plugin is written to keepfit.json, so that it need not be named again", async () => {
    await publishVersions("ada/timer", { "1.0.0": {} });
    const project = await newProject();
    await addPlugin(timer, { ...project.options, registry: farRegistry });
    assert.deepEqual(await project.written(), {
      registry: farRegistry,
      plugins: [{ plugin: timer }],
    });
    await publishVersions("ada/timer", { "1.1.0": {}, "1.0.0": {} });
    assert.equal((await updatePlugins(project.options))[0].after?.version, "1.1.0");
    // A second plugin from there does not change the file.
    await publishVersions("ada/other", { "1.0.0": {} });
    await addPlugin("registry:ada/other", {
      ...project.options,
      registry: farRegistry.slice(0, -1),
    });
    const { registry, plugins } = await project.written();
    assert.deepEqual([registry, plugins[1]], [farRegistry, { plugin: "registry:ada/other" }]);
  });

  it("The registry of a plugin is the plugin's own if the project has another one", async () => {
    await publishVersions("ada/timer", { "1.0.0": {} });
    const elsewhere = join(site.folder, `elsewhere-${unique()}`);
    const project = await newProject({ registry: elsewhere });
    await addPlugin(timer, { ...project.options, registry: farRegistry });
    assert.deepEqual(await project.written(), {
      registry: elsewhere,
      plugins: [{ plugin: timer, registry: farRegistry }],
    });
    await publishVersions("ada/timer", { "1.1.0": {}, "1.0.0": {} });
    assert.equal((await updatePlugins(project.options))[0].status, "updated");
    // It stays when the plugin is added again without it.
    await addPlugin(timer, { ...project.options, onError: "warn" });
    assert.deepEqual((await project.written()).plugins, [
      { plugin: timer, registry: farRegistry, onError: "warn" },
    ]);
    const { config, ...rest } = project.options;
    const unlocked = { ...rest, lock: join(site.folder, `none-${unique()}`), trustFirstUse: true };
    assert.equal((await loadPlugins(config, unlocked)).length, 1);
  });

  it("The registry of a plugin is the plugin's own if others of the project are looked up by a variable", async () => {
    await publishVersions("ada/timer", { "1.0.0": {} });
    const project = await newProject({ plugins: [{ plugin: "registry:ada/other" }] });
    await addPlugin(timer, { ...project.options, registry: farRegistry });
    assert.deepEqual(await project.written(), {
      plugins: [{ plugin: "registry:ada/other" }, { plugin: timer, registry: farRegistry }],
    });
  });

  it("The registry of a plugin may be a folder, whose path is relative to the file", async () => {
    const project = await newProject();
    await cp(join(root, "examples/plugins"), join(project.folder, "my plugins"), {
      recursive: true,
    });
    const added = await project.keepfit(
      ...["add", "registry:keepfit/plateau", "--registry", "my plugins", "--yes"],
    );
    assert.equal(added.code, 0, added.errors);
    assert.equal((await project.written()).registry, "./my plugins/");
    assert.match(
      (await project.keepfit("update")).output,
      /^keepfit\/plateau 0\.1\.0: as before\n/,
    );
    assert.equal((await loadPlugins(project.path, { cacheDir: site.cacheDir })).length, 1);
  });

  it("The registry of a plugin is queried if nothing else names one, and any other may be named", async () => {
    await publishVersions("ada/timer", { "1.0.0": {} });
    const project = await newProject();
    await addPlugin(timer, { ...project.options, registry: farRegistry });
    await writeFile(project.path, JSON.stringify({ plugins: [{ plugin: timer }] }));
    assert.equal((await updatePlugins(project.options))[0].status, "same");
    const named = { ...project.options, registry: "https://plugins.example/none/" };
    const [{ status, error }] = await updatePlugins(named);
    assert.equal(status, "failed");
    assert.match(String(error), /the registry does not have it/);
  });

  it("The registry of a plugin is requested in terms of the shell and the project, and in code in terms of code", async () => {
    const project = await newProject();
    const { code, errors } = await project.keepfit("explain", "registry:ada/timer");
    assert.equal(code, 1);
    assert.match(errors, /no registry is named/);
    for (const way of [/--registry URL/, /KEEPFIT_REGISTRY/, /keepfit\.json/]) {
      assert.match(errors, way);
    }
    assert.doesNotMatch(errors, /\{ registry: /);
    await assert.rejects(loadPlugin("registry:ada/timer", project.options), /\{ registry: /);
  });
});

describe("A newer version outside the range", () => {
  it("A newer version outside the range is reported by update, but not installed", async () => {
    const registry = await publishVersions("ada/timer", { "2.0.0": {}, "1.1.0": {}, "1.0.0": {} });
    const project = await newProject();
    await addPlugin(timer, { ...project.options, registry });
    const [update] = await updatePlugins(project.options);
    assert.deepEqual([update.status, update.outside], ["same", "2.0.0"]);
    const { output } = await project.keepfit("update");
    assert.equal(output, "ada/timer 1.1.0: as before; 2.0.0 is out, outside ^1\n");
    // A yanked version does not count.
    await publishVersions("ada/timer", { "2.0.0": {}, "1.1.0": {} }, ["2.0.0"]);
    assert.equal((await updatePlugins(project.options))[0].outside, undefined);
  });

  it("A newer version outside the range is listed by outdated with the locked version and that of the range", async () => {
    const registry = await publishVersions("ada/timer", { "1.0.0": {} });
    const project = await newProject();
    await addPlugin(timer, { ...project.options, registry });
    const quiet = await project.keepfit("outdated");
    assert.deepEqual([quiet.code, quiet.output], [0, "everything is up to date\n"]);
    await publishVersions("ada/timer", {
      "3.0.0-rc.1": {},
      "2.0.0": {},
      "1.1.0": {},
      "1.0.0": { yankReason: "counts\nbackwards" },
    }, ["1.0.0"]);
    const before = await readFile(project.lock, "utf8");
    const [outdated] = await outdatedPlugins(project.options);
    assert.deepEqual(outdated, {
      reference: timer,
      id: "ada/timer",
      locked: "1.0.0",
      wanted: "1.1.0",
      latest: "2.0.0",
      yanked: { reason: "counts backwards" },
      isOutdated: true,
      error: undefined,
    });
    const { code, output } = await project.keepfit("outdated");
    assert.equal(code, 1);
    assert.equal(
      output,
      "Plugin     Locked  Wanted  Latest\nada/timer  1.0.0   1.1.0   2.0.0\n" +
        "  1.0.0 is yanked (counts backwards)\n",
    );
    assert.equal(await readFile(project.lock, "utf8"), before);
    const [none] = await outdatedPlugins({
      ...project.options,
      registry: new URL("/none/", registry),
    });
    assert.match(String(none.error), /the registry does not have it/);
  });
});

describe("A version that was yanked after it was locked", () => {
  /** A project that has locked version 1.0.0, which has been yanked since. */
  async function withYanked(version = "1.0.0") {
    await publishVersions("ada/timer", { [version]: {} });
    const project = await newProject({ registry: farRegistry });
    await addPlugin(timer, project.options);
    await publishVersions("ada/timer", { [version]: { yankReason: "leaks" } }, [version]);
    return project;
  }

  it("A version that was yanked after it was locked is reported by verify, without a problem", async () => {
    const project = await withYanked();
    const [verified] = await verifyPlugins(project.options);
    assert.deepEqual([verified.problems, verified.yanked], [[], { reason: "leaks" }]);
    // A registry that does not respond is not a problem either.
    site.pages.delete(meta);
    const [unknown] = await verifyPlugins(project.options);
    assert.deepEqual([unknown.problems, unknown.yanked], [[], undefined]);
    assert.match(String(unknown.registryError), /the registry does not have it/);
    // The last response is known without a network.
    const [offline] = await verifyPlugins({ ...project.options, offline: true });
    assert.deepEqual([offline.yanked, offline.registryError], [{ reason: "leaks" }, undefined]);
  });

  it("A version that was yanked after it was locked is reported by list once the registry was queried, without another query", async () => {
    const project = await withYanked();
    const yanks = async () => (await listPlugins(project.options)).map(({ yanked }) => yanked);
    assert.deepEqual(await yanks(), [undefined]);
    await verifyPlugins(project.options);
    site.asked.length = 0;
    assert.deepEqual(await yanks(), [{ reason: "leaks" }]);
    assert.deepEqual(site.asked, []);
  });

  it("A version that was yanked after it was locked is reported by explain", async () => {
    const project = await withYanked();
    const { config: _, ...options } = project.options;
    const explained = await explainPlugin(timer, { ...options, lock: project.lock });
    assert.deepEqual(explained.yanked, { reason: "leaks" });
    assert.match(explainText(explained), /^ {2}yanked +leaks$/m);
  });

  it("A version that was yanked after it was locked is reported to people in a shell, with advice", async () => {
    const registry = await publishVersions("ada/timer", { "1.0.0": {} });
    const project = await newProject({ registry });
    await addPlugin(timer, { ...project.options });
    await publishVersions("ada/timer", { "1.0.0": { yankReason: "leaks" } }, ["1.0.0"]);
    const verified = await project.keepfit("verify");
    assert.equal(verified.code, 0);
    assert.equal(
      verified.output,
      "ada/timer 1.0.0: 1 file as locked\n  yanked (leaks): keepfit update looks for another\n" +
        "their registry has no log to check: ada/timer 1.0.0\n",
    );
    assert.match(
      (await project.keepfit("list")).output,
      /^ada\/timer 1\.0\.0 .*yanked \(leaks\)$/m,
    );
    const { output } = await project.keepfit("update");
    assert.match(output, /1\.0\.0 \(yanked: leaks\)/);
  });

  it("A version that was yanked after it was locked causes one warning when a run fetches it", async () => {
    const project = await withYanked("1.0.1");
    const { config, ...rest } = project.options;
    await cleanCache({ cacheDir: site.cacheDir });
    const lines = await warned(async () => {
      await loadPlugins(config, rest);
      await cleanCache({ cacheDir: site.cacheDir });
      await loadPlugins(config, rest);
    });
    assert.deepEqual(lines, [
      "keepfit: plugin ada/timer 1.0.1 is yanked (leaks); keepfit update looks for another version",
    ]);
  });

  it("A version that was yanked after it was locked causes no request in a run that has all files, and is known from the last query", async () => {
    const project = await withYanked("1.0.2");
    const { config, ...rest } = project.options;
    site.asked.length = 0;
    assert.deepEqual(await warned(() => loadPlugins(config, rest)), []);
    assert.deepEqual(site.asked, []);
    await outdatedPlugins(project.options);
    assert.deepEqual(site.asked, [meta]);
    const lines = await warned(() => loadPlugins(config, { ...rest, offline: true }));
    assert.equal(lines.length, 1);
    assert.match(lines[0], /1\.0\.2 is yanked \(leaks\)/);
    assert.deepEqual(site.asked, [meta]);
  });

  it("A version that was yanked after it was locked does not prevent a run from starting if its registry does not respond", async () => {
    const project = await withYanked("1.0.3");
    const { config, ...rest } = project.options;
    await cleanCache({ cacheDir: site.cacheDir });
    site.pages.set(meta, () => new Response(null, { status: 500 }));
    site.asked.length = 0;
    assert.deepEqual(await warned(() => loadPlugins(config, rest)), []);
    assert.equal(site.asked.filter((path) => path === meta).length, 1);
  });
});

describe("Vendoring nothing", () => {
  it("Vendoring nothing writes nothing", async () => {
    const project = await newProject();
    const { code, output } = await project.keepfit("vendor");
    assert.deepEqual([code, output], [0, "nothing to copy\n"]);
    await assert.rejects(stat(project.path), { code: "ENOENT" });
    assert.deepEqual(await vendorPlugins({ ...project.options, directory: "elsewhere" }), []);
    await assert.rejects(stat(project.path), { code: "ENOENT" });
  });
});
