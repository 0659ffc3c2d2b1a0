import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { startIn } from "../../tests/command.ts";
import { root } from "../../tests/files.ts";

const plugin = (name: string) => join(root, `examples/plugins/keepfit/${name}/0.1.0`);

describe("keepfit add with a path", () => {
  let folder: string;
  let project: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "keepfit-add-"));
    project = join(folder, "my project");
    await mkdir(project);
  });
  after(() => rm(folder, { recursive: true }));

  const keepfit = (...args: string[]) => startIn(project, args).ended;
  const read = async (name: string) => JSON.parse(await readFile(join(project, name), "utf8"));

  it("keepfit add rejects an empty path, which is neither the working directory nor the root", async () => {
    const author = join(folder, "author");
    await cp(plugin("plateau"), author, { recursive: true });
    for (const args of [["add", "", "--yes"], ["add", " "], ["pack", "", "--out", "public"]]) {
      const { code, errors } = await startIn(author, args).ended;
      assert.equal(code, 1);
      assert.match(errors, /Cannot use ''( as a directory for [^:]+)?: a path must not be empty/);
    }
  });

  it("keepfit add accepts manifests and folders, relative and absolute, with any characters in their names", async () => {
    const inside = "plug ins/50% größe?#1";
    await cp(plugin("epoch-report"), join(project, inside), { recursive: true });
    await cp(plugin("plateau"), join(folder, "shared/plateau"), { recursive: true });
    const added = async (path: string, ...args: string[]) => {
      const { code, output, errors } = await keepfit("add", path, "--yes", ...args);
      assert.equal(code, 0, `${path}: ${output}${errors}`);
    };
    await added(inside, "--output-dir", "out put");
    await added(`./${inside}/callback.plugin.json`, "--output-dir", "out put");
    await added("../shared/plateau", "--options", `{"expression":"loss"}`);
    await added(join(folder, "shared/plateau/callback.plugin.json"), "--options", "{}");
    const own = "./plug%20ins/50%25%20gr%C3%B6%C3%9Fe%3F%231/callback.plugin.json";
    const shared = "../shared/plateau/callback.plugin.json";
    const { plugins } = await read("keepfit.json");
    assert.deepEqual(plugins.map((one: { plugin: string }) => one.plugin), [own, shared]);
    assert.equal(plugins[0].outputDir, "./out put");
    assert.deepEqual(Object.keys((await read("keepfit.lock.json")).plugins).sort(), [shared, own]);
  });

  it("A plugin added by path is found by each form in verify, update and remove", async () => {
    const verified = await keepfit("verify");
    assert.equal(verified.code, 0, verified.output);
    assert.match(verified.output, /plateau 0\.1\.0.*\n.*epoch-report 0\.1\.0/);
    const updated = await keepfit("update", "../shared/plateau");
    assert.match(updated.output, /^keepfit\/plateau 0\.1\.0: /);
    assert.doesNotMatch(updated.output, /epoch-report/);
    await rm(join(folder, "shared"), { recursive: true });
    const removed = await keepfit("remove", join(folder, "shared/plateau"));
    assert.equal(removed.code, 0, removed.errors);
    assert.equal((await keepfit("remove", "./plug ins/50% größe?#1/")).code, 0);
    assert.deepEqual((await read("keepfit.json")).plugins, []);
    assert.deepEqual((await read("keepfit.lock.json")).plugins, {});
  });

  it("keepfit add names the paths that it tried, and how to name a registry's plugin", async () => {
    const missing = await keepfit("explain", "keepfit/webhook");
    assert.equal(missing.code, 1);
    assert.match(missing.errors, /^keepfit: Cannot find a plugin at keepfit\/webhook/);
    assert.match(missing.errors, /write registry:keepfit\/webhook/);
    assert.match((await keepfit("add", "..")).errors, /a folder without callback\.plugin\.json/);
    assert.doesNotMatch((await keepfit("add", "")).errors, /import\.meta/);
  });
});
