import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { getRuntime } from "../../runtime/mod.ts";
import { version } from "../../plugins/manifest/version.ts";
import { fromFolder, fromRegistry } from "../keepfit_source.ts";
import { newDependencies, newFiles } from "../new_files.ts";
import { start } from "../../tests/command.ts";
import { root } from "../../tests/files.ts";
import { installPackage } from "../../tests/installed.ts";

const { name: runtime } = getRuntime();
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "keepfit-new-"));
});
after(() => rm(folder, { recursive: true }));

describe("keepfit new", () => {
  it("keepfit new is refused in a folder that is not empty, and with invalid names or hooks", async () => {
    const taken = join(folder, "taken");
    await mkdir(taken);
    await writeFile(join(taken, "notes.txt"), "mine");
    const { code, errors } = await start("new", "ada/taken", "--out", taken).ended;
    assert.equal(code, 1);
    assert.match(errors, /expected a new folder, found files/);
    assert.deepEqual(await readdir(taken), ["notes.txt"]);
    for (const args of [["Ada/Taken"], ["taken"], ["ada/a", "--hooks", "onEpoch"]]) {
      const { code, errors } = await start("new", ...args).ended;
      assert.equal(code, 2);
      assert.match(errors, /It must be owner\/name|Unknown: onEpoch; available are onTrainBegin/);
    }
  });

  it("keepfit new pins the versions that keepfit is tested with", async () => {
    const { dependencies, devDependencies } = JSON.parse(
      await readFile(join(root, "package.json"), "utf8"),
    );
    const present = { ...dependencies, ...devDependencies };
    for (const [name, version] of Object.entries(newDependencies)) {
      assert.equal(version, `^${present[name]}`);
    }
  });

  it("keepfit new in a clone uses the package built there, and explains how to build a missing one", async () => {
    const { code, errors } = await start("new", "ada/cloned", "--out", join(folder, "cloned"))
      .ended;
    const isBuilt = code === 0;
    assert.equal(existsSync(join(root, "dist/npm/package.json")), isBuilt);
    assert.match(
      errors,
      isBuilt ? /^$/ : /Cannot create a plugin: .*; build it with npm run build/,
    );
    assert.equal(existsSync(join(folder, "cloned")), isBuilt);
  });

  it("keepfit new uses a registry once keepfit is published, and only then", () => {
    const plugin = { id: "ada/notes", hooks: ["onEpochEnd"], controls: [] };
    const built = { bin: { keepfit: "cli/keepfit.js" }, exports: { ".": "./mod.js" } };
    const none = { dependencies: {}, peerDependencies: {} };
    const local = newFiles({
      ...plugin,
      keepfit: fromFolder("../my%20keepfit", { ...built, ...none }),
    });
    const text = JSON.stringify(local);
    assert.doesNotMatch(text, /npm:|jsr:/);
    assert.equal(JSON.parse(local["package.json"]).devDependencies.keepfit, "file:../my keepfit");
    assert.equal(JSON.parse(local["deno.json"]).imports["keepfit"], "../my%20keepfit/mod.js");
    assert.match(local["README.md"], /not published yet/);

    const released = newFiles({ ...plugin, keepfit: fromRegistry("@ada/keepfit") });
    assert.equal(
      JSON.parse(released["package.json"]).devDependencies.keepfit,
      `npm:@ada/keepfit@^${version}`,
    );
    assert.deepEqual(JSON.parse(released["deno.json"]).imports, {
      "keepfit": `npm:@ada/keepfit@^${version}`,
      "keepfit/": `npm:/@ada/keepfit@^${version}/`,
      "keepfit/command": `npm:@ada/keepfit@^${version}`,
    });
    assert.doesNotMatch(JSON.stringify(released), /no registry|file:/);
  });

  describe("A new plugin with keepfit as a package", () => {
    const modules = () => join(folder, "node_modules");
    /** Run the command of the package in the user's folder. */
    const keepfit = (...args: string[]) => run(command[0], [...command.slice(1), ...args], folder);
    let command: string[];
    before(async () => {
      // The name of the runtime of this test.
      await mkdir(join(folder, "bin"));
      await symlink(process.execPath, join(folder, "bin", runtime));
      command = await installPackage(folder);
    });

    const plugins: [what: string, name: string, ...flags: string[]][] = [
      ["that looks at epochs", "ada/loss-to-slack"],
      [
        "with every kind of hook and a control",
        "ada/2nd-look",
        "--hooks=onTrainBegin,onEpochEnd,onTrainBatchEnd,onTestEnd,onPredictBatchEnd,onException",
        "--controls=stop,setLearningRate",
      ],
      ["that looks at predictions only", "ada/predictions", "--hooks=onPredictEnd"],
    ];
    for (const [what, id, ...flags] of plugins) {
      it(`A new plugin ${what} passes its tests and type check immediately`, async () => {
        const out = join(folder, id.split("/")[1]);
        const begun = await keepfit("new", id, "--json", ...flags);
        assert.deepEqual(JSON.parse(begun).files, [
          ".gitignore",
          ".npmrc",
          "README.md",
          "callback.plugin.json",
          "deno.json",
          "package.json",
          "src/mod.ts",
          "src/mod_test.ts",
          "tsconfig.json",
        ]);
        await symlink(modules(), join(out, "node_modules"));
        const test = {
          deno: ["test", "-A", "src/"],
          bun: ["test"],
          node: ["--import", "tsx", "--test", "src/mod_test.ts"],
        }[runtime];
        const printed = await run(process.execPath, test, out);
        assert.match(printed, /\b2 pass|pass 2|2 steps/);
        if (runtime === "node") {
          await run(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "."], out);
        }
      });
    }

    it("A new plugin names its schema for editors, and is packed without that path", async () => {
      const source = join(folder, "loss-to-slack");
      const { $schema, ...rest } = await readJson(join(source, "callback.plugin.json"));
      const schema = await readJson(join(source, $schema));
      assert.equal(schema.title, "Manifest of a keepfit plugin, version 1");
      assert.equal(rest.repository, undefined);
      const out = join(folder, "public");
      await keepfit("pack", source, "--bundle", "--out", out);
      const packed = await readJson(join(out, "ada/loss-to-slack/0.1.0/callback.plugin.json"));
      assert.deepEqual(Object.keys(packed).sort(), [...Object.keys(rest), "files"].sort());
    });

    it("A new plugin supports its next steps with all dependencies installed", async () => {
      const said = await keepfit("new", "ada/next-steps", "--out", "next steps");
      const [, steps] = said.match(
        {
          deno: /^ *Deno +(.+)$/m,
          bun: /^ *Bun +(.+)$/m,
          node: /^ *Node +(.+)$/m,
        }[runtime],
      ) as RegExpMatchArray;
      const ended = await shell(steps, folder);
      if (ended.code !== 0 && unreachable.test(ended.output)) {
        return console.log(`skipped: it needs packages of npm's registry: ${ended.output}`);
      }
      assert.equal(ended.code, 0, ended.output);
      assert.match(ended.output, /\b2 pass|pass 2|2 steps/);
      assert.match(ended.output, new RegExp(`${runtime} \\S+ +trusted ok, sandboxed ok`));

      const out = join(folder, "next steps");
      const [dev] = said.match(
        {
          deno: /deno task dev/,
          bun: /bun run dev/,
          node: /npm run dev/,
        }[runtime],
      ) as RegExpMatchArray;
      const trained = await shell(dev, out, "epoch 1:");
      assert.match(trained.output, /^ended after \d+ epochs$/m);

      if (runtime === "node") {
        const readme = await readFile(join(root, "README.md"), "utf8");
        const [command] = readme.match(/^npx .*keepfit --help/m) as RegExpMatchArray;
        assert.match((await shell(command, out)).output, /^Usage: keepfit COMMAND/);
      }
      await rm(join(out, "src/mod_test.ts"));
      const test = { deno: "deno task test", bun: "bun test", node: "npm test" }[runtime];
      assert.notEqual((await shell(test, out)).code, 0, "a run without tests must fail");
    });
  });
});

const readJson = async (path: string) => JSON.parse(await readFile(path, "utf8"));

// Messages of npm, Bun and Deno without a network.
const unreachable =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENOTCACHED|ConnectionRefused|FailedToOpenSocket|error sending request|dns error/;

/**
 * Run a line in a shell.
 *
 * @param until output after which it is interrupted
 */
function shell(
  line: string,
  cwd: string,
  until?: string,
): Promise<{ code: number | null; output: string }> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(line, {
    cwd,
    shell: true,
    detached: true,
    env: {
      ...env,
      PATH: `${join(folder, "bin")}${delimiter}${env.PATH}`,
      NO_COLOR: "1",
      FORCE_COLOR: "0",
      // Packages in this machine's cache are not fetched again.
      npm_config_prefer_offline: "true",
      npm_config_audit: "false",
      npm_config_fund: "false",
      npm_config_update_notifier: "false",
    },
  });
  let output = "";
  let isEnded = false;
  const read = (data: unknown) => {
    output += data;
    if (until === undefined || isEnded || !output.includes(until)) return;
    isEnded = true;
    process.kill(-(child.pid as number), "SIGINT");
  };
  child.stdout.on("data", read);
  child.stderr.on("data", read);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}

/** Run a command and return its output; reject with the output if it fails. */
function run(command: string, args: string[], cwd: string): Promise<string> {
  // Node's test runner does not run inside another one.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(command, args, { cwd, env: { ...env, NO_COLOR: "1", FORCE_COLOR: "0" } });
  let output = "";
  child.stdout.on("data", (data) => output += data);
  child.stderr.on("data", (data) => output += data);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) return resolve(output);
      reject(new Error(`${command} ${args.join(" ")} ended with ${code}:\n${output}`));
    });
  });
}
