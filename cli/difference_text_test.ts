import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { differenceText } from "./difference_text.ts";

const text = (what: string, before: string, after: string, weakens = true) =>
  differenceText({ what, before, after, weakens });

describe("differenceText", () => {
  it("differenceText names what a plugin may do now, and what it may no longer do", () => {
    assert.deepEqual(text("permissions.net", "a.example", "b.example, c.example"), [
      "may now also send requests to b.example",
      "may now also send requests to c.example",
      "no longer asks to send requests to a.example",
    ]);
    assert.deepEqual(text("permissions.run", "none", "git"), [
      "may now also run git with all your rights",
    ]);
    assert.deepEqual(text("controls", "stop", "stop, writeWeights"), [
      "may now also change the weights",
    ]);
  });

  it("differenceText names the default that is an option's value", () => {
    assert.deepEqual(text("permissions.env", "option:what=HOME", "option:what=AWS_SECRET"), [
      "may now also read the environment variable AWS_SECRET (the default of option what)",
      "no longer asks to read the environment variable HOME (the default of option what)",
    ]);
    assert.deepEqual(text("permissions.net", "none", "option:url"), [
      "may now also send requests to what you pass as option url",
    ]);
  });

  it("differenceText names signers, tier and bytes", () => {
    assert.deepEqual(text("signers", "ed25519:a", "none"), ["is no longer signed"]);
    assert.deepEqual(text("signers", "ed25519:a", "ed25519:b"), [
      "is signed by ed25519:b, before by ed25519:a",
    ]);
    assert.deepEqual(text("tier", "sandboxed", "trusted"), ["runs trusted instead of sandboxed"]);
    assert.deepEqual(text("integrity", "sha384-a", "sha384-b"), [
      "has different content under the same version",
    ]);
    assert.deepEqual(text("integrity", "sha384-a", "sha384-b", false), []);
    assert.deepEqual(text("version", "1.1.0", "1.0.0"), [
      "is an older version: 1.0.0, before 1.1.0",
    ]);
  });
});
