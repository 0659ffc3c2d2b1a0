import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRandom, isLong } from "../../tests/seeded.ts";
import { manifestWith } from "../fixtures.ts";
import { type Grants, grantsOf } from "./grants.ts";
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
  it("neededPermissions records the value of a default, and an option of the user by name", () => {
    const manifest = byOption("https://a.example/x");
    assert.deepEqual(neededPermissions(manifest), { net: ["option:url=a.example"] });
    assert.deepEqual(neededPermissions(manifest, { url: "https://b.example" }), {
      net: ["option:url"],
    });
    assert.deepEqual(neededPermissions(byOption(undefined)), { net: ["option:url"] });
  });

  it("neededPermissions records the defaults of all callbacks", () => {
    const manifest = byOption("https://b.example", "http://a.example:1/x", undefined);
    assert.deepEqual(neededPermissions(manifest), {
      net: ["option:url=b.example", "option:url=http://a.example:1"],
    });
  });
});

describe("agreedPermissions", () => {
  it("agreedPermissions records only those defaults that the user agrees to", () => {
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
  it("allowedBy never confuses a default with the user's option", () => {
    assert.deepEqual(allowedBy({ net: ["option:url"] }, {}), {});
    assert.deepEqual(allowedBy({ net: ["option:url"] }, { url: "https://me.example/x" }), {
      net: ["me.example"],
    });
    assert.deepEqual(allowedBy({ net: ["option:url=a.example"] }, {}), { net: ["a.example"] });
  });
});

describe("coversLocked", () => {
  it("coversLocked treats another value of an option as another permission, unless the user passes it", () => {
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

describe("Consent in a lock file", () => {
  it("Consent in a lock file grants nothing that the user neither agreed to nor passes, whatever an update changes", () => {
    const hosts = ["a.example", "b.example", "c.example", "evil.example"];
    const names = ["url", "mirror", "a"];
    let granted = 0;
    for (let seed = 0; seed < (isLong ? 1_000_000 : 5_000); seed++) {
      const random = createRandom(seed);
      const pick = <T>(list: readonly T[]): T => list[random(list.length)];
      const options = () =>
        Object.fromEntries(
          names.filter(() => random(3) === 0).map((name) => [name, `https://${pick(hosts)}/x`]),
        );
      const entries = Array.from(
        { length: 1 + random(3) },
        () =>
          random(3) === 0
            ? { host: pick(hosts), reason: "r" }
            : { option: pick(names), reason: "r" },
      );
      const manifest = () => {
        const callbacks = Array.from({ length: 1 + random(2) }, (_, i) => ({
          name: `c${i}`,
          export: "default",
          hooks: ["onEpochEnd" as const],
          controls: [],
          defaults: options(),
        }));
        return manifestWith({ permissions: { net: entries }, callbacks });
      };
      const [first, second] = [manifest(), manifest()];
      const added = options();
      const allow = random(2) === 0
        ? ["net" as const]
        : { net: hosts.filter(() => random(2) === 0) };
      const locked = agreedPermissions(first, added, allow);
      // A later load, of the updated plugin, by a program that may pass other options.
      const passed = options();
      if (!isWithin(neededPermissions(second, passed), locked)) continue;
      const merged = { ...pick(second.callbacks).defaults, ...passed };
      let grants: Grants;
      try {
        grants = grantsOf(second, "x:", merged, allowedBy(locked, passed));
      } catch {
        continue;
      }
      const { declared = [], agreed = [] } = grants.net ?? {};
      const effective = declared.filter((one) => agreed === true || agreed.includes(one));
      const hostOf = (text: unknown) => new URL(String(text)).host;
      const seen = new Set([
        // What the user saw and agreed to when the plugin was added.
        ...(Array.isArray(allow) ? hosts : allow.net).filter((host) =>
          entries.some((one) => one.host === host) ||
          first.callbacks.some(({ defaults = {} }) =>
            entries.some(({ option = "" }) =>
              Object.hasOwn(defaults, option) && hostOf(defaults[option]) === host
            )
          )
        ),
        ...Object.values(passed).map(hostOf),
      ]);
      assert.deepEqual(effective.filter((one) => !seen.has(one)), [], `seed ${seed}`);
      granted += effective.length;
    }
    assert(granted > 100, String(granted));
  });
});
