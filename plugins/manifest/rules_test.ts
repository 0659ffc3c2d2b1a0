import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { PluginError } from "../errors.ts";
import { parseManifest, parseSourceManifest } from "./parse.ts";
import type { PluginManifest } from "./format.ts";

const path = "../../examples/plugins/keepfit/epoch-report/0.1.0/callback.plugin.json";
const text = readFileSync(new URL(path, import.meta.url), "utf8");
const whole: PluginManifest = JSON.parse(text);

function problemsOf(source: string | object): string[] {
  try {
    parseManifest(source, "https://example.com/callback.plugin.json");
  } catch (error) {
    assert(error instanceof PluginError);
    assert.equal(error.code, "E_MANIFEST");
    return error.message.split("\n").slice(1).map((line) => line.trim());
  }
  return [];
}

const problemsWith = (change: Record<string, unknown>) => problemsOf({ ...whole, ...change });
const callback = (change: Record<string, unknown>) =>
  problemsWith({ callbacks: [{ ...whole.callbacks[0], ...change }] });

describe("A manifest's permissions", () => {
  const values: [kind: string, key: string, good: string[], bad: string[]][] = [
    [
      "net",
      "host",
      ["example.com", "a-b.c:8080", "localhost:1", "*.example.com", "127.0.0.1:9", "[::1]:80"],
      [
        "*",
        "*.com",
        "a.*.com",
        "*example.com",
        "https://example.com",
        "example.com/",
        "example.com/a",
        "Example.com",
        "ex\u00e4mple.com",
        "ex\u0430mple.com",
        "example.com.",
        "-a.com",
        "a..com",
        "user@example.com",
        "example.com:0",
        "example.com:65536",
        "example.com:",
        " example.com",
        "a".repeat(64),
        "2130706433",
        "127.1",
        "0x7f.0.0.1",
        "[0:0:0:0:0:0:0:1]",
      ],
    ],
    [
      "listen",
      "address",
      ["127.0.0.1:9464", "localhost:80", "[::1]:8080", "0.0.0.0:65535"],
      ["127.0.0.1", ":80", "*:80", "127.0.0.1:00", "127.0.0.1:70000", "http://127.0.0.1:80", "a:b"],
    ],
    ["env", "name", ["HOME", "_x1"], ["1A", "A=B", "A B", "*", "A-B", "\u00c4"]],
    ["run", "name", ["git", "g++", "notify-send", "python3.12"], [
      "/bin/sh",
      "./a",
      "..",
      "a b",
      "-rf",
      "a\\b",
      "a;b",
      "*",
    ]],
    [
      "read",
      "path",
      ["data", "data/a.csv", "/data/x", "~/data", "C:/data", "a b/\u00e9"],
      [
        "/",
        "~",
        "~/",
        "..",
        "../a",
        "a/../b",
        "/a/../b",
        "~/../a",
        "a//b",
        "C:\\a",
        "a\u0000",
        "./a",
      ],
    ],
    ["ffi", "path", ["lib/a.so", "/usr/lib/a.so"], ["../a.so", "a\\b"]],
    ["write", "path", ["plots/*.svg", "a"], ["../a", "/a", "~/a/../b", "C:/a", "a\nb", "a?b"]],
  ];
  for (const [kind, key, good, bad] of values) {
    it(`A manifest's permissions for ${kind} must be well formed`, () => {
      const found = (value: string) =>
        problemsWith({ permissions: { [kind]: [{ [key]: value, reason: "r" }] } });
      for (const one of good) assert.deepEqual(found(one), [], one);
      for (const one of bad) {
        const [problem, ...others] = found(one);
        assert.ok(
          problem?.startsWith(`permissions.${kind}[0].${key}: found `),
          `${one}: ${problem}`,
        );
        assert.deepEqual(others, [], one);
      }
    });
  }

  it("A manifest's permissions name either a value or an existing option", () => {
    const net = (entry: object) =>
      problemsWith({ permissions: { net: [{ reason: "r", ...entry }] } });
    const message = "expected either host or option";
    assert.match(net({})[0], new RegExp(message));
    assert.match(net({ host: "a.com", option: "title" })[0], new RegExp(message));
    assert.deepEqual(net({ option: "title" }), []);
    assert.throws(
      () =>
        parseSourceManifest(
          { ...whole, permissions: { net: [{ reason: "r", option: "title" }] } },
          "file:///callback.plugin.json",
        ),
      /callbacks\[0\]\.defaults\.title: found "Learning curve", expected a host in lower case/,
    );
    assert.match(net({ option: "a=b" })[0], /expected the name of an option, without =/);
    assert.deepEqual(net({ option: "tilte" }), [
      'permissions.net[0].option: found "tilte", expected an option of a callback',
    ]);
  });

  it("A manifest's titles may contain invisible characters, but none that reverse text or control a terminal", () => {
    assert.deepEqual(problemsWith({ title: "A\u200bB\ufeff", description: "x\u00ad\u2060y" }), []);
    for (const one of ["a\u202eb", "a\u2066b", "a\u001b[2J", "a\u009b2J", "a\nb", "a\u{e0041}b"]) {
      assert.match(
        problemsWith({ title: one })[0],
        /^title: found [ -~]*, expected text in one line/,
      );
    }
  });

  it("A manifest's permissions have one-line reasons without hidden text", () => {
    const why = (reason: string) => problemsWith({ permissions: { env: [{ name: "A", reason }] } });
    assert.deepEqual(why("Für die Ablage – 日本語 👩‍🔬"), []);
    for (const one of ["", "a\nb", "\u001b[2K", "a\u202eb", "\u0000", "a\u2028b"]) {
      assert.match(
        why(one)[0],
        /^permissions\.env\[0\]\.reason: found [ -~]*, expected text in one line/,
      );
    }
  });
});

describe("A manifest's hooks", () => {
  it("A manifest's hooks are listed once", () => {
    for (
      const hooks of [
        ["onEpochEnd", "onEpochEnd"],
        ["onEpochEnd", { name: "onEpochEnd", every: 2 }],
      ]
    ) {
      assert.match(
        callback({ hooks })[0],
        /^callbacks\[0\]\.hooks: found .*, expected each hook once$/,
      );
    }
    assert.match(
      callback({ controls: ["stop", "stop"] })[0],
      /controls: .*expected each value once$/,
    );
  });

  it("A manifest's hooks have a consistent order relative to other plugins", () => {
    const hook = (entry: object) => callback({ hooks: [{ name: "onEpochEnd", ...entry }] });
    assert.deepEqual(hook({ before: ["a/b"], after: ["c/d"], every: 3 }), []);
    assert.match(hook({ before: ["EarlyStopping"] })[0], /before\[0\]: .*expected owner\/name/);
    assert.deepEqual(hook({ after: [whole.id] }), [
      'callbacks[0].hooks[0].after: found "keepfit/epoch-report", expected other plugins than itself',
    ]);
    assert.deepEqual(hook({ before: ["a/b"], after: ["a/b"] }), [
      'callbacks[0].hooks[0]: found "a/b" in before and after, expected it in one of them',
    ]);
    assert.match(hook({ before: ["a/b", "a/b"] })[0], /before: .*expected each value once$/);
    assert.deepEqual(callback({ hooks: [{ name: "onTrainBegin", every: 2 }] }), [
      "callbacks[0].hooks[0].every: found 2, expected none: onTrainBegin is not called for epochs or batches",
    ]);
  });
});

describe("A manifest's files", () => {
  const [file] = Object.values(whole.files);
  const files = (...paths: string[]) =>
    problemsWith({ files: { ...whole.files, ...Object.fromEntries(paths.map((p) => [p, file])) } });

  it("A manifest's files fit into one folder on every system", () => {
    assert.deepEqual(files("INDEX.js"), [
      'files: found "index.js" twice, expected names that differ in more than case or accents',
    ]);
    assert.deepEqual(files("index.js/a.js"), [
      'files: found "index.js" as a file and as a folder, expected one of them',
    ]);
    assert.match(files("gr\u00f6\u00dfe.md", "gro\u0308\u00dfe.md")[0], /twice, expected names/);
    for (const name of ["callback.plugin.json", "Callback.plugin.JSON"]) {
      assert.match(files(name)[0], /^files: found callback\.plugin\.json, expected/);
    }
    assert.match(files("a\u0001.js")[0], /expected a relative path/);
  });

  it("A manifest's files have one spelling of their URL each, without passwords", () => {
    assert.deepEqual(files("https://example.com/a%20b.js?x=1"), []);
    for (
      const url of [
        "https://EXAMPLE.com/a.js",
        "https://example.com/b/../a.js",
        "https://u:p@example.com/a.js",
        "https://example.com/a.js#x",
        "https://example.com/a b.js",
        "https://",
      ]
    ) {
      assert.match(files(url)[0] ?? "", /expected a relative path .* or an https URL$/, url);
    }
  });

  it("A manifest's files have a valid size", () => {
    for (const size of [-1, 0.5, 1e300, 2 ** 28 + 1]) {
      const found = problemsWith({ files: { ...whole.files, "a.js": { ...file, size } } });
      assert.match(found[0], /^files\["a\.js"\]\.size: found/);
    }
  });
});

describe("A manifest", () => {
  it("A manifest that is deprecated, or informs its author, gives a reason", () => {
    assert.deepEqual(problemsWith({ stage: { name: "deprecated", message: "m" } }), []);
    assert.match(
      problemsWith({ stage: { name: "deprecated" } })[0],
      /^stage: .*expected a message/,
    );
    const telemetry = problemsWith({ telemetry: { kind: "disclosed" } });
    assert.match(telemetry[0], /^telemetry: .*expected a reason/);
  });

  it("A manifest refers to other plugins only", () => {
    const successor = problemsWith({ stage: { name: "stable", successor: whole.id } });
    assert.match(successor[0], /^stage\.successor: .*expected another plugin$/);
    const self = problemsWith({ dependencies: { [whole.id]: "^1" } });
    assert.match(self[0], /^dependencies: .*expected other plugins than itself$/);
  });

  it("A manifest has signatures of keys, each key once", () => {
    const key = `ed25519:${"A".repeat(43)}=`;
    const ed25519 = `${"A".repeat(86)}==`;
    const signed = (...signatures: object[]) => problemsWith({ signatures });
    assert.deepEqual(signed({ keyId: key, ed25519 }), []);
    assert.match(signed({ keyId: key, ed25519 }, { keyId: key, ed25519 })[0], /each key once$/);
    for (const keyId of ["k", `${"A".repeat(43)}=`, `ed25519:${"A".repeat(42)}B=`, `rsa:${key}`]) {
      assert.match(signed({ keyId, ed25519 })[0], /^signatures\[0\]\.keyId: .*expected ed25519:/);
    }
    for (const one of ["s", `${"A".repeat(85)}B==`, "A".repeat(88)]) {
      assert.match(
        signed({ keyId: key, ed25519: one })[0],
        /ed25519: .*expected a signature, 64 bytes/,
      );
    }
  });

  it("A manifest has an SPDX license and URLs without passwords", () => {
    for (const license of ["MIT", "Apache-2.0 WITH LLVM-exception", "(MIT OR GPL-2.0+) AND BSD"]) {
      assert.deepEqual(problemsWith({ license }), []);
    }
    assert.match(
      problemsWith({ license: "see file" })[0],
      /^license: .*expected an SPDX expression/,
    );
    for (const homepage of ["javascript:alert(1)", "https://u:p@example.com", "file:///a", "a"]) {
      assert.match(problemsWith({ homepage })[0], /^homepage: .*expected an http\(s\) URL$/);
    }
  });

  it("A manifest is plain data, not too deep, without keys that are special in JavaScript", () => {
    const members = (inside: string) => `${text.trimEnd().slice(0, -1)}, ${inside}}`;
    assert.deepEqual(problemsOf(members('"x-a": {"b": [1, null]}')), []);
    for (const key of ["__proto__", "constructor", "prototype"]) {
      assert.deepEqual(problemsOf(members(`"${key}": {}`)), [
        `the manifest: found key "${key}", expected another name`,
      ]);
      assert.deepEqual(problemsOf(members(`"x-a": [{"${key}": 1}]`)), [
        `the manifest.x-a[0]: found key "${key}", expected another name`,
      ]);
    }
    assert.match(problemsOf(members('"x-a": 1e999'))[0], /^the manifest\.x-a: found Infinity/);
    assert.match(problemsOf(members(String.raw`"x-a": "\ud800"`))[0], /half a character/);
    const deep = `"x-a": ${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    assert.deepEqual(problemsOf(members(deep)), ["the manifest: is nested deeper than 64"]);
    assert.match(problemsWith({ "x-a": () => 1 })[0], /found a function, expected plain data/);
    assert.match(problemsWith({ "x-a": new Map() })[0], /found an object with a class/);
    const cycle: unknown[] = [];
    cycle.push(cycle);
    assert.deepEqual(problemsWith({ "x-a": cycle }), ["the manifest: is nested deeper than 64"]);
  });

  it("A manifest with very many problems reports some and counts the others", () => {
    const keys = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, 1]));
    const problems = problemsWith(keys);
    assert.equal(problems.length, 51);
    assert.equal(problems.at(-1), "and 950 more");
  });
});
