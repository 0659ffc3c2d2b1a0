import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PluginError } from "keepfit/plugins";
import type { LockedPlugin } from "./lock_format.ts";
import { checkTrust, differencesFromLock, trustDifferences } from "./trust.ts";

const before: LockedPlugin = {
  id: "ada/timer",
  version: "1.2.0",
  url: "https://example.com/1.2.0/callback.plugin.json",
  integrity: "sha384-old",
  files: {},
  tier: "worker",
  permissions: { net: ["a.example"], read: ["data"] },
  controls: ["stop"],
  signers: ["ed25519:old"],
  repository: "https://example.com/ada/timer",
  added: "2026-01-31",
};

/** What is different, weaker ones with a mark. */
function differences(change: Partial<LockedPlugin>, from: Partial<LockedPlugin> = {}): string[] {
  return trustDifferences({ ...before, ...from }, { ...before, ...from, ...change })
    .map(({ what, before, after, weakens }) => `${weakens ? "!" : ""}${what} ${before} > ${after}`);
}

describe("Trust", () => {
  it("Trust is equal without differences", () => {
    assert.deepEqual(differences({}), []);
    assert.deepEqual(differences({ repository: "https://example.com/ada/timer.git/" }), [
      "repository https://example.com/ada/timer > https://example.com/ada/timer.git/",
    ]);
  });

  it("Trust is weaker without the signature, or with another one", () => {
    assert.deepEqual(differences({ signers: [] }), ["!signers ed25519:old > none"]);
    assert.deepEqual(differences({ signers: ["ed25519:new"] }), [
      "!signers ed25519:old > ed25519:new",
    ]);
    const both = ["ed25519:new", "ed25519:old"];
    assert.deepEqual(differences({ signers: both }), [
      "signers ed25519:old > ed25519:new, ed25519:old",
    ]);
    assert.deepEqual(differences({ signers: ["ed25519:new"] }, { signers: [] }), [
      "signers none > ed25519:new",
    ]);
  });

  it("Trust is weaker in a tier with more rights, and not in one with fewer", () => {
    assert.deepEqual(differences({ tier: "trusted" }), ["!tier worker > trusted"]);
    assert.deepEqual(differences({ tier: "sandboxed" }), ["tier worker > sandboxed"]);
    assert.deepEqual(differences({ tier: "trusted" }, { tier: undefined }), []);
  });

  it("Trust is weaker with more permissions or controls, and not with fewer", () => {
    assert.deepEqual(differences({ permissions: { net: ["b.example"], read: ["data"] } }), [
      "!permissions.net a.example > b.example",
    ]);
    assert.deepEqual(differences({ permissions: { ...before.permissions, run: ["git"] } }), [
      "!permissions.run none > git",
    ]);
    assert.deepEqual(differences({ permissions: { net: ["a.example"] } }), [
      "permissions.read data > none",
    ]);
    assert.deepEqual(differences({ controls: ["stop", "writeWeights"] }), [
      "!controls stop > stop, writeWeights",
    ]);
    assert.deepEqual(differences({ controls: [] }), ["controls stop > none"]);
  });

  it("Trust is weaker when the source moved, the version went back, or a version has other bytes", () => {
    assert.equal(differences({ repository: "https://example.org/eve/timer" })[0][0], "!");
    assert.deepEqual(differences({ repository: undefined }), [
      "!repository https://example.com/ada/timer > none",
    ]);
    assert.deepEqual(
      differences({ repository: "https://example.com/a" }, { repository: undefined }),
      [
        "repository none > https://example.com/a",
      ],
    );
    assert.deepEqual(differences({ version: "1.1.9" }), ["!version 1.2.0 > 1.1.9"]);
    assert.deepEqual(differences({ version: "1.2.0-rc.1" }), ["!version 1.2.0 > 1.2.0-rc.1"]);
    assert.deepEqual(differences({ version: "1.10.0", integrity: "sha384-new" }), [
      "version 1.2.0 > 1.10.0",
      "integrity sha384-old > sha384-new",
    ]);
    assert.deepEqual(differences({ integrity: "sha384-new" }), [
      "!integrity sha384-old > sha384-new",
    ]);
    // What is being worked on.
    assert.deepEqual(differences({ integrity: "sha384-new" }, { url: "./callback.plugin.json" }), [
      "integrity sha384-old > sha384-new",
    ]);
  });

  it("Trust beyond the lock is an error with old and new values", () => {
    const differences = trustDifferences(before, { ...before, signers: [], version: "1.0.0" });
    assert.throws(() => checkTrust("ada/timer", differences, before.url), (error) => {
      assert(error instanceof PluginError);
      assert.equal(error.code, "E_TRUST");
      assert.match(error.message, /\n {2}signers: was ed25519:old, is none\n/);
      assert.match(error.message, /\n {2}version: was 1\.2\.0, is 1\.0\.0\n/);
      assert.match(error.message, /keepfit update --accept/);
      return true;
    });
    checkTrust("ada/timer", trustDifferences(before, { ...before, version: "2.0.0" }), before.url);
  });

  it("Trust is compared with the nearest entry of the same plugin if it has none", () => {
    const next = { ...before, version: "2.0.0", controls: [] };
    const plugins = { "registry:ada/timer@^2": next, "registry:ada/timer@^1": before };
    const now = { ...before, version: "1.3.0", url: "https://example.org/" };
    const weaker = differencesFromLock(plugins, undefined, now)?.filter((one) => one.weakens);
    assert.deepEqual(weaker, []);
    const stranger = { ...now, id: "eve/timer" };
    assert.equal(differencesFromLock(plugins, undefined, stranger), undefined);
    assert.equal(differencesFromLock(plugins, next, now)?.some((one) => one.weakens), true);
  });
});
