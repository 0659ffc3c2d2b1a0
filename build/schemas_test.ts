import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { parseManifest } from "keepfit/plugins";
import { parseConfig } from "../plugins/project/config.ts";
import { parseLock } from "../plugins/project/lock.ts";
import { listFiles, root } from "../tests/files.ts";
import { schemaFiles } from "./schemas.ts";

const read = (path: string) => readFileSync(root + path, "utf8");
const schema = JSON.parse(read("schemas/callback.plugin.schema.json"));
// Not strict, because combinations such as "oneOf" with "properties" are intended.
const validate: ValidateFunction = new Ajv2020({ allErrors: true, strict: false }).compile(schema);
const manifests = listFiles().filter((path) =>
  path.startsWith("examples/plugins/") && path.endsWith("/callback.plugin.json")
);
const example = JSON.parse(
  read("examples/plugins/keepfit/epoch-report/0.1.0/callback.plugin.json"),
);

/** The part of a JSON Schema that the test reads. */
interface Part {
  description?: string;
  properties?: Record<string, Part>;
  items?: Part;
  additionalProperties?: Part | boolean;
  anyOf?: Part[];
  $defs?: Record<string, Part>;
}

describe("The JSON Schemas", () => {
  it("The JSON Schemas match the committed files; `npm run build` writes them", () => {
    const stored = listFiles().filter((path) => path.startsWith("schemas/"));
    const made = schemaFiles();
    assert.deepEqual(stored, Object.keys(made).map((name) => `schemas/${name}`).sort());
    for (const [name, text] of Object.entries(made)) assert.equal(read(`schemas/${name}`), text);
  });

  it("The JSON Schemas describe every key", () => {
    const bare: string[] = [];
    const walk = (part: Part, path: string): void => {
      for (const [key, one] of Object.entries(part.properties ?? {})) {
        if (one.description === undefined) bare.push(`${path}.${key}`);
        walk(one, `${path}.${key}`);
      }
      for (const one of Object.values(part.$defs ?? {})) walk(one, path);
      for (const one of part.anyOf ?? []) walk(one, path);
      for (const one of [part.items, part.additionalProperties]) {
        if (typeof one === "object") walk(one, path);
      }
    };
    for (const [name, text] of Object.entries(schemaFiles())) walk(JSON.parse(text), name);
    assert.deepEqual(bare, []);
  });
});

describe("The JSON Schema of manifests", () => {
  it("The JSON Schema of manifests accepts every example, packed and unpacked", () => {
    assert.ok(manifests.length > 0);
    for (const path of manifests) {
      const manifest: Record<string, unknown> = JSON.parse(read(path));
      assert.equal(validate(manifest), true, `${path}: ${JSON.stringify(validate.errors)}`);
      delete manifest.files;
      assert.equal(validate(manifest), true, path);
    }
  });

  it("The JSON Schema of manifests accepts what the parser accepts", () => {
    for (const [change, where] of taken) {
      const manifest = { ...example, ...change };
      parseManifest(manifest, "test:");
      assert.ok(validate(manifest), `${where}: ${JSON.stringify(validate.errors)}`);
    }
  });

  it("The JSON Schema of manifests rejects what the parser rejects, at the same path", () => {
    for (const [change, where] of refused) {
      const manifest = { ...example, ...change };
      assert.throws(() => parseManifest(manifest, "test:"), { code: "E_MANIFEST" }, where);
      assert.equal(validate(manifest), false, where);
      const paths = validate.errors?.map(({ instancePath }) => instancePath) ?? [];
      assert.ok(paths.some((one) => one.startsWith(where)), `${where}: ${paths}`);
    }
  });
});

describe("The JSON Schemas of keepfit.json and keepfit.lock.json", () => {
  it("The JSON Schemas of keepfit.json and keepfit.lock.json accept and reject the same files as the parser", () => {
    const locked = {
      id: "ada/x",
      version: "1.0.0",
      url: "https://example.com/x.json",
      integrity: file.integrity,
      files: { "index.js": file.integrity },
      permissions: { net: ["example.com"] },
      controls: ["stop"],
      signers: [],
      repository: "https://example.com/x",
      added: "2026-01-31",
    };
    const lock = (change: object) => ({
      lockVersion: 1,
      plugins: { "registry:ada/x@^1": { ...locked, ...change } },
    });
    const plugins = (change: object) => ({ plugins: [{ plugin: "./a.json", ...change }] });
    const cases: Record<string, [parse: typeof parseLock, good: object[], bad: object[]]> = {
      keepfit: [
        parseConfig as unknown as typeof parseLock,
        [
          {},
          {
            $schema: "./s.json",
            registry: "https://example.com",
            vendor: "vendor",
            minimumAge: 24,
          },
          plugins({ tier: "worker", allow: ["net"], limits: { callTime: 5 } }),
          plugins({ allow: { net: true, read: ["data"] }, options: { a: 1 } }),
        ],
        [
          { plugin: [] },
          { "x-mine": 1 },
          { minimumAge: -1 },
          { plugins: [{}] },
          plugins({ tier: "none" }),
          plugins({ allow: ["internet"] }),
          plugins({ allow: { net: false } }),
          plugins({ allow: { internet: true } }),
          plugins({ limits: { callTime: 0 } }),
          plugins({ limits: { time: 1 } }),
        ],
      ],
      "keepfit.lock": [
        parseLock,
        [{ lockVersion: 1, plugins: {} }, lock({}), lock({ tier: "trusted", callbacks: ["x"] })],
        [
          {},
          { lockVersion: 2, plugins: {} },
          lock({ integrity: "sha1-A" }),
          lock({ files: { "../a.js": file.integrity } }),
          lock({ permissions: { internet: [] } }),
          lock({ controls: ["everything"] }),
          lock({ added: "yesterday" }),
          lock({ extra: 1 }),
        ],
      ],
    };
    for (const [name, [parse, good, bad]] of Object.entries(cases)) {
      const text = read(`schemas/${name}.schema.json`);
      // The format "date" is an addition, because Ajv has formats in another package.
      const formats = { date: /^\d{4}-\d\d-\d\d$/ };
      const check = new Ajv2020({ strict: false, formats }).compile(JSON.parse(text));
      for (const one of good) {
        parse(JSON.stringify(one), "file:///test");
        assert.ok(check(one), `${JSON.stringify(one)}: ${JSON.stringify(check.errors)}`);
      }
      for (const one of bad) {
        const text = JSON.stringify(one);
        assert.throws(() => parse(text, "file:///test"), { name: "PluginError" }, text);
        assert.equal(check(one), false, text);
      }
    }
  });
});

const [callback] = example.callbacks;
const withCallback = (change: object) => ({ callbacks: [{ ...callback, ...change }] });
const withNet = (entry: object) => ({ permissions: { net: [{ reason: "r", ...entry }] } });
const [file] = Object.values<{ integrity: string; size: number }>(example.files);
const key = `ed25519:${"A".repeat(43)}=`;

const taken: [change: object, where: string][] = [
  [{ "x-mine": { any: 1 } }, "x- keys"],
  [withCallback({ "x-mine": 1, hooks: ["onTrainEnd", { name: "onEpochEnd", every: 2 }] }), "hooks"],
  [withCallback({ options: { properties: { title: { type: ["string", "null"] } } } }), "options"],
  [withNet({ host: "*.example.com:8443" }), "net"],
  [withNet({ option: "title" }), "option"],
  [{ stage: { name: "deprecated", message: "m" } }, "stage"],
  [{ engines: { core: ">=0.1 <0.3 || ^1.x", deno: "2" } }, "ranges"],
  [{ files: { ...example.files, "https://example.com/a.js": file, "a b/c.txt": file } }, "files"],
  [{ version: "1.0.0-beta.1+7", compat: { "0.9.0": "^0.1" } }, "version"],
  [{ signatures: [{ keyId: key, ed25519: `${"A".repeat(86)}==` }] }, "signatures"],
  [{ license: "(MIT OR Apache-2.0)", peers: { "@tensorflow/tfjs": "^4" } }, "license"],
];

const refused: [change: object, where: string][] = [
  [{ licence: "MIT" }, ""],
  [{ manifestVersion: 2 }, "/manifestVersion"],
  [{ id: "Ada/x" }, "/id"],
  [{ title: "" }, "/title"],
  [{ title: "a\u202eb" }, "/title"],
  [{ version: "1.2" }, "/version"],
  [{ engines: { core: "*" } }, "/engines/core"],
  [{ engines: { core: "latest!" } }, "/engines/core"],
  [{ engines: { nod: "1" } }, "/engines"],
  [{ repository: "ftp://example.com" }, "/repository"],
  [{ module: "../a.js" }, "/module"],
  [{ files: { "../a.js": file } }, "/files"],
  [{ files: { "a.js": { integrity: "sha1-A", size: 1 } } }, "/files/a.js/integrity"],
  [{ files: { "a.js": { ...file, size: -1 } } }, "/files/a.js/size"],
  [{ authors: [] }, "/authors"],
  [{ runtimes: ["deno", "deno"] }, "/runtimes"],
  [{ backends: [] }, "/backends"],
  [{ callbacks: [] }, "/callbacks"],
  [withCallback({ name: "1" }), "/callbacks/0/name"],
  [withCallback({ hooks: ["onEpochStart"] }), "/callbacks/0/hooks/0"],
  [withCallback({ hooks: [{ name: "onEpochEnd", evry: 1 }] }), "/callbacks/0/hooks/0"],
  [withCallback({ hooks: ["onEpochEnd", "onEpochEnd"] }), "/callbacks/0/hooks"],
  [withCallback({ controls: ["stop", "stop"] }), "/callbacks/0/controls"],
  [withCallback({ options: { $ref: "#" } }), "/callbacks/0/options"],
  [withCallback({ options: { properties: { a: { type: "int" } } } }), "/callbacks/0/options"],
  [withCallback({ stateVersion: 0 }), "/callbacks/0/stateVersion"],
  [withNet({}), "/permissions/net/0"],
  [withNet({ host: "a.com", option: "title" }), "/permissions/net/0"],
  [withNet({ host: "https://a.com" }), "/permissions/net/0/host"],
  [withNet({ host: "*" }), "/permissions/net/0/host"],
  [{ permissions: { net: [{ host: "a.com" }] } }, "/permissions/net/0"],
  [{ permissions: { nett: [] } }, "/permissions"],
  [{ permissions: { run: [{ name: "/bin/sh", reason: "r" }] } }, "/permissions/run/0/name"],
  [{ permissions: { read: [{ path: "a/../b", reason: "r" }] } }, "/permissions/read/0/path"],
  [{ permissions: { write: [{ path: "/a", reason: "r" }] } }, "/permissions/write/0/path"],
  [{ permissions: { env: [{ name: "A-B", reason: "r" }] } }, "/permissions/env/0/name"],
  [{ permissions: { listen: [{ address: "a", reason: "r" }] } }, "/permissions/listen/0/address"],
  [{ stage: { name: "deprecated" } }, "/stage"],
  [{ telemetry: { kind: "disclosed" } }, "/telemetry"],
  [{ signatures: [{ keyId: "k", ed25519: `${"A".repeat(86)}==` }] }, "/signatures/0/keyId"],
  [{ signatures: [{ keyId: key, ed25519: "s" }] }, "/signatures/0/ed25519"],
  [{ peers: { "": "^1" } }, "/peers"],
  [{ dependencies: { a: "^1" } }, "/dependencies"],
  [{ compat: { "1": "^1" } }, "/compat"],
];
