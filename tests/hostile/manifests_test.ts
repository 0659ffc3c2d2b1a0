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

/** What is wrong with a manifest, and what must come of it. */
const corpus: [what: string, change: Record<string, unknown>, code: PluginErrorCode][] = [
  [
    "a file above its folder",
    { files: { "../main.js": file }, module: "../main.js" },
    "E_MANIFEST",
  ],
  [
    "a file above by way of another",
    { files: { "a/../../x.js": file }, module: "a/../../x.js" },
    "E_MANIFEST",
  ],
  [
    "a file above, encoded",
    { files: { "%2e%2e/x.js": file }, module: "%2e%2e/x.js" },
    "E_MANIFEST",
  ],
  ["a file with backslashes", { files: { "..\\x.js": file }, module: "..\\x.js" }, "E_MANIFEST"],
  ["an absolute file", { files: { "/etc/passwd": file }, module: "/etc/passwd" }, "E_MANIFEST"],
  [
    "a file of this disk",
    { files: { "file:///etc/passwd": file }, module: "file:///etc/passwd" },
    "E_MANIFEST",
  ],
  ["a file over plain http", {
    files: { "http://example.com/a.js": file },
    module: "http://example.com/a.js",
  }, "E_MANIFEST"],
  ["a file with a NUL", { files: { "a\0.js": file }, module: "a\0.js" }, "E_MANIFEST"],
  [
    "a hash that is none",
    { files: { "main.js": { integrity: "sha384-AAAA", size: 1 } } },
    "E_MANIFEST",
  ],
  [
    "a weak hash",
    { files: { "main.js": { integrity: "md5-1B2M2Y8AsgTpgAmY7PhCfg==", size: 1 } } },
    "E_MANIFEST",
  ],
  ["a hash of other bytes", {
    files: { "main.js": { ...file, integrity: await computeIntegrity(new Uint8Array(3)) } },
  }, "E_INTEGRITY"],
  ["a size that is a lie", { files: { "main.js": { ...file, size: 3 } } }, "E_LIMIT"],
  ["a negative size", { files: { "main.js": { ...file, size: -1 } } }, "E_MANIFEST"],
  ["a size beyond all", { files: { "main.js": { ...file, size: 1e15 } } }, "E_MANIFEST"],
  ["an id in Cyrillic letters that look Latin", { id: "аda/counter" }, "E_MANIFEST"],
  ["an id with a path", { id: "../../ada/counter" }, "E_MANIFEST"],
  ["an id that is a prototype", { id: "__proto__/counter" }, "E_MANIFEST"],
  ["a title that clears the terminal", { title: "\u001b[2J\u001b[H all is well" }, "E_MANIFEST"],
  ["a title that is written backwards", { title: "harmless \u202Egnp.exe" }, "E_MANIFEST"],
  ["a range for everything", { engines: { core: "*" } }, "E_MANIFEST"],
  ["a newer format", { manifestVersion: 2 }, "E_MANIFEST"],
  ["an unknown key, nearly a permission", { permision: { net: [] } }, "E_MANIFEST"],
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
    "a permission that nobody granted",
    { permissions: { run: [{ name: "sh", reason: "fun" }] } },
    "E_PERMISSION",
  ],
  ["a control that there is not", { callbacks: [{ ...entry, controls: ["root"] }] }, "E_MANIFEST"],
  ["a hook that there is not", { callbacks: [{ ...entry, hooks: ["constructor"] }] }, "E_MANIFEST"],
  ["no callbacks", { callbacks: [] }, "E_MANIFEST"],
  ["two callbacks of one name", { callbacks: [entry, entry] }, "E_MANIFEST"],
  ["options with a pattern that never ends", {
    callbacks: [{
      ...entry,
      options: { type: "object", properties: { a: { type: "string", pattern: "^(a+)+$" } } },
      defaults: { a: `${"a".repeat(40)}!` },
    }],
  }, "E_MANIFEST"],
  ["options as deep as a well", { callbacks: [{ ...entry, options: nested(500) }] }, "E_MANIFEST"],
  ["a key of its own as deep as a well", { "x-deep": nested(500) }, "E_MANIFEST"],
  ["an export that is inherited", { callbacks: [{ ...entry, export: "toString" }] }, "E_EXPORT"],
  ["a signature that is forged", {
    signatures: [{
      keyId: `ed25519:${btoa(String.fromCharCode(...new Uint8Array(32).fill(7)))}`,
      ed25519: btoa(String.fromCharCode(...new Uint8Array(64).fill(7))),
    }],
  }, "E_SIGNATURE"],
  ["a signature of the key that anybody can sign with", {
    signatures: [{
      keyId: `ed25519:${btoa(String.fromCharCode(1, ...new Uint8Array(31)))}`,
      ed25519: btoa(String.fromCharCode(1, ...new Uint8Array(63))),
    }],
  }, "E_SIGNATURE"],
];

/** Texts that are no manifest at all. */
const texts: [what: string, text: string, code: PluginErrorCode][] = [
  ["a page", "<!doctype html><title>404</title>", "E_MANIFEST"],
  ["nothing", "", "E_MANIFEST"],
  ["null", "null", "E_MANIFEST"],
  ["a list", "[]", "E_MANIFEST"],
  ["a prototype", '{ "__proto__": { "manifestVersion": 1 } }', "E_MANIFEST"],
  ["more than a manifest may have", `{ "title": "${"x".repeat(300 * 1024)}" }`, "E_LIMIT"],
  ["objects as deep as a well", `${'{"x-a":'.repeat(20_000)}1${"}".repeat(20_000)}`, "E_MANIFEST"],
  ["brackets without end", "[".repeat(200_000), "E_MANIFEST"],
];

describe("A hostile manifest", () => {
  for (const [what, change, code] of corpus) {
    it(`A hostile manifest with ${what} is rejected with ${code}, and none of its code runs`, async () => {
      const url = await publish({ "main.js": marking }, change);
      delete (globalThis as { evaluated?: boolean }).evaluated;
      await fails(code, /./, load(url));
      // An export is looked for in a module that runs.
      if (code !== "E_EXPORT") assert.equal("evaluated" in globalThis, false);
    });
  }

  for (const [what, text, code] of texts) {
    it(`A hostile manifest that is ${what} is rejected with ${code}`, async () => {
      site.pages.set("/odd.json", text);
      await fails(code, /./, load(`${site.url}odd.json`));
    });
  }

  it("A hostile manifest is one of many", () => assert(corpus.length + texts.length >= 40));
});
