import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { memoryFileSystem } from "../../runtime/mod.ts";
import { manifestWith, refusal } from "../fixtures.ts";
import type { PluginManifest } from "../manifest/format.ts";
import type { LockedPlugin, PluginLock } from "../project/lock_format.ts";
import { authorize, type User } from "./authorize.ts";
import { type Candidate, fetchManifest } from "./fetch_manifest.ts";
import { locate } from "./locate.ts";

const url = "https://plugins.example/callback.plugin.json";
const lockUrl = new URL("file:///project/keepfit.lock.json");

describe("authorize", () => {
  let fetched: Candidate;
  before(async () => {
    const manifest = {
      ...manifestWith(),
      title: "Counter",
      description: "Counts epochs.",
      license: "MIT",
      authors: [{ name: "Ada" }],
      engines: { core: ">=0.1" },
      module: "main.js",
      files: { "main.js": { integrity: `sha384-${"A".repeat(64)}`, size: 1 } },
    };
    const fetch = () => Promise.resolve(Response.json(manifest));
    const options = { fs: memoryFileSystem(), lock: lockUrl, trustFirstUse: true, fetch };
    fetched = await fetchManifest(await locate(url, options));
  });

  /** The candidate with another manifest and lock file entry. */
  const candidate = (change: Partial<PluginManifest> = {}, locked?: Partial<LockedPlugin>) => {
    const manifest = { ...fetched.manifest, ...change };
    if (locked === undefined) return { ...fetched, manifest };
    const { entry } = authorize({ ...fetched, manifest }, {}, { without: ["grants"] });
    const own = { ...entry, ...locked };
    const lock: PluginLock = { lockVersion: 1, plugins: { [url]: own } };
    const settings = { ...fetched.settings, locked: own, lockFile: { url: lockUrl, lock } };
    return { ...fetched, manifest, settings };
  };
  const net = [{ host: "a.example", reason: "r" }];

  it("authorize returns all rights of the plugin, and its lock entry", () => {
    const optionalPermissions = { net };
    const consent = authorize(candidate({ optionalPermissions }), { allow: ["net"] });
    assert.equal(consent.tier, "sandboxed");
    assert.equal(consent.callback.name, "counter");
    assert.deepEqual(consent.grants, { net: { declared: ["a.example"], agreed: true } });
    assert.deepEqual(consent.entry.permissions, { net: ["a.example"] });
    assert.deepEqual(consent.differences, []);
  });

  it("authorize throws the first refusal, in the order of the rules", async () => {
    const wrong = { engines: { core: ">=900" }, permissions: { net } };
    const user: User = { callback: "none", options: { a: 1 } };
    await refusal("E_ENGINE", () => authorize(candidate(wrong), user));
    const fits = candidate({ permissions: { net } });
    await refusal("E_EXPORT", () => authorize(fits, user));
    await refusal("E_OPTIONS", () => authorize(fits, { options: { a: 1 } }));
    await refusal("E_PERMISSION", () => authorize(fits, {}));
  });

  it("authorize collects every refusal of the rules that apply", () => {
    const refused: string[] = [];
    const review = authorize(
      candidate({ engines: { core: ">=900" }, permissions: { net } }),
      { options: { a: 1 } },
      { without: ["grants"], refuse: ({ code }) => refused.push(code) },
    );
    assert.deepEqual(refused, ["E_ENGINE", "E_OPTIONS"]);
    assert.equal(review.tier, "sandboxed");
    assert.equal(review.options, undefined);
    assert.equal(review.grants, undefined);
  });

  it("authorize uses tier and permissions of the lock file, and nothing more", async () => {
    const permissions = { net };
    const locked = candidate({ permissions }, {
      tier: "worker",
      permissions: { net: ["a.example"] },
    });
    const consent = authorize(locked, {});
    assert.equal(consent.tier, "worker");
    assert.deepEqual(consent.grants, { net: { declared: ["a.example"], agreed: ["a.example"] } });
    await refusal("E_TRUST", () => authorize(locked, { tier: "trusted" }), /tier: was worker/);
    const without = candidate({ permissions }, { permissions: {} });
    const wider = () => authorize(without, { allow: ["net"] });
    await refusal("E_TRUST", wider, /permissions\.net: was none, is a\.example/);
  });

  it("authorize allows only what a frozen lock file allows", async () => {
    const locked = candidate({ optionalPermissions: { net } }, {});
    const frozen = { ...locked, settings: { ...locked.settings, frozen: true } };
    assert.deepEqual(authorize(locked, { allow: ["net"] }).entry.permissions, {
      net: ["a.example"],
    });
    assert.equal(authorize(frozen, {}).tier, "sandboxed");
    await refusal("E_LOCK", () => authorize(frozen, { allow: ["net"] }), /the lock is frozen/);
  });
});
