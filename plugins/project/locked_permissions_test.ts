import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { manifestWith } from "../fixtures.ts";
import {
  agreedPermissions,
  allowedBy,
  coversLocked,
  isWithin,
  neededPermissions,
} from "./locked_permissions.ts";

/** Needs a host that an option names. */
function byOption(...defaults: (string | undefined)[]) {
  const callbacks = defaults.map((url, i) => ({
    name: `c${i}`,
    export: "default",
    hooks: ["onEpochEnd" as const],
    controls: [],
    ...(url !== undefined && { defaults: { url } }),
  }));
  const permissions = { net: [{ option: "url", reason: "sends logs" }] };
  return manifestWith({ permissions, callbacks });
}

describe("neededPermissions", () => {
  it("records what a default means, and an option that the user passes by its name", () => {
    const manifest = byOption("https://a.example/x");
    assert.deepEqual(neededPermissions(manifest), { net: ["option:url=a.example"] });
    assert.deepEqual(neededPermissions(manifest, { url: "https://b.example" }), {
      net: ["option:url"],
    });
    assert.deepEqual(neededPermissions(byOption(undefined)), { net: ["option:url"] });
  });

  it("records the defaults of all callbacks", () => {
    const manifest = byOption("https://b.example", "http://a.example:1/x", undefined);
    assert.deepEqual(neededPermissions(manifest), {
      net: ["option:url=b.example", "option:url=http://a.example:1"],
    });
  });
});

describe("agreedPermissions", () => {
  it("records of a default only what the user agrees to", () => {
    const manifest = byOption("https://a.example", "https://b.example");
    assert.deepEqual(agreedPermissions(manifest, {}, { net: ["b.example"] }), {
      net: ["option:url=b.example"],
    });
    assert.deepEqual(agreedPermissions(manifest, {}, ["net"]), {
      net: ["option:url=a.example", "option:url=b.example"],
    });
    assert.deepEqual(agreedPermissions(manifest, {}, ["read"]), {});
  });
});

describe("allowedBy", () => {
  it("never takes a default for what the user passes", () => {
    assert.deepEqual(allowedBy({ net: ["option:url"] }, {}), {});
    assert.deepEqual(allowedBy({ net: ["option:url"] }, { url: "https://me.example/x" }), {
      net: ["me.example"],
    });
    assert.deepEqual(allowedBy({ net: ["option:url=a.example"] }, {}), { net: ["a.example"] });
  });
});

describe("coversLocked", () => {
  it("takes another value of an option for another permission, unless the user passes it", () => {
    assert(coversLocked(["option:url=a.example"], "option:url=a.example"));
    assert(coversLocked(["option:url=a.example"], "option:url"));
    assert(!coversLocked(["option:url=a.example"], "option:url=b.example"));
    assert(!coversLocked(["option:url"], "option:url=b.example"));
    assert(!coversLocked(["option:url=a.example"], "option:other"));
    assert(!coversLocked(["a.example"], "option:url=a.example"));
    assert(!coversLocked(undefined, "option:url"));
    assert(isWithin({ net: ["option:url"] }, { net: ["option:url=a"] }));
    assert(!isWithin({ net: ["option:url=b"] }, { net: ["option:url=a"] }));
  });
});
