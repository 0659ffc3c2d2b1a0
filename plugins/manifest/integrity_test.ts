import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { PluginError } from "../errors.ts";
import { computeIntegrity, parseIntegrity, verifyIntegrity } from "./integrity.ts";

const bytes = new TextEncoder().encode("export default 1;\n");
const hash = (name: string, of = bytes) =>
  `${name}-${createHash(name).update(of).digest("base64")}`;

describe("An integrity value", () => {
  it("An integrity value is the digest that node:crypto computes", async () => {
    for (const name of ["sha256", "sha384", "sha512"] as const) {
      assert.equal(await computeIntegrity(bytes, name), hash(name));
    }
    const large = new Uint8Array(1_000_000).fill(7);
    assert.equal(await computeIntegrity(large), hash("sha384", large));
  });

  it("An integrity value matches its bytes, with any digest of the strongest algorithm", async () => {
    const other = hash("sha512", new Uint8Array(1));
    await verifyIntegrity(bytes, hash("sha256"), "a.js");
    await verifyIntegrity(bytes, `${other} ${hash("sha512")}`, "a.js");
    // A weaker one that fits does not help.
    await assert.rejects(verifyIntegrity(bytes, `${hash("sha256")} ${other}`, "a.js"), PluginError);
  });

  it("An integrity value is reported with the actual one if it does not match", async () => {
    const expected = hash("sha384", new Uint8Array(1));
    await assert.rejects(verifyIntegrity(bytes, expected, "https://example.com/a.js"), (error) => {
      assert(error instanceof PluginError);
      assert.equal(error.code, "E_INTEGRITY");
      assert.equal(error.expected, expected);
      assert.equal(error.actual, hash("sha384"));
      return true;
    });
  });

  it("An integrity value is rejected if it cannot be parsed, never ignored", () => {
    const good = hash("sha256");
    const cut = good.slice(0, -2);
    for (const text of ["", "sha1-AAAA", "sha256-", cut, `${good}?x`, `${good} md5-AAAA`]) {
      assert.throws(() => parseIntegrity(text), SyntaxError, text);
    }
  });
});
