import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { listFiles, root } from "../tests/files.ts";
import { fitText } from "./fit_text.ts";
import { inShell } from "./shell_words.ts";

describe("inShell", () => {
  const cases: [code: string, shell: string][] = [
    [
      `if you agree, pass { allow: { net: ["a.example","*.b"] } }`,
      "pass --allow 'net=a.example,*.b'",
    ],
    [`pass it options: {"url":"it's"}`, `pass --options '{"url":"it'\\''s"}'`],
    ["name a folder with { outputDir }", "name a folder with --output-dir DIR"],
    [
      `pass { tier: "trusted" } or { tier: "worker" }: both`,
      "--tier trusted or --tier worker: both",
    ],
    ["{ callback } as one of a, b", "--callback NAME, one of a, b"],
    ["load it with { limits: { hookTime } }", `with "limits": { "hookTime": … } in keepfit.json`],
    [`KEEPFIT_REGISTRY, or { registry: "https://..." }`, "KEEPFIT_REGISTRY, or --registry URL"],
    ["once without { offline: true }", "once without --offline"],
    ["with credentials in the option tokens if", "with credentials in KEEPFIT_AUTH_TOKENS if"],
  ];
  it("inShell replaces options in code by flags and keys of keepfit.json", () => {
    for (const [code, shell] of cases) assert(inShell(code).endsWith(shell), inShell(code));
    assert.match(inShell(`pass it options: {"n":1}`, "dev"), /pass -- '\{"n":1\}'$/);
  });

  it("inShell replaces every hint of the plugins' errors that is only valid in code", async () => {
    // Options of loadPlugin. Other text in braces is data, or a plugin's source.
    const code =
      /(?<!headers: )\{ (allow|callback|frozen|limits|lock|offline|outputDir|registry|tier|trustFirstUse)\b/;
    // These hints cannot occur on a command line.
    const unreachable = ["frozen: true, lock: false"];
    const hints: string[] = [];
    for (const path of listFiles().filter((path) => /^plugins\/.*(?<!_test)\.ts$/.test(path))) {
      const source = (await readFile(root + path, "utf8")).replace(/["'`] \+\n\s*["'`]/g, "");
      const lines = source.split("\n").filter((line) =>
        !/^\s*(\*|\/\/|import|export|const)/.test(line)
      );
      for (const line of lines) {
        const text = /["`'](?:[^"`']|"\w+")*\{ \w+[^]*/.exec(line)?.[0];
        if (text === undefined || !code.test(text)) continue;
        // The kind of a template's parts is irrelevant here.
        hints.push(text.replace(/\$\{kind\}/g, "net").replace(/: \$\{$/, `: ["a"] } }`));
      }
    }
    assert(hints.length > 5, hints.join("\n"));
    assert.deepEqual(
      hints.map((hint) => inShell(hint))
        .filter((hint) => code.test(hint) && !unreachable.some((one) => hint.includes(one))),
      [],
    );
  });
});

describe("fitText", () => {
  it("fitText breaks lines between words, with the indent of their continuation", () => {
    const text =
      "keepfit: Cannot load it at all\n  hint:     say where it is\n  - one two three four";
    assert.equal(
      fitText(text, 20),
      "keepfit: Cannot load\n         it at all\n  hint:     say\n          where it\n" +
        "          is\n  - one two three\n    four",
    );
    assert.equal(
      fitText("a-word-that-is-longer-than-a-line", 20),
      "a-word-that-is-longer-than-a-line",
    );
    assert.equal(fitText(text, undefined), text);
  });

  it("fitText continues a command after a backslash", () => {
    assert.equal(
      fitText("  keepfit add a --yes --tier b", 20),
      "  keepfit add a \\\n    --yes --tier b",
    );
  });
});
