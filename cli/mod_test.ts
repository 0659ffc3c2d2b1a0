import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { startChild } from "../tests/child.ts";
import { start } from "../tests/command.ts";
import { root } from "../tests/files.ts";

const example = join(root, "examples/plugins/keepfit/epoch-report/0.1.0");

describe("The keepfit command", () => {
  it("The keepfit command prints its help and its version", async () => {
    const help = await start("--help").ended;
    assert.equal(help.code, 0, help.errors);
    assert.match(help.output, /^ {2}pack SOURCE {2}/m);
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    assert.equal((await start("--version").ended).output, `${version}\n`);
  });

  it("The keepfit command exits with 2 for an invalid command line, and with 1 when it fails", async () => {
    const wrong = await start("hub", "a", "--prot", "1").ended;
    assert.equal(wrong.code, 2);
    assert.match(wrong.errors, /^keepfit: unknown option '--prot'\n\(Did you mean --port\?\)/);
    const unknown = await start("hbu").ended;
    assert.equal(unknown.code, 2);
    assert.match(unknown.errors, /unknown command 'hbu'\n\(Did you mean hub\?\)/);
    const nothing = await start().ended;
    assert.equal(nothing.code, 2);
    assert.match(nothing.errors, /^Usage: keepfit COMMAND/);
    const empty = await start("hub", "examples/plugins", "--host", "", "--port", "0").ended;
    assert.equal(empty.code, 2);
    assert.match(empty.errors, /^keepfit: option '--host <ADDRESS>' argument is empty\n/);
    const failed = await start("hub", "no/such/folder", "--port", "0").ended;
    assert.equal(failed.code, 1);
    assert.match(
      failed.errors,
      /^keepfit: Cannot list no\/such\/folder: no such file or directory/,
    );
  });

  it("The keepfit command prints only JSON on standard output on request, even for errors", async () => {
    const said = async (...args: string[]) => {
      const { code, output, errors } = await start(...args).ended;
      assert.equal(errors, "");
      return { code, ...JSON.parse(output) };
    };
    assert.match((await said("--json", "--version")).version, /^\d/);
    assert.match((await said("help", "pack", "--json")).help, /^Usage: keepfit pack SOURCE/);
    const wrong = await said("pack", "--json");
    assert.equal(wrong.code, 2);
    assert.match(wrong.error.message, /required option '--out <DIR>' not specified/);
    const failed = await said("hub", "no/such/folder", "--json");
    assert.equal(failed.code, 1);
    assert.match(failed.error.message, /^Cannot list no\/such\/folder/);
    const plugin = await said("pack", "tests", "--out", "no/such/folder", "--json");
    assert.match(plugin.error.message, /callback\.plugin\.json/);
  });

  it("The keepfit command says that standard output cannot be written, without a stack", async () => {
    const fault = `Object.assign(new Error("no space left"), { code: "ENOSPC" })`;
    const { stdout, stderr } = await startChild(`
      import { getRuntime } from "keepfit/runtime";
      import { createTerminal } from ${JSON.stringify(join(root, "runtime/terminal.ts"))};
      import { main } from ${JSON.stringify(join(root, "cli/mod.ts"))};
      getRuntime().terminal = createTerminal({
        writeSync() { throw ${fault}; },
        isTerminal: () => false,
        columns: () => undefined,
        env: () => undefined,
      });
      for (const line of [["--help"], ["token", "new"], ["nosuch", "--json"]]) {
        console.log(await main(line));
      }
    `).result;
    assert.equal(stdout, "1\n1\n1\n");
    const line = /^keepfit: Cannot write to standard output: no space left$/;
    for (const one of stderr.trim().split("\n")) assert.match(one, line);
  });

  it("The keepfit command serves a hub until Ctrl-C, and exits normally", async () => {
    const hub = start("hub", "examples/plugins", "--port=0");
    const line = await hub.says("http:");
    const [url] = /http:\S+/.exec(line) ?? assert.fail(line);
    const response = await fetch(`${url}index.json`);
    const { plugins } = await response.json();
    assert(plugins.some(({ id }: { id: string }) => id === "keepfit/epoch-report"));
    hub.end();
    const { code, errors } = await hub.ended;
    assert.equal(code, 0, errors);
  });

  it("The keepfit command keeps the runs of a hub in the folder of --runs", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keepfit-hub-"));
    try {
      const serve = async (use: (url: string) => Promise<unknown>) => {
        const hub = start("hub", "examples/plugins", "--port=0", "--runs", join(folder, "runs"));
        const line = await hub.says("http:");
        await use(/http:\S+/.exec(line)?.[0] ?? assert.fail(line));
        hub.end();
        const { code, errors } = await hub.ended;
        assert.equal(code, 0, errors);
      };
      await serve(async (url) => {
        const body = '{"epoch": 0, "loss": 0.5}';
        await (await fetch(`${url}publish/epoch/end/?run=a`, { method: "POST", body })).text();
      });
      await serve(async (url) => {
        const { epochs } = await (await fetch(`${url}api/v1/runs/a`)).json();
        assert.deepEqual(epochs, [{ epoch: 0, loss: 0.5 }]);
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("keepfit pack", () => {
  let folder: string;
  let source: string;
  let out: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "keepfit-pack-"));
    source = join(folder, "source");
    out = join(folder, "registry");
    await cp(example, source, { recursive: true });
    const manifest = JSON.parse(await readFile(join(source, "callback.plugin.json"), "utf8"));
    delete manifest.files;
    await writeFile(join(source, "callback.plugin.json"), JSON.stringify(manifest));
    await mkdir(join(source, "node_modules/other"), { recursive: true });
    await writeFile(join(source, "node_modules/other/index.js"), "");
    await writeFile(join(source, ".env"), "SECRET=1");
  });
  after(() => rm(folder, { recursive: true }));
  const pack = (...flags: string[]) => start("pack", source, "--out", out, ...flags).ended;

  it("keepfit pack reports a version that a hub's log does not have yet", async () => {
    const logged = join(folder, "logged");
    await mkdir(logged);
    await writeFile(join(logged, "log.jsonl"), "");
    await writeFile(join(logged, "log.head.json"), "{}");
    const { output } = await start("pack", source, "--out", logged).ended;
    assert.match(output, /has the log of a hub, which does not have this version yet/);
    const again = await start("pack", source, "--out", logged).ended;
    assert.doesNotMatch(again.output, /log of a hub/);
  });

  it("keepfit pack refuses a private key, and omits ignored files", async () => {
    const key = join(source, "key.pem");
    assert.equal((await start("key", "new", key).ended).code, 0);
    // Other users of the machine cannot read it.
    assert.equal((await stat(key)).mode & 0o077, 0);
    const again = await start("key", "new", key).ended;
    assert.equal(again.code, 1, again.errors);
    const refused = await pack();
    assert.equal(refused.code, 1);
    assert.match(refused.errors, /key\.pem contains a private key, which everybody could read/);
    await assert.rejects(readdir(out));
    await writeFile(
      join(source, ".gitignore"),
      "*.pem\n*.js\n",
    );
    await mkdir(join(source, "notes"));
    await writeFile(join(source, "notes/.gitignore"), "draft.md\n");
    for (const name of ["draft.md", "read.md"]) await writeFile(join(source, "notes", name), "x");
    try {
      // The module is not ignored, but a file that it imports is.
      assert.match((await pack()).errors, /which its manifest does not list/);
      await writeFile(join(source, ".npmignore"), "*.pem\n");
      assert.equal((await pack()).code, 0);
      const files = await readdir(join(out, "keepfit/epoch-report/0.1.0"), { recursive: true });
      assert(files.includes("notes/read.md"), files.join());
      assert(!files.some((name) => /key\.pem|draft\.md/.test(name)), files.join());
    } finally {
      for (const name of ["key.pem", ".gitignore", ".npmignore", "notes"]) {
        await rm(join(source, name), { recursive: true, force: true });
      }
      await rm(out, { recursive: true, force: true });
    }
  });

  it("keepfit pack packs the published example again, byte for byte", async () => {
    const { code, output, errors } = await pack();
    assert.equal(code, 0, errors);
    assert.match(output, /^packed keepfit\/epoch-report 0\.1\.0, 4 files\n/);
    const folder = "keepfit/epoch-report/0.1.0";
    const registry = join(root, "examples/plugins");
    for (
      const path of [
        "keepfit/epoch-report/meta.json",
        `${folder}/callback.plugin.json`,
        `${folder}/index.js`,
        `${folder}/chart/ticks.js`,
      ]
    ) {
      const [packed, stored] = [join(out, path), join(registry, path)];
      assert.equal(await readFile(packed, "utf8"), await readFile(stored, "utf8"), path);
    }
    const packed = await readdir(join(out, folder));
    assert.deepEqual(packed.sort(), ["callback.plugin.json", "chart", "index.js"]);
  });

  it("keepfit pack never changes an existing version without --force", async () => {
    await pack();
    assert.equal((await pack()).code, 0);
    await writeFile(join(source, "chart/ticks.js"), "export const niceTicks = () => [0, 1];");
    const refused = await pack();
    assert.equal(refused.code, 1);
    assert.match(
      refused.errors,
      /published with other bytes, and a published version never changes/,
    );
    assert.equal((await pack("--force")).code, 0);
  });

  it("keepfit pack refuses a plugin that could not be loaded", async () => {
    await writeFile(join(source, "chart/ticks.js"), `import "node:fs";`);
    const { code, errors } = await pack("--force");
    assert.equal(code, 1);
    assert.match(errors, /it imports "node:fs" \(line 1, column 8\), which belongs to one runtime/);
  });

  it("keepfit pack requires bundling of TypeScript, and publishes the bundled module", async () => {
    const typed = join(folder, "typed");
    await mkdir(join(typed, "src"), { recursive: true });
    const manifest = JSON.parse(await readFile(join(source, "callback.plugin.json"), "utf8"));
    manifest.id = "ada/typed";
    manifest.module = "src/mod.ts";
    await writeFile(join(typed, "callback.plugin.json"), JSON.stringify(manifest));
    await writeFile(
      join(typed, "src/mod.ts"),
      `import { Callback, type Logs } from "keepfit";
      import { half } from "./half.ts";
      export default class Typed extends Callback {
        onTrainBegin(): void {}
        override onEpochEnd(epoch: number, _logs: Logs): void { half(epoch); }
      }`,
    );
    await writeFile(
      join(typed, "src/half.ts"),
      "export const half = (n: number): number => n / 2;",
    );
    await writeFile(join(typed, "README.md"), "# Typed\n");
    const plain = await start("pack", typed, "--out", out).ended;
    assert.equal(plain.code, 1);
    assert.match(plain.errors, /found src\/half\.ts, which is TypeScript; expected .*--bundle/s);
    const { code, output, errors } = await start("pack", typed, "--out", out, "--bundle").ended;
    assert.equal(code, 0, errors);
    assert.match(output, /^packed ada\/typed 0\.1\.0, 3 files\n/);
    const typedFolder = join(out, "ada/typed/0.1.0");
    assert.deepEqual((await readdir(typedFolder)).sort(), [
      "README.md",
      "callback.plugin.json",
      "mod.js",
    ]);
    const text = await readFile(join(typedFolder, "mod.js"), "utf8");
    assert.match(text, /from "keepfit"/);
    assert.match(text, /n \/ 2/);
    const packed = JSON.parse(await readFile(join(typedFolder, "callback.plugin.json"), "utf8"));
    assert.equal(packed.module, "mod.js");
  });
});
