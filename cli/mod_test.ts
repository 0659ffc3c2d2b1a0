import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { getRuntime } from "../runtime/mod.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const example = join(root, "examples/plugins/keepfit/epoch-report/0.1.0");
const runtimeArguments = {
  deno: ["run", "--no-check", "-A"],
  bun: [],
  node: ["--import", "tsx"],
}[getRuntime().name];

interface Ended {
  code: number | null;
  output: string;
  errors: string;
}

/** Start the command as a process of this runtime. */
function start(...args: string[]): { ended: Promise<Ended>; says: Promise<string>; end(): void } {
  const command = [...runtimeArguments, join(root, "cli/keepfit.ts"), ...args];
  const child = spawn(process.execPath, command, { cwd: root });
  let output = "";
  let errors = "";
  child.stderr.on("data", (data) => errors += data);
  const says = new Promise<string>((resolve) => {
    child.stdout.on("data", (data) => {
      output += data;
      if (output.includes("\n")) resolve(output);
    });
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output, errors }));
  });
  // Not child.kill(): after that, Deno 2.9 reports the signal and not the exit code.
  return { ended, says, end: () => process.kill(child.pid as number, "SIGINT") };
}

describe("the command", () => {
  it("explains itself and tells its version", async () => {
    const help = await start("--help").ended;
    assert.equal(help.code, 0, help.errors);
    assert.match(help.output, /keepfit pack SOURCE --out DIR/);
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    assert.equal((await start("--version").ended).output, `${version}\n`);
  });

  it("ends with 2 when it does not understand, and with 1 when it fails", async () => {
    const wrong = await start("hub", "a", "--prot", "1").ended;
    assert.equal(wrong.code, 2);
    assert.match(wrong.errors, /there is no --prot; there are --help, --host, --port\n\nkeepfit /);
    const failed = await start("hub", "no/such/folder", "--port", "0").ended;
    assert.equal(failed.code, 1);
    assert.match(
      failed.errors,
      /^keepfit: Cannot list no\/such\/folder: no such file or directory/,
    );
  });

  it("serves a hub until Ctrl-C, which ends it well", async () => {
    const hub = start("hub", "examples/plugins", "--port=0");
    const ended = hub.ended.then(({ errors }) => assert.fail(`ended early: ${errors}`));
    const line = await Promise.race([hub.says, ended]);
    const [url] = /http:\S+/.exec(line) ?? assert.fail(line);
    const response = await fetch(`${url}index.json`);
    assert.equal((await response.json()).plugins[0].id, "keepfit/epoch-report");
    ended.catch(() => {});
    hub.end();
    const { code, errors } = await hub.ended;
    assert.equal(code, 0, errors);
  });
});

describe("packing a plugin", () => {
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

  it("makes the published example again, byte for byte", async () => {
    const { code, output, errors } = await pack();
    assert.equal(code, 0, errors);
    assert.match(output, /^packed keepfit\/epoch-report 0\.1\.0, 4 files\n/);
    const place = "keepfit/epoch-report/0.1.0";
    const registry = join(root, "examples/plugins");
    for (
      const path of [
        "index.json",
        "keepfit/epoch-report/meta.json",
        `${place}/callback.plugin.json`,
        `${place}/index.js`,
        `${place}/chart/ticks.js`,
      ]
    ) {
      const [packed, stored] = [join(out, path), join(registry, path)];
      assert.equal(await readFile(packed, "utf8"), await readFile(stored, "utf8"), path);
    }
    const packed = await readdir(join(out, place));
    assert.deepEqual(packed.sort(), ["callback.plugin.json", "chart", "index.js"]);
  });

  it("never changes a version that is there, unless it is told to", async () => {
    await pack();
    assert.equal((await pack()).code, 0);
    await writeFile(join(source, "chart/ticks.js"), "export const niceTicks = () => [0, 1];");
    const refused = await pack();
    assert.equal(refused.code, 1);
    assert.match(refused.errors, /is there and differs; a published version never changes/);
    assert.equal((await pack("--force")).code, 0);
  });

  it("refuses a plugin that could not be loaded", async () => {
    await writeFile(join(source, "chart/ticks.js"), `import "node:fs";`);
    const { code, errors } = await pack("--force");
    assert.equal(code, 1);
    assert.match(errors, /it imports "node:fs" \(line 1, column 9\), which belongs to one runtime/);
  });
});
