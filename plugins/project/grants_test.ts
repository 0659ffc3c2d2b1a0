import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { manifestWith, refusal } from "../fixtures.ts";
import type { PluginPermissions } from "../manifest/format.ts";
import { type Allowed, grantsOf } from "./grants.ts";

const grants = (
  permissions: PluginPermissions,
  allow?: Allowed,
  { options = {}, writes = false, optionalPermissions = {} as PluginPermissions } = {},
) => grantsOf(manifestWith({ permissions, optionalPermissions }), "x:", options, allow, writes);

const net = [{ host: "a.example", reason: "sends logs" }];

describe("grantsOf", () => {
  it("grantsOf refuses a plugin without required permissions, with advice", async () => {
    await refusal(
      "E_PERMISSION",
      () => grants({ net }, { net: ["b.example"] }),
      /a\.example \(sends logs\)[^]*pass \{ allow: \{ net: \["b\.example","a\.example"\] \} \}/,
    );
    assert.deepEqual(grants({ net }, ["net"]), {
      net: { declared: ["a.example"], agreed: true },
    });
  });

  it("grantsOf grants optional permissions only with consent", () => {
    const optional = { optionalPermissions: { net } };
    assert.deepEqual(grants({}, undefined, optional), {});
    assert.deepEqual(grants({}, { net: ["*.example"] }, optional), {
      net: { declared: ["a.example"], agreed: ["*.example"] },
    });
  });

  it("grantsOf uses the value of an option: the host of a URL, or its origin over plain http", () => {
    const permissions = { net: [{ option: "url", reason: "r" }] };
    const declared = (url: string) =>
      grants(permissions, ["net"], { options: { url } }).net?.declared;
    assert.deepEqual(declared("https://a.example:8443/x"), ["a.example:8443"]);
    assert.deepEqual(declared("http://a.example/x"), ["http://a.example"]);
    assert.deepEqual(grants(permissions, ["net"]), {});
  });

  it("grantsOf treats only outputDir as consent to write", async () => {
    const permissions = { write: [{ path: "*.csv", reason: "r" }] };
    await refusal(
      "E_PERMISSION",
      () => grants(permissions, ["write"]),
      /name a folder with \{ outputDir \}/,
    );
    assert.deepEqual(grants(permissions, undefined, { writes: true }), {
      write: { declared: ["*.csv"], agreed: true },
    });
  });

  it("grantsOf rejects an unknown kind of permission", () => {
    assert.throws(() => grants({}, { disk: true } as Allowed), RangeError);
  });
});
