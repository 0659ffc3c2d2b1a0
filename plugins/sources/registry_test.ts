import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { getRuntime, memoryFileSystem } from "../../runtime/mod.ts";
import { refusal } from "../fixtures.ts";
import { PluginCache } from "./cache.ts";
import { createFetcher } from "./fetcher.ts";
import { parseReference, type RegistryReference } from "./reference.ts";
import {
  bestVersion,
  type ChoiceRules,
  chooseVersion,
  readMeta,
  type RegistryMeta,
  yankOf,
} from "./registry.ts";

const registry = new URL("https://registry.example/plugins/");
const integrityOf = (version: string) => `sha256-${btoa(version.padEnd(32)).padEnd(44, "=")}`;

type Entry = Partial<RegistryMeta["versions"][string]> & {
  /** Hours since it was published. */
  age?: number;
};

function metaOf(versions: Record<string, Entry>, yanked: string[] = []): RegistryMeta {
  const entries = Object.entries(versions).map(([version, { age, ...change }]) => [version, {
    integrity: integrityOf(version),
    engines: { core: ">=0.1" },
    published: age === undefined ? undefined : new Date(Date.now() - age * 3.6e6).toISOString(),
    ...change,
  }]);
  return { versions: Object.fromEntries(entries), yanked };
}

const choose = (meta: RegistryMeta, rest = "", rules: ChoiceRules = {}) => {
  const reference = parseReference(`registry:ada/timer${rest}`) as RegistryReference;
  return chooseVersion(reference, registry, meta, rules).version;
};

describe("chooseVersion", () => {
  it("chooseVersion selects the highest version in the range that is neither yanked nor a prerelease", async () => {
    const meta = metaOf(
      { "3.0.0-rc.1": {}, "2.1.0": {}, "2.0.0": {}, "1.10.0": {}, "1.9.0": {} },
      ["2.1.0"],
    );
    assert.equal(choose(meta), "2.0.0");
    assert.equal(choose(meta, "@^1"), "1.10.0");
    assert.equal(choose(meta, "@<1.10"), "1.9.0");
    assert.equal(choose(meta, "@>=3.0.0-rc.1"), "3.0.0-rc.1");
    await refusal("E_REGISTRY", () => choose(meta, "@2.1"), /2\.1\.0 \(yanked\)/);
    // A yank does not take away what somebody has named.
    assert.equal(choose(meta, `#${integrityOf("2.1.0")}`), "2.1.0");
  });

  it("chooseVersion selects an older version on an older host, and gives reasons if none fits", async () => {
    const { name } = getRuntime();
    const meta = metaOf({
      "3.0.0": { engines: { core: "^9.1" } },
      "2.0.0": { engines: { core: ">=0.1", [name]: ">=900" } },
      "1.0.0": {},
    });
    assert.equal(choose(meta), "1.0.0");
    assert.equal(bestVersion(meta, { range: ">=2" }), undefined);
    for (
      const reason of [
        /3\.0\.0 \(needs keepfit \^9\.1, this is 0\./,
        new RegExp(`2\\.0\\.0 \\(needs ${name} >=900, this is`),
        /1\.0\.0 \(outside the range\)/,
      ]
    ) {
      await refusal("E_REGISTRY", () => choose(meta, "@>=2"), reason);
    }
  });

  it("chooseVersion skips versions younger than minimumAge, unless the integrity is named", async () => {
    const meta = metaOf({
      "1.3.0": {},
      "1.2.0": { age: 3.5 },
      "1.1.0": { age: 30 },
      "1.0.0": { age: 300 },
    });
    assert.equal(choose(meta), "1.3.0");
    assert.equal(choose(meta, "", { minimumAge: 0 }), "1.3.0");
    assert.equal(choose(meta, "", { minimumAge: 3 }), "1.2.0");
    assert.equal(choose(meta, "", { minimumAge: 24 }), "1.1.0");
    const young = () => choose(meta, "@>=1.2", { minimumAge: 24 });
    await refusal("E_REGISTRY", young, /1\.3\.0 \(of unknown age\)/);
    await refusal("E_REGISTRY", young, /1\.2\.0 \(published 3 hours ago, expected 24\)/);
    for (const minimumAge of [-1, NaN]) {
      assert.throws(() => choose(meta, "", { minimumAge }), /expected a number of hours >= 0/);
    }
    assert.equal(choose(meta, `#${integrityOf("1.3.0")}`, { minimumAge: 24 }), "1.3.0");
  });
});

describe("yankOf", () => {
  it("yankOf returns the author's reason as one printable line", () => {
    const meta = metaOf({ "1.0.0": { yankReason: "loses\n  rows\u001b[31m" }, "1.1.0": {} }, [
      "1.0.0",
      "0.9.0",
    ]);
    assert.equal(yankOf("1.1.0", meta), undefined);
    assert.deepEqual(yankOf("0.9.0", meta), { reason: undefined });
    const { reason } = yankOf("1.0.0", meta) ?? {};
    assert.match(reason ?? "", /^loses rows/);
    assert.equal(reason?.includes("\u001b"), false);
  });
});

describe("readMeta", () => {
  it("readMeta asks a server only for changes, and offline uses the last answer", async () => {
    const tags: (string | null)[] = [];
    const fetch = (_: string, init: RequestInit) => {
      const tag = new Headers(init.headers).get("if-none-match");
      tags.push(tag);
      return Promise.resolve(
        tag === '"1"'
          ? new Response(null, { status: 304 })
          : new Response(JSON.stringify({ schemaVersion: 1, ...metaOf({ "1.0.0": {} }) }), {
            headers: { etag: '"1"' },
          }),
      );
    };
    const fs = memoryFileSystem();
    const cache = new PluginCache(fs, "/cache");
    for (const offline of [false, false, true]) {
      const fetcher = createFetcher(fs, { fetch, offline });
      const { versions } = await readMeta("ada/timer", registry, fetcher, cache);
      assert.deepEqual(Object.keys(versions), ["1.0.0"]);
    }
    assert.deepEqual(tags, [null, '"1"']);
  });
});
