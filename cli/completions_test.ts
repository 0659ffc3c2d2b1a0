import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Command } from "commander";
import { start } from "../tests/command.ts";
import { completionScript, type Shell, shells } from "./completions.ts";

const isMissing = (shell: string) => spawnSync(shell, ["--version"]).error !== undefined;

describe("Completions", () => {
  const scripts = {} as Record<Shell, string>;
  /** Folder below that of a lock file, which also contains an invalid id. */
  let folder: string;
  let below: string;
  before(async () => {
    for (const shell of shells) {
      const { code, output, errors } = await start("completions", shell).ended;
      assert.equal(code, 0, errors);
      scripts[shell] = output;
    }
    folder = await mkdtemp(join(tmpdir(), "keepfit-complete-"));
    below = join(folder, "a/b");
    await mkdir(below, { recursive: true });
    const plugins = { b: { id: "ada/notes" }, c: { id: "$(touch evil)" } };
    await writeFile(join(folder, "keepfit.lock.json"), JSON.stringify({ plugins }, null, 2));
  });
  after(() => rm(folder, { recursive: true }));

  it("Completions are rejected for an unknown shell", async () => {
    assert.equal((await start("completions", "tcsh").ended).code, 2);
  });

  it("Completions complete commands, options and locked plugins in bash", async () => {
    const complete = (...words: string[]) =>
      spawnSync("bash", [
        "-c",
        `${scripts.bash}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})
COMP_CWORD=${words.length - 1}
_keepfit
echo "\${COMPREPLY[@]}"`,
      ], { encoding: "utf8", cwd: below }).stdout.trim();
    assert.equal(complete("keepfit", "pa"), "pack");
    assert.equal(complete("keepfit", "pack", "source", "--f"), "--force");
    const { output: help } = await start("hub", "--help").ended;
    const options = [...help.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, option]) => option);
    assert(options.includes("--port"), help);
    assert.deepEqual(complete("keepfit", "hub", "--").split(" "), options);
    assert.equal(complete("keepfit", "add", "x", "--tier", ""), "sandboxed trusted worker");
    assert.equal(complete("keepfit", "completions", "z"), "zsh");
    for (const command of ["remove", "update", "explain"]) {
      assert.equal(complete("keepfit", command, "a"), "ada/notes", command);
    }
    assert.deepEqual(await readdir(below), []);
  });

  it("Completions complete commands, values of options and locked plugins in fish", (t) => {
    if (isMissing("fish")) return t.skip("fish is not on PATH");
    const complete = (line: string): string[] => {
      const script = `${scripts.fish}\ncomplete -C '${line}'`;
      const { stdout } = spawnSync("fish", ["-N", "-c", script], { encoding: "utf8", cwd: below });
      return stdout.trim().split("\n").map((one) => one.split("\t")[0]);
    };
    assert.deepEqual(complete("keepfit pa"), ["pack"]);
    assert.deepEqual(complete("keepfit key "), ["new"]);
    assert.deepEqual(complete("keepfit add --tier "), ["sandboxed", "trusted", "worker"]);
    assert(complete("keepfit remove ").includes("ada/notes"));
  });

  it("Completions complete commands, values of options and locked plugins in PowerShell", async (t) => {
    if (isMissing("pwsh")) return t.skip("pwsh is not on PATH");
    const file = join(folder, "completions.ps1");
    await writeFile(file, scripts.powershell);
    const complete = (line: string): string[] => {
      const script = `Get-Content -Raw '${file}' | Invoke-Expression
$line = '${line}'
(TabExpansion2 $line $line.Length).CompletionMatches.CompletionText`;
      const { stdout, stderr } = spawnSync("pwsh", ["-NoProfile", "-Command", script], {
        encoding: "utf8",
        cwd: below,
      });
      assert.equal(stderr, "");
      return stdout.trim().split(/\r?\n/);
    };
    assert.deepEqual(complete("keepfit pa"), ["pack"]);
    assert.deepEqual(complete("keepfit key n"), ["new"]);
    assert.deepEqual(complete("keepfit pack source --f"), ["--force"]);
    assert.deepEqual(complete("keepfit add --tier "), ["sandboxed", "trusted", "worker"]);
    assert.deepEqual(complete("keepfit remove a"), ["ada/notes"]);
    assert.deepEqual(await readdir(below), []);
  });

  it("Completions offer the same in PowerShell as in bash after each command and option", () => {
    const inBash = [...scripts.bash.matchAll(/^ +'?([\w -]*?)'?\) list="(.*)" ;;$/gm)]
      .map(([, after, list]) => [after, list.replace("$(_keepfit_plugins)", "plugins")]);
    const choice = /(?:^|; )(?:choice '(.*?)'|(plugins)$)/g;
    const inPowershell = [...scripts.powershell.matchAll(/^ +'(.*)' \{ (.*) \}$/gm)]
      .map(([, after, list]) => [
        after,
        [...list.matchAll(choice)].map(([, word, plugins]) => word ?? plugins).join(" "),
      ]);
    const [, anyValue] = /^ +\{ @\((.*)\) -ccontains \$_ \} \{\}$/m.exec(scripts.powershell) ??
      assert.fail(scripts.powershell);
    inPowershell.push(...anyValue.split(", ").map((option) => [option.slice(1, -1), ""]));
    assert(inBash.length > 20);
    assert.deepEqual(inPowershell.sort(), inBash.sort());
  });

  it("Completions quote descriptions, including typographic quotes in PowerShell", () => {
    const program = new Command("own").description("It's a program.");
    program.command("run").description("Don't \u2018$(run)\u2019 it.");
    assert.match(completionScript(program, "fish"), / 'Don'\\''t \u2018\$\(run\)\u2019 it\.'\n/);
    const script = completionScript(program, "powershell");
    assert.match(script, / 'Don''t \u2018\u2018\$\(run\)\u2019\u2019 it\.'; choice /);
  });

  it("Completions are valid scripts of zsh and fish with each command", async () => {
    for (const shell of ["zsh", "fish"] as const) {
      for (const command of ["new", "dev", "check", "pack", "hub"]) {
        assert.match(scripts[shell], new RegExp(`[' ]${command}[': ]`), shell);
      }
      // The script is in a file, because fish refuses standard input that is a socket.
      const file = join(folder, shell);
      await writeFile(file, scripts[shell]);
      const { status, error } = spawnSync(shell, ["-n", file]);
      if (error !== undefined) console.log(`${shell} was skipped: it is not on PATH`);
      else assert.equal(status, 0, shell);
    }
  });
});
