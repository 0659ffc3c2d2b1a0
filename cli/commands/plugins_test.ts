import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { serveHub } from "keepfit/hub";
import type { HttpServer } from "keepfit/runtime";
import { startIn } from "../../tests/command.ts";
import { root } from "../../tests/files.ts";

const example = join(root, "examples/plugins/keepfit/epoch-report/0.1.0");
const token = "a-token-of-twenty-characters";

describe("A plugin from its author to its user", () => {
  let folder: string;
  let hub: HttpServer;
  let source: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "keepfit-cli-"));
    source = join(folder, "source");
    await cp(example, source, { recursive: true });
    const { makeDir } = (await import("keepfit/runtime")).getRuntime().fs;
    await makeDir(join(folder, "registry"));
    await makeDir(join(folder, "project"));
    hub = await serveHub({ directory: join(folder, "registry"), tokens: { [token]: ["keepfit"] } });
  });
  after(async () => {
    await hub.close();
    await rm(folder, { recursive: true });
  });

  /** Run the command in the project's folder. @returns its JSON output */
  async function keepfit(...args: string[]): Promise<{ code: number | null; result: Result }> {
    const { code, output, errors } = await startIn(join(folder, "project"), [...args, "--json"], {
      KEEPFIT_REGISTRY: hub.url,
      XDG_CACHE_HOME: join(folder, "cache"),
    }).ended;
    assert.notEqual(output, "", errors);
    return { code, result: JSON.parse(output) };
  }

  // deno-lint-ignore no-explicit-any -- the tests read the output as a program would
  type Result = any;

  it("A plugin is signed, published, inspected, added, verified, vendored and removed", async () => {
    const keyFile = join(folder, "key.pem");
    const { result: { keyId } } = await keepfit("key", "new", keyFile);
    assert.match(keyId, /^ed25519:/);
    assert.match((await keepfit("key", "new", keyFile)).result.error.message, /key\.pem/);
    assert.match(await readFile(keyFile, "utf8"), /BEGIN PRIVATE KEY/);

    const publish = ["publish", source, "--registry", hub.url, "--key", keyFile];
    assert.equal((await keepfit(...publish)).code, 1);
    const published = await keepfit(...publish, "--token", token);
    assert.equal(published.result.isNew, true, JSON.stringify(published));

    const reference = "registry:keepfit/epoch-report@^0.1";
    const { result: explained } = await keepfit("explain", reference);
    assert.deepEqual(explained.signers, [keyId]);
    assert.deepEqual(explained.permissions[0].kind, "write");
    const refused = await keepfit("add", reference, "--output-dir", "reports");
    assert.deepEqual([refused.code, refused.result.added], [1, false]);
    const added = await keepfit("add", reference, "--output-dir", "reports", "--yes");
    assert.deepEqual([added.code, added.result.added], [0, true]);
    const config = JSON.parse(await readFile(join(folder, "project/keepfit.json"), "utf8"));
    assert.equal(config.plugins[0].plugin, reference);
    const { result: listed } = await keepfit("list");
    assert.equal(listed.plugins[0].locked.id, "keepfit/epoch-report");
    assert.deepEqual(listed.plugins[0].locked.signers, [keyId]);

    assert.equal((await keepfit("verify")).code, 0);
    const { result: vendored } = await keepfit("vendor");
    assert.equal(vendored.plugins[0].files, 4);
    const kept = "vendor/keepfit/epoch-report/0.1.0/index.js";
    await stat(join(folder, "project", kept));
    await writeFile(join(folder, "project", kept), "evil();");
    const verified = await keepfit("verify");
    assert.equal(verified.code, 1);
    assert.match(verified.result.plugins[0].problems[0], /index\.js/);

    const { result: { removed } } = await keepfit("remove", "keepfit/epoch-report");
    assert.equal(removed.length, 1);
    assert.deepEqual((await keepfit("list")).result.plugins, []);

    const yank = ["yank", "keepfit/epoch-report@0.1.0", "--registry", hub.url];
    assert.match((await keepfit(...yank)).result.error.message, /--token/);
    const noVersion = ["yank", "keepfit/epoch-report", "--registry", hub.url, "--token", token];
    assert.match((await keepfit(...noVersion)).result.error.message, /OWNER\/NAME@VERSION/);
    const tokenFile = join(folder, "token");
    await writeFile(tokenFile, `${token}\n`);
    const byFile = await keepfit(...yank, "--token-file", tokenFile);
    assert.deepEqual(byFile.result.yanked, ["0.1.0"]);
    const twice = await keepfit(...yank, "--token-file", tokenFile, "--token", token);
    assert.match(twice.result.error.message, /--token-file|conflict|cannot be used/);
    assert.equal((await keepfit("add", reference, "--output-dir", "r", "--yes")).code, 1);
    assert.deepEqual((await keepfit(...yank, "--token", token, "--undo")).result.yanked, []);
  });

  it("A plugin is not replaced by one with more trust, unless that is accepted", async () => {
    // A local plugin keeps its path when its content changes.
    const reference = pathToFileURL(join(source, "callback.plugin.json")).href;
    await keepfit("add", reference, "--output-dir", "reports", "--yes");
    assert.equal((await keepfit("update", "--dry-run")).result.updates[0].status, "same");
    const path = join(source, "callback.plugin.json");
    const manifest = JSON.parse(await readFile(path, "utf8"));
    manifest.callbacks[0].controls = ["writeWeights"];
    await writeFile(path, JSON.stringify(manifest));
    const update = await keepfit("update");
    assert.equal(update.code, 1);
    assert.equal(update.result.updates[0].status, "refused");
    assert.equal(update.result.updates[0].differences[0].weakens, true);
    assert.equal((await keepfit("update", "--accept")).result.updates[0].status, "updated");
    const { result } = await keepfit("cache", "clean");
    assert(result.bytes > 0);
  });
});
