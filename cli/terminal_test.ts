import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { startChild } from "../tests/child.ts";
import { root } from "../tests/files.ts";

/** Output of the command on a terminal. */
interface Seen {
  code: number;
  /** Standard output, followed by standard error. */
  text: string;
}

/** Run command lines one after another in a folder, on a terminal where `answer` is typed. */
async function onTerminal(
  folder: string,
  lines: string[][],
  { columns = 80, colors = false, answer = "" } = {},
): Promise<Seen[]> {
  const { code, stdout, stderr } = await startChild(`
    import { getRuntime } from "keepfit/runtime";
    const { main } = await import(${JSON.stringify(String(new URL("mod.ts", import.meta.url)))});
    process.chdir(${JSON.stringify(folder)});
    let text = "";
    const print = console.log;
    console.error = (line) => text += line + "\\n";
    getRuntime().terminal = {
      write: (more) => text += more,
      ask: (question) => (text += question + "\\n", ${JSON.stringify(answer)}),
      isInteractive: true,
      hasColors: ${colors},
      columns: ${columns},
    };
    const seen = [];
    for (const line of ${JSON.stringify(lines)}) {
      text = "";
      seen.push({ code: await main(line), text });
    }
    print(JSON.stringify(seen));
  `).result;
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

const webhook = join(root, "examples/plugins/keepfit/webhook/0.1.0");
const report = join(root, "examples/plugins/keepfit/epoch-report/0.1.0");
const escape = "\x1b";
const ansi = new RegExp(`${escape}\\[\\d+m`, "g");

describe("The command on a terminal", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "keepfit-terminal-"));
  });
  after(() => rm(folder, { recursive: true }));

  it("The command has an example in each help, which fits into 44, 80 and 120 columns", async () => {
    const [{ text: all }] = await onTerminal(folder, [["--help"]]);
    const names = [...all.split("Commands:")[1].matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name)
      .filter((name) => !["help", "keepfit"].includes(name));
    assert(names.length > 15, all);
    const commands = [[], ...names.map((name) => [name]), ["key", "new"], ["cache", "clean"]];
    for (const columns of [44, 80, 120]) {
      const seen = await onTerminal(folder, commands.map((name) => [...name, "--help"]), {
        columns,
      });
      for (const [i, { code, text }] of seen.entries()) {
        const name = commands[i].join(" ");
        assert.equal(code, 0);
        assert.match(text, /^Examples?:\n {2}\S/m, name);
        assert.doesNotMatch(text, /9007199254740991/, name);
        assert(!text.includes(escape), name);
        const long = text.split("\n").filter((line) => line.length > columns);
        // A longer word is not broken.
        assert.deepEqual(long.filter((line) => /\S \S/.test(line.replace(/ \\$/, ""))), [], name);
      }
    }
  });

  it("The command refers to the help of an unknown or incomplete command, and suggests similar names", async () => {
    const lines: [string[], RegExp][] = [
      [
        ["instal"],
        /^keepfit: unknown command 'instal'\n\(Did you mean add\?\)\nRun keepfit --help/,
      ],
      [["lst"], /\(Did you mean list\?\)/],
      [["key", "nwe"], /\(Did you mean new\?\)\nRun keepfit key --help for more\./],
      [["key", "new"], /missing required argument 'FILE'\nRun keepfit key new --help for more\./],
      [["dev", ".", "--epoch", "2"], /\(Did you mean --epochs\?\)\nRun keepfit dev --help/],
    ];
    const seen = await onTerminal(folder, lines.map(([line]) => line));
    for (const [i, [, expected]] of lines.entries()) {
      assert.equal(seen[i].code, 2);
      assert.match(seen[i].text, expected);
    }
  });

  it("The command uses colors for headings and warnings, and none in JSON", async () => {
    const lines = [["explain", report], ["explain", report, "--json"], ["--help", "--json"]];
    const [explained, data, help] = await onTerminal(folder, lines, { colors: true });
    const warned = explained.text.split(`${escape}[33m`).slice(1).map((text) =>
      text.replace(ansi, "").split("\n")[0]
    );
    assert.deepEqual(warned, ["  signed by  nobody", "Not enforced"]);
    assert(explained.text.includes(`${escape}[1mMay touch`));
    for (const { text } of [data, help]) {
      assert(!text.includes(escape) && !text.includes("\\u001b"));
    }
    const [plain] = await onTerminal(folder, lines);
    assert.equal(plain.text, explained.text.replace(ansi, ""));
  });

  it("The command fits the output of add into 44 columns, without the text that is the same for all plugins", async () => {
    const [{ code, text }] = await onTerminal(folder, [["add", report, "--output-dir", "out"]], {
      columns: 44,
    });
    assert.equal(code, 1);
    assert.match(
      text,
      /y agrees that\n[^]*Add keepfit\/epoch-report 0\.1\.0\? \[y\/N\] \nNothing was added/,
    );
    assert.doesNotMatch(text, /not agreed yet|^Enforced/m);
    const long = text.split("\n").filter((line) => line.length > 44);
    assert.deepEqual(long.filter((line) => !/^ {2}from /.test(line)), []);
  });

  it("The command does not ask about a plugin with missing options, but explains how to pass them", async () => {
    const lines = [["add", webhook], ["add", webhook, "--yes"], [
      "add",
      webhook,
      "--options",
      "{}",
    ]];
    for (const { code, text } of await onTerminal(folder, lines, { columns: 200, answer: "y" })) {
      assert.equal(code, 1);
      assert.doesNotMatch(text, /\[y\/N\]/);
      assert.match(
        text,
        /options\.url: is missing, expected string: URL of the webhook, https\./,
      );
      assert.match(text, /hint: +pass --options '\{"url":"…"\}'/);
    }
    const [unwritable] = await onTerminal(folder, [["add", report]], { answer: "y" });
    assert.equal(unwritable.code, 1);
    assert.match(unwritable.text, /name a folder with --output-dir DIR/);
    await assert.rejects(readFile(join(folder, "keepfit.json")));
  });

  it("The command accepts y for what it has shown, and then explains how to load the plugin", async () => {
    const options = ["--options", `{"url":"https://hooks.example/T0"}`];
    const [refused] = await onTerminal(folder, [["add", webhook, ...options, "--yes"]]);
    assert.equal(refused.code, 1);
    assert.match(refused.text, /if you agree, pass --allow net=hooks\.example/);
    const [added] = await onTerminal(folder, [["add", webhook, ...options]], { answer: "y" });
    assert.equal(added.code, 0, added.text);
    assert.match(added.text, /it may access net hooks\.example\n/);
    assert.match(
      added.text,
      /added keepfit\/webhook 0\.1\.0\nNext: .*\n.*callbacks: "keepfit\.json"/,
    );
    const lock = JSON.parse(await readFile(join(folder, "keepfit.lock.json"), "utf8"));
    const [locked] = Object.values<{ permissions: unknown }>(lock.plugins);
    assert.deepEqual(locked.permissions, { net: ["option:url"] });
    const [again, explained] = await onTerminal(folder, [
      ["add", webhook, ...options, "--yes"],
      ["explain", "keepfit/webhook"],
    ]);
    assert.equal(again.code, 0, again.text);
    assert.match(explained.text, /net option url: .* \(agreed\)/);
  });
});
