import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { createRandom, isLong, mutateJson, mutateText, someText } from "../../tests/seeded.ts";
import { PluginError } from "../errors.ts";
import { parseIntegrity } from "./integrity.ts";
import { parseManifest, parseSourceManifest } from "./parse.ts";
import type { PluginManifest } from "./format.ts";
import { parseModule } from "../modules/parse_module.ts";
import { compareVersions, parseRange, parseVersion, satisfies } from "./semver.ts";

const url = "https://example.com/callback.plugin.json";
const path = "../../examples/plugins/keepfit/epoch-report/0.1.0/callback.plugin.json";
const example = readFileSync(new URL(path, import.meta.url), "utf8");
const { callbacks: [entry], ...simple } = JSON.parse(example);
const rich: Record<string, unknown> = {
  ...simple,
  callbacks: [{
    ...entry,
    options: {
      ...entry.options,
      properties: { ...entry.options.properties, host: { type: "string" } },
    },
    defaults: { ...entry.defaults, host: "a.example" },
  }],
  $schema: "https://example.com/schema.json",
  compat: { "0.0.9": "^0.1" },
  runtimes: ["deno", "node"],
  backends: ["cpu"],
  optionalPermissions: {
    net: [{ host: "*.example.com", reason: "r" }, { option: "host", reason: "r" }],
    env: [{ name: "TOKEN", reason: "r" }],
    listen: [{ address: "127.0.0.1:9464", reason: "r" }],
    read: [{ path: "~/data", reason: "r" }],
    run: [{ name: "git", reason: "r" }],
  },
  peers: { "@tensorflow/tfjs": "^4.22 || ^5" },
  dependencies: { "bob/base": "^1" },
  stage: { name: "deprecated", message: "m", successor: "ada/other" },
  signatures: [{ keyId: `ed25519:${"A".repeat(43)}=`, ed25519: `${"A".repeat(86)}==` }],
  "x-tool": { any: ["thing", { pattern: "^(a+)+$" }] },
};
const manyCases = isLong ? 1_000_000 : 4_000;

/** Run a parser. @returns what it gave; undefined where it refused as it should */
function parsed<Result>(
  parse: () => Result,
  refuses: (error: unknown) => boolean,
  seed: number,
): Result | undefined {
  try {
    return parse();
  } catch (error) {
    assert.ok(refuses(error), `seed ${seed}: ${(error as Error)?.stack}`);
    return undefined;
  }
}

const isManifestError = (error: unknown) =>
  error instanceof PluginError && error.code === "E_MANIFEST" && error.message.length < 100_000;
const isSyntaxError = (error: unknown) => error instanceof SyntaxError;

describe("The parser of manifests", () => {
  it("The parser of manifests accepts any change of a manifest's data, or rejects it with E_MANIFEST", () => {
    let taken = 0;
    for (let seed = 0; seed < manyCases; seed++) {
      const random = createRandom(seed);
      const data = structuredClone(rich);
      for (let times = random(3); times >= 0; times--) mutateJson(random, data);
      const text = JSON.stringify(data);
      const parse = seed % 8 === 0 ? parseSourceManifest : parseManifest;
      const manifest = parsed(() => parse(text, url), isManifestError, seed);
      if (manifest === undefined) continue;
      taken++;
      assertSound(manifest as PluginManifest, seed);
      // What was taken once is taken again, and is the same.
      assert.deepEqual(parse(JSON.stringify(manifest), url), manifest, `seed ${seed}`);
    }
    // Neither all nor nothing: else the changes are not what they should be.
    assert.ok(taken > manyCases / 100 && taken < manyCases, `${taken} of ${manyCases}`);
  });

  it("The parser of manifests accepts any change of a manifest's text, or rejects it with E_MANIFEST", () => {
    const pieces = ["{", "}", "[", "]", ",", '"', "null", "1e999", '"__proto__":{},', "\\ud800"];
    for (let seed = 0; seed < manyCases / 4; seed++) {
      const random = createRandom(seed);
      const text = mutateText(random, example, pieces);
      const manifest = parsed(() => parseManifest(text, url), isManifestError, seed);
      if (manifest !== undefined) assertSound(manifest, seed);
    }
  });

  it("The parser of manifests is fast for large, deep and malicious input", () => {
    const many = (count: number, one: (i: number) => string) =>
      Array.from({ length: count }, (_, i) => one(i)).join(",");
    const callback = (extra: string) =>
      `{"name": "a", "export": "a", "hooks": ["onEpochEnd"], "controls": [], ${extra}}`;
    const inside = (callbacks: string) =>
      JSON.stringify({ ...rich, callbacks: [] }).replace(
        '"callbacks":[]',
        `"callbacks":[${callbacks}]`,
      );
    const option = (schema: string, value: string) =>
      inside(callback(`"options": {"properties": {"o": ${schema}}}, "defaults": {"o": ${value}}`));
    for (
      const [what, text] of [
        ["brackets", "[".repeat(250_000)],
        ["nested lists", `${"[".repeat(125_000)}${"]".repeat(125_000)}`],
        ["nested objects", `${'{"x-a":'.repeat(30_000)}1${"}".repeat(30_000)}`],
        ["nested schemas", option(`${'{"items":'.repeat(25_000)}{}${"}".repeat(25_000)}`, "1")],
        ["keys", `{${many(20_000, (i) => `"k${i}": 1`)}}`],
        ["callbacks", inside(many(3_000, () => callback('"title": "a"')))],
        [
          "files",
          JSON.stringify(rich).replace('"files":{', `"files":{${many(9_000, (i) => `"${i}":0`)},`),
        ],
        [
          "folders",
          JSON.stringify(rich).replace('"files":{', `"files":{"${"a/".repeat(60_000)}":0,`),
        ],
        [
          "a slow pattern in linear time",
          option('{"pattern": "(?:\\\\p{L}?){250}\\\\p{N}$"}', `"${"é".repeat(110_000)}"`),
        ],
        [
          "slow patterns on many texts",
          inside(many(60, () =>
            callback(
              `"options": {"properties": {"o": {"pattern": "(?:\\\\p{L}?){250}\\\\p{N}$"}}}, ` +
                `"defaults": {"o": "${"é".repeat(1_800)}"}`,
            ))),
        ],
        ["a slow pattern", option('{"pattern": "^(a+)+$"}', `"${"a".repeat(200_000)}!"`)],
        [
          "many values for a list of many",
          option(
            `{"items": {"enum": [${many(10_000, (i) => `${i}`)}]}}`,
            `[${many(30_000, () => "-1")}]`,
          ),
        ],
        [
          "many unknown options",
          inside(
            callback(
              `"options": {"properties": {${
                many(5_000, (i) => `"o${i}": {}`)
              }}, "additionalProperties": false}, "defaults": {${
                many(10_000, (i) => `"${i}": 1`)
              }}`,
            ),
          ),
        ],
        ["a range", JSON.stringify({ ...rich, peers: { a: "1||".repeat(80_000) } })],
        ["spaces", JSON.stringify({ ...rich, peers: { a: `1${" ".repeat(200_000)}-` } })],
        ["a version", JSON.stringify({ ...rich, version: `1.0.0-${"a.".repeat(100_000)}` })],
        ["an id", JSON.stringify({ ...rich, id: `${"a-".repeat(100_000)}/` })],
        [
          "a host",
          JSON.stringify({
            ...rich,
            permissions: { net: [{ host: `${"a.".repeat(100_000)}!`, reason: "r" }] },
          }),
        ],
        ["a path", JSON.stringify({ ...rich, module: `${"a/".repeat(100_000)}?` })],
        ["a license", JSON.stringify({ ...rich, license: `${"(".repeat(200_000)}!` })],
        ["a URL", JSON.stringify({ ...rich, repository: `https://${"@".repeat(200_000)}` })],
      ]
    ) {
      assert.equal(parsed(() => parseManifest(text, url), isManifestError, 0), undefined, what);
    }
  });
});

function assertSound({ id, version, files = {} }: PluginManifest, seed: number): void {
  assert.match(id, /^[a-z0-9-]+\/[a-z0-9-]+$/, `seed ${seed}`);
  parseVersion(version);
  for (const [path, { integrity, size }] of Object.entries(files)) {
    assert.ok(path.startsWith("https://") || !path.split("/").includes(".."), `seed ${seed}`);
    parseIntegrity(integrity);
    assert.ok(size >= 0 && size <= 2 ** 28, `seed ${seed}`);
  }
  assert.equal(({} as { any?: unknown }).any, undefined, `seed ${seed}`);
}

describe("The parsers of a manifest's values", () => {
  it("The parsers of versions and ranges accept or reject any text, consistently", () => {
    const samples = ["1.2.3", "^1.2 || ~2.0.0-beta.1", ">=0.1 <0.3", "1.2 - 2.3.4", "1.x", "*"];
    const pieces = ["||", "^", "~", ">=", " - ", "x", "*", ".", "-", "+", "0", "99999999999999999"];
    for (let seed = 0; seed < manyCases; seed++) {
      const random = createRandom(seed);
      const text = mutateText(random, samples[random(samples.length)], pieces);
      const range = parsed(() => parseRange(text), isSyntaxError, seed);
      const version = parsed(() => parseVersion(text), isSyntaxError, seed);
      if (version !== undefined) {
        assert.equal(compareVersions(version, version), 0, text);
        if (range !== undefined) assert.equal(satisfies(text, text), true, text);
      }
    }
  });

  it("The parsers of integrity values accept or reject any text", () => {
    const sample = (JSON.parse(example) as PluginManifest).files["index.js"].integrity;
    for (let seed = 0; seed < manyCases; seed++) {
      const random = createRandom(seed);
      const text = mutateText(random, sample, ["sha256-", "sha512-", " ", "=", "==", sample]);
      const entries = parsed(() => parseIntegrity(text), isSyntaxError, seed);
      assert.ok(entries === undefined || entries.length > 0, `seed ${seed}`);
    }
  });

  it("The parsers of modules accept any text or reject it with E_MODULE or E_IMPORT", async () => {
    const sample = 'import a from "./a.js";\nexport const b = await import("./b.js");\n' +
      'export * from "./c.json" with { type: "json" };\nexport default import.meta.url + `${a}`;';
    const pieces = ["import(", '"', "`", "${", "/*", "//", "import.meta", " from ", "{", "}", "/"];
    const refuses = (error: unknown) =>
      error instanceof PluginError && ["E_MODULE", "E_IMPORT"].includes(error.code);
    for (let seed = 0; seed < manyCases / 2; seed++) {
      const random = createRandom(seed);
      const text = seed % 10 === 0 ? someText(random, 80) : mutateText(random, sample, pieces);
      try {
        const { requests } = await parseModule(text, url);
        assert.ok(Array.isArray(requests));
      } catch (error) {
        assert.ok(refuses(error), `seed ${seed}: ${(error as Error)?.stack}\n${text}`);
      }
    }
  });
});
