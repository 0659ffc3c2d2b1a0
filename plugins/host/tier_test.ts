import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PluginManifest } from "keepfit/plugins";
import { chooseTier, type TierChoice } from "./tier.ts";

const tierOf = (support: PluginManifest["sandbox"]["support"], choice: TierChoice) =>
  chooseTier({ id: "ada/timer", sandbox: { support } } as PluginManifest, "file:///", choice);

describe("A tier", () => {
  it("A tier is this process for the user's own plugins, and the sandbox for others or those that require it", () => {
    assert.equal(tierOf("supported", { isOwn: false }), "sandboxed");
    assert.equal(tierOf("supported", { isOwn: true }), "trusted");
    assert.equal(tierOf("required", { isOwn: true }), "sandboxed");
    assert.equal(tierOf("unsupported", { isOwn: true }), "trusted");
  });

  it("A tier is the user's choice, or that of the lock file", () => {
    assert.equal(tierOf("supported", { isOwn: false, locked: "worker" }), "worker");
    assert.equal(
      tierOf("supported", { isOwn: false, locked: "worker", chosen: "trusted" }),
      "trusted",
    );
  });

  it("A tier that the plugin does not support is rejected, with advice", () => {
    const far = { isOwn: false };
    const hint = /everything but your own files[^]*pass \{ tier: "trusted" \}/;
    assert.throws(() => tierOf("unsupported", far), hint);
    assert.throws(() => tierOf("required", { isOwn: true, chosen: "worker" }), /omit the tier/);
    assert.throws(() => tierOf("unsupported", { ...far, chosen: "sandboxed" }), /E_|sandbox/);
    assert.throws(
      () => tierOf("supported", { ...far, chosen: "sandbox" as never }),
      /in tier 'sandbox': the tiers are sandboxed, trusted, worker/,
    );
  });
});
