/** Runs the commands of docs/hub.md, and those of docs/plugins.md that publish a plugin. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { type HttpServer } from "keepfit/runtime";
import { serveHub } from "keepfit/hub";
import { parseKey } from "keepfit/plugins";
import { startIn } from "../command.ts";
import { root } from "../files.ts";
import { installPackage } from "../installed.ts";
import { parseBlocks } from "../documents.ts";

/** The commands below a heading of a page. */
function commandsOf(page: string, heading: string): string[] {
  const text = readFileSync(join(root, page), "utf8");
  const part = text.split(/^(?=## )/m).find((one) => one.startsWith(`## ${heading}\n`));
  assert(part !== undefined, `${page} has no section ${heading}`);
  return parseBlocks(part).filter(({ language }) => language === "sh").map((block) => block.text);
}

describe("The pages about hubs", () => {
  let folder: string;
  const running: ChildProcess[] = [];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "keepfit-hub-page-"));
    const command = await installPackage(folder);
    // The command on PATH, on this runtime.
    await mkdir(join(folder, "bin"));
    const quoted = command.map((one) => `'${one}'`).join(" ");
    await writeFile(join(folder, "bin/keepfit"), `#!/bin/sh\nexec ${quoted} "$@"\n`);
    await chmod(join(folder, "bin/keepfit"), 0o755);
  });
  after(async () => {
    for (const child of running) child.kill();
    await Promise.all(running.map((child) => ended(child)));
    await rm(folder, { recursive: true, force: true });
  });

  /** Run a script in a shell that exits at the first failing command. */
  function shell(script: string, cwd: string, input = ""): ChildProcess {
    const child = spawn("sh", ["-ec", script], {
      cwd,
      env: {
        ...process.env,
        PATH: `${join(folder, "bin")}${delimiter}${process.env.PATH}`,
        XDG_CACHE_HOME: join(folder, "cache"),
        NO_COLOR: "1",
        KEEPFIT_REGISTRY: "",
        KEEPFIT_TOKEN: "",
      },
    });
    child.stdin?.end(input);
    return child;
  }

  it("The pages about hubs work from an empty folder to a yanked version (docs/hub.md, For yourself)", async () => {
    const cwd = join(folder, "yourself");
    await mkdir(cwd);
    const [first, ...rest] = commandsOf("docs/hub.md", "For yourself");
    assert.match(first, /\nkeepfit hub [^\n]+ --port 8000\n$/);
    // Uses a port that the system chooses, because 8000 may be in use.
    const start = first.replace("\nkeepfit hub", "\nexec keepfit hub").replace("8000", "0");
    const hub = shell(start, cwd);
    running.push(hub);
    const [url] = /http:\S+/.exec(await says(hub, "at http://127.0.0.1:")) as RegExpExecArray;
    assert.equal(rest.length, 3);
    // One shell, so that variables and the folder persist.
    const script = rest.join("\n").replaceAll("http://127.0.0.1:8000/", url);
    const { code, output } = await ended(shell(script, cwd));
    assert.equal(code, 0, output);
    assert.match(output, /published ada\/notes 0\.1\.0\n/);
    assert.match(output, /added ada\/notes 0\.1\.0\n/);
    assert.match(output, /everything is up to date\n/);
    assert.match(output, /yanked: ada\/notes 0\.1\.0\n$/);
    const config = JSON.parse(await readFile(join(cwd, "project/keepfit.json"), "utf8"));
    assert.equal(config.registry, url);
    // What the page promises to projects that have it locked.
    const verified = await ended(shell("keepfit verify", join(cwd, "project")));
    assert.match(verified.output, /yanked \(the file is written twice\)/);
    assert.match(verified.output, /^ {2}entry 1 of 2 in the log$/m);
    assert.equal(verified.code, 0);
    // The key is beside the served folder, readable only by its owner.
    const key = await stat(join(cwd, "registry.log-key.pem"));
    assert.equal(key.mode & 0o777, 0o600);
  });

  it("The pages about hubs publish with a pasted token (docs/plugins.md, Publishing)", async () => {
    const cwd = join(folder, "author");
    await mkdir(join(cwd, "registry"), { recursive: true });
    const made = await ended(shell("keepfit new ada/notes; keepfit token new", cwd));
    const token = made.output.trim().split("\n").at(-1) as string;
    assert.match(token, /^[\w-]{43}$/);
    const directory = join(cwd, "registry");
    const hub: HttpServer = await serveHub({ directory, tokens: { [token]: ["ada"] } });
    try {
      const [commands, ...others] = commandsOf("docs/plugins.md", "Publishing");
      assert.deepEqual(others, []);
      assert(commands.includes("https://hub.example/"));
      const script = commands.replaceAll("https://hub.example/", hub.url);
      const { code, output } = await ended(shell(script, cwd, `${token}\n`));
      assert.equal(code, 0, output);
      assert.match(output, /published ada\/notes 0\.1\.0\n/);
      assert.doesNotMatch(output, new RegExp(token));
    } finally {
      await hub.close();
    }
  });

  it("The pages about hubs name existing options of the command, in units and containers too", async () => {
    const text = readFileSync(join(root, "docs/hub.md"), "utf8");
    const help = (await startIn(folder, ["hub", "--help"]).ended).output;
    const lines = text.split("\n").filter((line) => /^(ExecStart|CMD)/.test(line));
    assert.equal(lines.length, 2);
    for (const option of lines.join(" ").match(/--[a-z-]+/g) ?? []) {
      assert(help.includes(`${option} `), `${option} is not in: ${help}`);
    }
  });
});

describe("The tokens of a hub", () => {
  it("The tokens of a hub come from a variable, a file and the command line together", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keepfit-hub-tokens-"));
    const tokens = ["a", "b", "c"].map((one) => one.repeat(24));
    await writeFile(join(folder, "tokens"), `# of Bob\nbob=${tokens[1]}\n`);
    const hub = startIn(
      folder,
      [
        ...["hub", ".", "--port", "0", "--tokens", "tokens", "--log-key", "key.pem"],
        "--token",
        `eve=${tokens[2]}`,
      ],
      { KEEPFIT_HUB_TOKENS: `ada=${tokens[0]}` },
    );
    try {
      const [url] = /http:\S+/.exec(await hub.says("at http:")) as RegExpExecArray;
      for (const [i, owner] of ["ada", "bob", "eve"].entries()) {
        const response = await fetch(`${url}${owner}/none/1.0.0/yank`, {
          method: "POST",
          headers: { authorization: `Bearer ${tokens[i]}` },
        });
        assert.equal(response.status, 404, owner);
        const other = await fetch(`${url}mia/none/1.0.0/yank`, {
          method: "POST",
          headers: { authorization: `Bearer ${tokens[i]}` },
        });
        assert.equal(other.status, 403);
        await Promise.all([response.text(), other.text()]);
      }
      const made = await parseKey(await readFile(join(folder, "key.pem"), "utf8"));
      const head = await (await fetch(`${url}log.head.json`)).json();
      assert.deepEqual([head.size, head.signatures[0].keyId], [0, made.keyId]);
    } finally {
      hub.end();
      await hub.ended;
      await rm(folder, { recursive: true });
    }
  });
});

/** Collect everything that a process prints from now on. */
function outputOf(child: ChildProcess, onText: (all: string) => void): void {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => onText(output += text));
  }
}

/** Wait until a process has printed a line with `text`, and return its output. */
function says(child: ChildProcess, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    outputOf(child, (all) => {
      output = all;
      const start = all.indexOf(text);
      if (start >= 0 && all.includes("\n", start)) resolve(all);
    });
    child.on("close", () => reject(new Error(`it ended without printing ${text}: ${output}`)));
  });
}

function ended(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  let output = "";
  outputOf(child, (all) => void (output = all));
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      return resolve({ code: child.exitCode, output });
    }
    child.on("close", (code) => resolve({ code, output }));
  });
}
