import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PluginError } from "../errors.ts";
import { parseManifest, parseSourceManifest } from "./parse.ts";
import type { PluginManifest } from "./format.ts";

const url = "https://example.com/callback.plugin.json";
const integrity = "sha256-GARZrXWkj+3rDHIk3zTfBV6Wcr9nbbM7gtbj7NFb2+8=";

/** With every field that there is. */
const whole: PluginManifest = {
  $schema: "https://example.com/schema.json",
  manifestVersion: 1,
  id: "ada/lr-finder",
  version: "1.2.0-beta.1",
  title: "LR finder",
  description: "Finds a learning rate.",
  license: "MIT",
  authors: [{ name: "Ada", url: "https://example.com/ada" }],
  engines: { core: ">=0.1 <0.3", tfjs: "^4.22", deno: ">=2.9", bun: ">=1.4", node: ">=20" },
  compat: { "1.1.0": "^0.1" },
  runtimes: ["deno", "bun", "node"],
  backends: ["cpu", "wasm"],
  module: "main.js",
  files: {
    "main.js": { integrity, size: 17 },
    "lib/a b.js": { integrity, size: 0 },
    "https://example.com/c.js": { integrity, size: 17 },
  },
  callbacks: [{
    name: "finder",
    export: "default",
    title: "Finder",
    description: "Finds.",
    hooks: ["onTrainBegin", { name: "onTrainBatchEnd", order: "post", before: ["a/b"], every: 10 }],
    options: { type: "object", properties: { max: { type: "number", exclusiveMinimum: 0 } } },
    defaults: { max: 1 },
    controls: ["setLearningRate", "stop"],
    stateVersion: 2,
    onError: "fail",
  }],
  permissions: {
    net: [{ host: "*.example.com", reason: "r" }],
    read: [{ path: "data", reason: "r" }],
    write: [{ path: "plots/*.svg", reason: "r" }],
    env: [{ name: "TOKEN", reason: "r" }],
  },
  optionalPermissions: {
    run: [{ name: "git", reason: "r" }],
    ffi: [{ path: "x.so", reason: "r" }],
  },
  sandbox: { support: "unsupported", reason: "needs a worker" },
  peers: { "@tensorflow/tfjs": "^4" },
  dependencies: { "bob/base": "^1" },
  repository: "https://example.com/ada/lr-finder",
  homepage: "https://example.com",
  bugs: "https://example.com/bugs",
  keywords: ["lr"],
  categories: ["control"],
  stage: { name: "deprecated", message: "use the other", successor: "ada/other" },
  updateUrl: "https://example.com/meta.json",
  provenance: "https://example.com/bundle.json",
  signatures: [{ keyId: `ed25519:${"A".repeat(43)}=`, ed25519: `${"A".repeat(86)}==` }],
  telemetry: { kind: "disclosed", reason: "counts loads" },
  "x-tool": { any: "thing" },
};

function problemsWith(change: Record<string, unknown>): string[] {
  try {
    parseManifest({ ...whole, ...change }, url);
  } catch (error) {
    assert(error instanceof PluginError);
    assert.equal(error.code, "E_MANIFEST");
    return error.message.split("\n").slice(1).map((line) => line.trim());
  }
  return [];
}

const callback = (change: Record<string, unknown>) => ({
  callbacks: [{ ...whole.callbacks[0], ...change }],
});

describe("A manifest", () => {
  it("A manifest may have every field of version 1, and x- keys anywhere", () => {
    assert.deepEqual(parseManifest(JSON.stringify(whole), url), whole);
    assert.deepEqual(problemsWith(callback({ "x-mine": 1 })), []);
  });

  it("A manifest is copied, so that it cannot change during loading", () => {
    const parsed = parseManifest(whole, url);
    assert.notEqual(parsed.files, whole.files);
  });

  it("A manifest is rejected with all its problems, each with path, finding and expectation", () => {
    const problems = problemsWith({
      id: "Ada",
      version: "1.2",
      licence: "MIT",
      title: undefined,
      engines: { core: "*", nod: "1" },
      runtimes: ["deno", "browserify"],
      files: { "main.js": { integrity: "sha1-AAAA", size: -1 } },
      callbacks: [],
    });
    assert.deepEqual(problems, [
      'id: found "Ada", expected owner/name of lower-case letters, digits and single dashes',
      'version: found "1.2", expected a version such as 1.2.3',
      "title: found nothing, expected string",
      'engines.core: found "*", expected a range with a lower bound',
      "engines.nod: is not a key of a manifest; keys of your own begin with x-",
      'runtimes[1]: found "browserify", expected "browser" or "bun" or "deno" or "node"',
      'files["main.js"].integrity: found "sha1-AAAA", expected sha256-, sha384- or sha512- and the digest in base64',
      'files["main.js"].size: found -1, expected 0 or more',
      "callbacks: found [], expected one callback or more",
      "licence: is not a key of a manifest; keys of your own begin with x-",
    ]);
  });

  it("A manifest is rejected with the missing keys", () => {
    assert.throws(() => parseManifest({ manifestVersion: 1 }, url), (error) => {
      const { message } = error as Error;
      for (const key of ["id", "version", "license", "sandbox", "module", "files", "callbacks"]) {
        assert.match(
          message,
          new RegExp(`^ {2}${key}: found nothing, expected it to be there$`, "m"),
        );
      }
      return true;
    });
  });

  it("A manifest is rejected for unknown hooks, controls, permissions and options", () => {
    const wrong = callback({ hooks: ["onEpochStart", { name: "onEpochEnd", evry: 2 }] });
    const [name, key] = problemsWith(wrong);
    assert.match(
      name,
      /^callbacks\[0\]\.hooks\[0\]: found "onEpochStart", expected "onTrainBegin"/,
    );
    assert.match(key, /^callbacks\[0\]\.hooks\[1\]\.evry: is not a key/);
    assert.match(problemsWith(callback({ controls: ["fly"] }))[0], /controls\[0\]: found "fly"/);
    assert.match(
      problemsWith({ permissions: { nett: [] } })[0],
      /^permissions\.nett: is not a key/,
    );
    const options = callback({ options: { type: "object", $ref: "#" } });
    assert.match(problemsWith(options)[0], /^callbacks\[0\]\.options: found keyword \$ref/);
    assert.deepEqual(problemsWith(callback({ defaults: { max: 0 } })), [
      "callbacks[0].defaults.max: found 0, expected > 0",
    ]);
  });

  it("A manifest needs no repository, and may have the path of a schema", () => {
    const { repository: _, ...rest } = whole;
    assert.equal(parseManifest(rest, url).repository, undefined);
    const $schema = "../keepfit/schemas/callback.plugin.schema.json";
    assert.equal(parseManifest({ ...whole, $schema }, url).$schema, $schema);
  });

  it("A manifest is rejected for paths that lead out of its folder", () => {
    const file = { integrity, size: 1 };
    for (
      const path of [
        "../a.js",
        "a/../../b.js",
        "/a.js",
        "./a.js",
        "a//b.js",
        "a\\b.js",
        "%2e%2e/a.js",
        "file:///a.js",
        "http://example.com/a.js",
        "C:/a.js",
        "a.js?x",
        "a.js#x",
        "",
      ]
    ) {
      const [problem] = problemsWith({ files: { ...whole.files, [path]: file } });
      assert.match(problem ?? "", /expected a relative path/, path);
      const [write] = problemsWith({ permissions: { write: [{ path, reason: "r" }] } });
      assert.match(write ?? "", /expected/, path);
    }
  });

  it("A manifest must list its module and name each callback once", () => {
    assert.deepEqual(problemsWith({ module: "other.js" }), [
      'module: found "other.js", expected one of the files',
    ]);
    assert.deepEqual(problemsWith({ callbacks: [whole.callbacks[0], whole.callbacks[0]] }), [
      'callbacks: found "finder" twice, expected it once',
    ]);
  });

  it("A manifest of a later version is rejected with the advice to update keepfit", () => {
    assert.throws(
      () => parseManifest({ manifestVersion: 2, anything: true }, url),
      /actual: {3}manifestVersion 2\n {2}hint: {5}this keepfit is too old/,
    );
  });

  it("A manifest that is not JSON, or not an object, is rejected as such", () => {
    assert.throws(() => parseManifest("<!doctype html>", url), /the server sent a page/);
    assert.throws(() => parseManifest("{", url), (error) => {
      assert((error as Error).cause instanceof SyntaxError);
      return true;
    });
    assert.throws(() => parseManifest("null", url), /the manifest: found null, expected object/);
    assert.equal(parseManifest(`\uFEFF${JSON.stringify(whole)}`, url).id, whole.id);
  });

  it("A manifest needs no files before it is packed", () => {
    const { files: _, ...source } = whole;
    assert.equal(parseSourceManifest(source, url).files, undefined);
    assert.throws(
      () => parseManifest(source, url),
      /files: found nothing.*\n {2}hint: {5}files is written by keepfit pack SOURCE --out DIR/,
    );
    assert.throws(() => parseSourceManifest({ ...source, id: 1 }, url), /id: found 1/);
  });

  it("A manifest with a duplicate key is rejected, because people read the first and programs the last", () => {
    const text = JSON.stringify(whole);
    const twice = (added: string) => `{${added},${text.slice(1)}`;
    for (
      const [source, key] of [
        [twice('"repository": "https://example.com/shown", "repository": "x"'), "repository"],
        [twice('"\\u0076ersion": "9.9.9"'), "version"],
        [text.replace('"hooks":', '"hooks":[],"hooks":'), "hooks"],
      ]
    ) {
      assert.throws(() => parseManifest(source, url), (error) => {
        assert(error instanceof PluginError);
        assert.match(error.message, /it has a key twice/);
        assert.equal(error.actual, JSON.stringify(key));
        return true;
      });
    }
    // The same key in two objects, and what looks like a key in text.
    parseManifest(text.replace('"title":', '"x-a":[{"a":1},{"a":"\\"a\\":1"}],"title":'), url);
  });
});
