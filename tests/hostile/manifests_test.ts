import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { computeIntegrity, type PluginErrorCode } from "keepfit/plugins";
import { fails, load, publish, recording, setUpSite, site } from "../journeys/plugin_site.ts";

setUpSite();

const marking = `globalThis.evaluated = true; ${recording("")}`;
const entry = { name: "counter", export: "default", hooks: ["onEpochEnd"], controls: [] };
const integrity = await computeIntegrity(new TextEncoder().encode(marking));
const file = { integrity, size: marking.length };
const nested = (depth: number): unknown =>
  JSON.parse(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`);

/** An invalid part of a manifest, and the expected error code. */
const corpus: [what: string, change: Record<string, unknown>, code: PluginErrorCode][] = [
  [
    "a file above its folder",
    { files: { "../main.js": file }, module: "../main.js" },
    "E_MANIFEST",
  ],
  [
    "a file above its folder through a subfolder",
    { files: { "a/../../x.js": file }, module: "a/../../x.js" },
    "E_MANIFEST",
  ],
  [
    "an encoded path above its folder",
    { files: { "%2e%2e/x.js": file }, module: "%2e%2e/x.js" },
    "E_MANIFEST",
  ],
  ["a file with backslashes", { files: { "..\\x.js": file }, module: "..\\x.js" }, "E_MANIFEST"],
  ["an absolute file", { files: { "/etc/passwd": file }, module: "/etc/passwd" }, "E_MANIFEST"],
  [
    "a file: URL",
    { files: { "file:///etc/passwd": file }, module: "file:///etc/passwd" },
    "E_MANIFEST",
  ],
  ["a file over plain http", {
    files: { "http://example.com/a.js": file },
    module: "http://example.com/a.js",
  }, "E_MANIFEST"],
  ["a file with a NUL", { files: { "a\0.js": file }, module: "a\0.js" }, "E_MANIFEST"],
  [
    "an invalid hash",
    { files: { "main.js": { integrity: "sha384-AAAA", size: 1 } } },
    "E_MANIFEST",
  ],
  [
    "a weak hash",
    { files: { "main.js": { integrity: "md5-1B2M2Y8AsgTpgAmY7PhCfg==", size: 1 } } },
    "E_MANIFEST",
  ],
  ["a hash of different bytes", {
    files: { "main.js": { ...file, integrity: await computeIntegrity(new Uint8Array(3)) } },
  }, "E_INTEGRITY"],
  ["a wrong size", { files: { "main.js": { ...file, size: 3 } } }, "E_LIMIT"],
  ["a negative size", { files: { "main.js": { ...file, size: -1 } } }, "E_MANIFEST"],
  ["a huge size", { files: { "main.js": { ...file, size: 1e15 } } }, "E_MANIFEST"],
  ["an id in Cyrillic letters that look Latin", { id: "аda/counter" }, "E_MANIFEST"],
  ["an id with a path", { id: "../../ada/counter" }, "E_MANIFEST"],
  ["an id that is a prototype", { id: "__proto__/counter" }, "E_MANIFEST"],
  ["a title that clears the terminal", { title: "\u001b[2J\u001b[H all is well" }, "E_MANIFEST"],
  ["a title with text in reverse order", { title: "harmless \u202Egnp.exe" }, "E_MANIFEST"],
  ["a range that matches everything", { engines: { core: "*" } }, "E_MANIFEST"],
  ["a newer format", { manifestVersion: 2 }, "E_MANIFEST"],
  ["a misspelled key of permissions", { permision: { net: [] } }, "E_MANIFEST"],
  [
    "a permission for every host",
    { permissions: { net: [{ host: "*", reason: "all of it" }] } },
    "E_MANIFEST",
  ],
  [
    "a host with a path and a user",
    { permissions: { net: [{ host: "u@h/p", reason: "x" }] } },
    "E_MANIFEST",
  ],
  [
    "a write above the folder",
    { permissions: { write: [{ path: "../x", reason: "x" }] } },
    "E_MANIFEST",
  ],
  [
    "a permission without a reason",
    { permissions: { run: [{ name: "sh", reason: "" }] } },
    "E_MANIFEST",
  ],
  [
    "a permission that was not granted",
    { permissions: { run: [{ name: "sh", reason: "fun" }] } },
    "E_PERMISSION",
  ],
  ["an unknown control", { callbacks: [{ ...entry, controls: ["root"] }] }, "E_MANIFEST"],
  ["an unknown hook", { callbacks: [{ ...entry, hooks: ["constructor"] }] }, "E_MANIFEST"],
  ["no callbacks", { callbacks: [] }, "E_MANIFEST"],
  ["two callbacks with the same name", { callbacks: [entry, entry] }, "E_MANIFEST"],
  ["options with a pattern that never ends", {
    callbacks: [{
      ...entry,
      options: { type: "object", properties: { a: { type: "string", pattern: "^(a+)+$" } } },
      defaults: { a: `${"a".repeat(40)}!` },
    }],
  }, "E_MANIFEST"],
  ["deeply nested options", { callbacks: [{ ...entry, options: nested(500) }] }, "E_MANIFEST"],
  ["a deeply nested custom key", { "x-deep": nested(500) }, "E_MANIFEST"],
  ["an export that is inherited", { callbacks: [{ ...entry, export: "toString" }] }, "E_EXPORT"],
  ["a forged signature", {
    signatures: [{
      keyId: `ed25519:${btoa(String.fromCharCode(...new Uint8Array(32).fill(7)))}`,
      ed25519: btoa(String.fromCharCode(...new Uint8Array(64).fill(7))),
    }],
  }, "E_SIGNATURE"],
  ["a signature of a key with which anybody can sign", {
    signatures: [{
      keyId: `ed25519:${btoa(String.fromCharCode(1, ...new Uint8Array(31)))}`,
      ed25519: btoa(String.fromCharCode(1, ...new Uint8Array(63))),
    }],
  }, "E_SIGNATURE"],
];

/** Texts that are not manifests. */
const texts: [what: string, text: string, code: PluginErrorCode][] = [
  ["a page", "<!doctype html><title>404</title>", "E_MANIFEST"],
  ["nothing", "", "E_MANIFEST"],
  ["null", "null", "E_MANIFEST"],
  ["a list", "[]", "E_MANIFEST"],
  ["a prototype", '{ "__proto__": { "manifestVersion": 1 } }', "E_MANIFEST"],
  ["more than the maximum size", `{ "title": "${"x".repeat(300 * 1024)}" }`, "E_LIMIT"],
  ["deeply nested objects", `${'{"x-a":'.repeat(20_000)}1${"}".repeat(20_000)}`, "E_MANIFEST"],
  ["too many brackets", "[".repeat(200_000), "E_MANIFEST"],
];

describe("A hostile manifest", () => {
  for (const [what, change, code] of corpus) {
    it(`A hostile manifest with ${what} is rejected with ${code}, and none of its code runs`, async () => {
      const url = await publish({ "main.js": marking }, change);
      delete (globalThis as { evaluated?: boolean }).evaluated;
      await fails(code, /./, load(url));
      // An export is looked up in a module that has run.
      if (code !== "E_EXPORT") assert.equal("evaluated" in globalThis, false);
    });
  }

  for (const [what, text, code] of texts) {
    it(`A hostile manifest that is ${what} is rejected with ${code}`, async () => {
      site.pages.set("/odd.json", text);
      await fails(code, /./, load(`${site.url}odd.json`));
    });
  }

  it("A hostile manifest is one of at least 40", () => assert(corpus.length + texts.length >= 40));
});
