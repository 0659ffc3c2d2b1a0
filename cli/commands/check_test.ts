import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { getRuntime } from "../../runtime/mod.ts";
import { start } from "../../tests/command.ts";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "keepfit-check-"));
});
after(() => rm(folder, { recursive: true }));

/** Write a plugin's source folder. */
async function write(
  name: string,
  module: string,
  { files = {}, callback = {}, ...more }: {
    files?: Record<string, string>;
    callback?: object;
    [key: string]: unknown;
  } = {},
): Promise<string> {
  const source = join(folder, name);
  const manifest = {
    manifestVersion: 1,
    id: `ada/${name}`,
    version: "1.0.0",
    title: name,
    description: "Of a test.",
    license: "MIT",
    authors: [{ name: "Ada" }],
    engines: { core: ">=0.1.0" },
    module: "index.js",
    callbacks: [{ name, export: "default", hooks: ["onEpochEnd"], controls: [], ...callback }],
    sandbox: { support: "unsupported", reason: "It is a test of something else." },
    repository: "https://example.com/ada/plugins",
    ...more,
  };
  const all = {
    "index.js": module,
    ...files,
    "callback.plugin.json": JSON.stringify(manifest),
  };
  for (const [path, text] of Object.entries(all)) {
    await mkdir(dirname(join(source, path)), { recursive: true });
    await writeFile(join(source, path), text);
  }
  return source;
}

async function check(...args: string[]) {
  const { code, output, errors } = await start("check", "--json", ...args).ended;
  assert.notEqual(output, "", errors);
  return { code, ...JSON.parse(output.trimEnd().split("\n").at(-1) as string) };
}

describe("keepfit check", () => {
  it("keepfit check reports size, imports and types, and accepts a good plugin", async () => {
    const source = await write("fine", "", {
      module: "src/mod.ts",
      files: {
        "src/mod.ts": `import { Callback } from "keepfit";
          export default class Fine extends Callback { override onEpochEnd(): void {} }`,
      },
    });
    const report = await check(source);
    assert.deepEqual(report.problems, []);
    assert.equal(report.code, 0);
    assert.deepEqual(report.imports, ["keepfit"]);
    assert.equal(report.module, "mod.js");
    assert.ok(report.files["mod.js"] > 0);
    const [here, ...others] = report.runtimes;
    assert.equal(here.name, getRuntime().name);
    assert.deepEqual(here.tiers, [{ tier: "trusted", problems: [] }]);
    // Runtimes that are not on PATH are skipped.
    assert.equal(others.length, 2);
    for (const { skipped, tiers, name, problems } of others) {
      if (skipped !== undefined) console.log(`${name} was not tried: ${skipped}`);
      else assert.deepEqual([problems, tiers], [[], here.tiers]);
    }
  });

  it("keepfit check prints a table for people, and exits with 1 if there is a problem", async () => {
    const source = await write(
      "writes-logs",
      "export default () => ({ onEpochEnd: (_epoch, logs) => { logs.mine = 1; } });",
    );
    const { code, output } = await start("check", source, "--here").ended;
    assert.equal(code, 1);
    assert.match(output, /^ada\/writes-logs 1\.0\.0\n {2}manifest +ok\n/);
    assert.match(output, /trusted \d+ failed/);
    assert.match(output, /\nProblems:\n {2}\w+, trusted: .*failed in onEpochEnd/);
  });

  it("keepfit check reports the problems of a manifest unchanged", async () => {
    const source = await write("wrong", "export default () => ({})", { licence: "MIT" });
    const { code, error } = await check(source, "--here");
    assert.equal(code, 1);
    assert.equal(error.code, "E_MANIFEST");
    assert.match(error.message, /licence: is not a key of a manifest/);
    const imports = await write("imports", `import "node:fs"; export default () => ({});`);
    assert.equal((await check(imports, "--here")).error.code, "E_IMPORT");
  });

  it("keepfit check reports what is declared but unused, and what is used but refused", async () => {
    const reason = "That is the point.";
    const source = await write(
      "greedy",
      `export default (_options, { write, stop }) => ({
        async onEpochEnd(epoch) {
          await write("epochs.txt", String(epoch));
          if (epoch === 1) await write("secret.bin", "").catch(() => {});
        },
      });`,
      {
        callback: { controls: ["stop", "readWeights"] },
        permissions: {
          write: [{ path: "*.txt", reason }, { path: "never.svg", reason }],
          net: [{ host: "hooks.example.com", reason }],
        },
      },
    );
    const report = await check(source, "--here");
    const [{ name }] = report.runtimes;
    assert.deepEqual(report.problems, [
      `${name}: write secret.bin was refused: it is not declared`,
    ]);
    assert.deepEqual(report.warnings, [
      "permission net hooks.example.com is declared but not used",
      "permission write never.svg is declared but not used",
      "control readWeights is declared but not used",
      "control stop is declared but not used",
    ]);
  });

  it("keepfit check passes the options after -- to the callback", async () => {
    const source = await write("options", "export default () => ({ onEpochEnd() {} });", {
      callback: {
        options: { type: "object", properties: { url: { type: "string" } }, required: ["url"] },
      },
    });
    const without = await check(source, "--here");
    assert.match(without.problems.join(), /options\.url/);
    const withOptions = await check(source, "--here", "--", `{ "url": "https://example.com" }`);
    assert.deepEqual(withOptions.problems, []);
  });

  it("keepfit check tries each tier that the manifest claims", async () => {
    const module = "export default () => ({ onEpochEnd() {} });";
    const both = await check(
      await write("both", module, { sandbox: { support: "supported" } }),
      "--here",
    );
    const tiers = both.runtimes[0].tiers as { tier: string }[];
    assert.deepEqual(tiers.map(({ tier }) => tier), ["trusted", "sandboxed"]);
    const one = await check(
      await write("one", module, { sandbox: { support: "required" } }),
      "--here",
    );
    assert.deepEqual(one.runtimes[0].tiers.map(({ tier }: { tier: string }) => tier), [
      "sandboxed",
    ]);
    assert.deepEqual([...both.problems, ...one.problems], []);
  });
});
