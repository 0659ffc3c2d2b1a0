import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { getRuntime } from "../../runtime/mod.ts";
import { newDependencies } from "../new_files.ts";
import { start } from "../../tests/command.ts";
import { root } from "../../tests/files.ts";

const { name: runtime } = getRuntime();
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "keepfit-new-"));
});
after(() => rm(folder, { recursive: true }));

describe("a new plugin", () => {
  it("is refused where something is, and with names or hooks that there are not", async () => {
    const taken = join(folder, "taken");
    await mkdir(taken);
    await writeFile(join(taken, "notes.txt"), "mine");
    const { code, errors } = await start("new", "ada/taken", "--out", taken).ended;
    assert.equal(code, 1);
    assert.match(errors, /found files there; wanted a new folder/);
    assert.deepEqual(await readdir(taken), ["notes.txt"]);
    for (const args of [["Ada/Taken"], ["taken"], ["ada/a", "--hooks", "onEpoch"]]) {
      const { code, errors } = await start("new", ...args).ended;
      assert.equal(code, 2);
      assert.match(errors, /It must be owner\/name|There is no onEpoch; there are onTrainBegin/);
    }
  });

  it("names the versions that keepfit is tested with", async () => {
    const { dependencies, devDependencies } = JSON.parse(
      await readFile(join(root, "package.json"), "utf8"),
    );
    const present = { ...dependencies, ...devDependencies };
    for (const [name, version] of Object.entries(newDependencies)) {
      assert.equal(version, `^${present[name]}`);
    }
  });

  describe("with keepfit as it is published", () => {
    const modules = () => join(folder, "node_modules");
    before(async () => {
      await mkdir(modules());
      await run(process.execPath, [
        ...{ deno: ["run", "-A", "--no-check"], bun: [], node: ["--import", "tsx"] }[runtime],
        join(root, "build/npm.ts"),
        join(modules(), "keepfit"),
      ], root);
      for (const name of await readdir(join(root, "node_modules"))) {
        await symlink(join(root, "node_modules", name), join(modules(), name));
      }
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
      it(`${what} passes its tests and type check at once`, async () => {
        const out = join(folder, id.split("/")[1]);
        const begun = await start("new", id, "--out", out, "--json", ...flags).ended;
        assert.equal(begun.code, 0, begun.errors);
        assert.deepEqual(JSON.parse(begun.output).files, [
          ".gitignore",
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
  });
});

/** What a command prints; rejects with it when the command fails. */
function run(command: string, args: string[], cwd: string): Promise<string> {
  // Node's test runner is no other one inside of itself.
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
