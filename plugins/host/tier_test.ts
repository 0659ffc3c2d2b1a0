import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PluginManifest } from "keepfit/plugins";
import { chooseTier, type TierChoice } from "./tier.ts";

const tierOf = (support: PluginManifest["sandbox"]["support"], choice: TierChoice) =>
  chooseTier({ id: "ada/timer", sandbox: { support } } as PluginManifest, "file:///", choice);

describe("a tier", () => {
  it("is the sandbox for what comes from elsewhere or wants it, else this process", () => {
    assert.equal(tierOf("supported", { isLocal: false }), "sandboxed");
    assert.equal(tierOf("supported", { isLocal: true }), "trusted");
    assert.equal(tierOf("required", { isLocal: true }), "sandboxed");
    assert.equal(tierOf("unsupported", { isLocal: true }), "trusted");
  });

  it("is what the user says, else what the lock file says", () => {
    assert.equal(tierOf("supported", { isLocal: false, locked: "worker" }), "worker");
    assert.equal(
      tierOf("supported", { isLocal: false, locked: "worker", wanted: "trusted" }),
      "trusted",
    );
  });

  it("that the plugin does not run in is refused, with what to pass", () => {
    const far = { isLocal: false };
    const hint = /comes from elsewhere[^]*pass \{ tier: "trusted" \}/;
    assert.throws(() => tierOf("unsupported", far), hint);
    assert.throws(() => tierOf("required", { isLocal: true, wanted: "worker" }), /leave out/);
    assert.throws(() => tierOf("unsupported", { ...far, wanted: "sandboxed" }), /E_|sandbox/);
    assert.throws(
      () => tierOf("supported", { ...far, wanted: "sandbox" as never }),
      /in tier 'sandbox': the tiers are sandboxed, trusted, worker/,
    );
  });
});
