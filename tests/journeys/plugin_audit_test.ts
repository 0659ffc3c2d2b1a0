/** Tests of `keepfit audit`. */
import assert from "node:assert/strict";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  addPlugin,
  type Advisory,
  auditPlugins,
  computeIntegrity,
  generateKeyPair,
  type SigningKey,
  signManifest,
} from "keepfit/plugins";
import { startIn } from "../command.ts";
import { root } from "../files.ts";
import {
  farFetch,
  farRegistry,
  publishVersions,
  type VersionToPublish,
} from "./plugin_registry_site.ts";
import { publish, recording, setUpSite, site, unique } from "./plugin_site.ts";

setUpSite();

const timer = "registry:ada/timer@^1";
const feed = "/registry/advisories.json";

const leak: Advisory = {
  id: "KF-2026-0001",
  plugin: "ada/timer",
  affected: "<1.1.0 || 2.0.0",
  fixed: ">=1.1.0 <2 || >2.0.0",
  severity: "high",
  summary: "sends the logs to any host",
  url: "https://example.com/KF-2026-0001",
};

function advise(...advisories: object[]): void {
  site.pages.set(feed, JSON.stringify({ schemaVersion: 1, advisories }));
}

/** A project that has locked the newest of these versions in ^1. */
async function projectWith(versions: Record<string, VersionToPublish>, keys: SigningKey[] = []) {
  await publishVersions("ada/timer", versions);
  for (const version of Object.keys(versions)) await sign(version, keys);
  const folder = join(site.folder, `audit-${unique()}`);
  await mkdir(folder);
  const options = {
    config: join(folder, "keepfit.json"),
    fetch: farFetch,
    cacheDir: site.cacheDir,
    retryDelay: 1,
  };
  await addPlugin(timer, { ...options, registry: farRegistry });
  return {
    folder,
    options,
    audit: async (more = {}) => await auditPlugins({ ...options, ...more }),
    /** The findings about the only plugin. */
    found: async (more = {}) => {
      const { plugins: [{ findings, unknown }] } = await auditPlugins({ ...options, ...more });
      return { kinds: findings.map(({ kind }) => kind), findings, unknown };
    },
  };
}

/** Sign a version that is on the site. */
async function sign(version: string, keys: SigningKey[]): Promise<void> {
  const path = `/registry/ada/timer/${version}/callback.plugin.json`;
  let manifest = JSON.parse(site.pages.get(path) as string);
  for (const key of keys) manifest = await signManifest(manifest, key);
  await replace(version, JSON.stringify(manifest));
}

/** Replace a manifest, and its hash in the registry. */
async function replace(version: string, text: string): Promise<void> {
  site.pages.set(`/registry/ada/timer/${version}/callback.plugin.json`, text);
  const meta = JSON.parse(site.pages.get("/registry/ada/timer/meta.json") as string);
  meta.versions[version].integrity = await computeIntegrity(new TextEncoder().encode(text));
  site.pages.set("/registry/ada/timer/meta.json", JSON.stringify(meta));
}

describe("keepfit audit", () => {
  it("keepfit audit finds nothing for unaffected plugins, with or without advisories of the registry", async () => {
    const { found } = await projectWith({ "1.0.0": {} });
    assert.deepEqual(await found(), { kinds: [], findings: [], unknown: [] });
    advise({ ...leak, plugin: "ada/other" }, { ...leak, affected: ">=1.0.1" });
    assert.deepEqual(await found(), { kinds: [], findings: [], unknown: [] });
  });

  it("keepfit audit finds a vulnerable version, and an unaffected one", async () => {
    const { found, audit } = await projectWith({ "1.0.0": {} });
    advise(leak);
    const before = await found();
    assert.deepEqual(before.findings, [{
      kind: "vulnerable",
      needsAction: true,
      advisory: leak,
      message: "vulnerable, high: sends the logs to any host (KF-2026-0001, fixed in " +
        ">=1.1.0 <2 || >2.0.0, https://example.com/KF-2026-0001): no other version is " +
        "unaffected: keepfit remove removes the plugin",
    }]);
    await publishVersions("ada/timer", { "2.0.0": {}, "1.0.0": {} });
    assert.match((await found()).findings[0].message, /no other version is unaffected/);
    await publishVersions("ada/timer", { "2.0.1": {}, "2.0.0": {}, "1.0.0": {} });
    assert.match(
      (await found()).findings[0].message,
      /: 2\.0\.1 is unaffected: run keepfit remove ada\/timer, then keepfit add registry:ada\/timer@2\.0\.1$/,
    );
    await publishVersions("ada/timer", { "2.0.1": {}, "1.1.0": {}, "1.0.0": {} });
    assert.match((await found()).findings[0].message, /: keepfit update installs 1\.1\.0$/);
    assert.deepEqual((await audit({ ignore: ["KF-2026-0001", "another"] })).ignored, [leak.id]);
    assert.deepEqual((await found({ ignore: [leak.id] })).kinds, []);
  });

  it("keepfit audit finds a yanked version, and one that its registry has changed or lost", async () => {
    const { found } = await projectWith({ "1.0.0": {} });
    await publishVersions("ada/timer", { "1.0.0": { yankReason: "leaks" } }, ["1.0.0"]);
    assert.deepEqual((await found()).kinds, ["yanked"]);
    assert.match((await found()).findings[0].message, /^yanked \(leaks\): no other version/);
    await publishVersions("ada/timer", { "1.0.0": { change: { title: "Another" } } });
    const changed = await found();
    assert.deepEqual(changed.kinds, ["changed"]);
    assert.match(changed.findings[0].message, /the lock file says sha384-.*, the registry sha384-/);
    await publishVersions("ada/timer", { "1.1.0": {} });
    const lost = await found();
    assert.deepEqual(lost.kinds, ["changed"]);
    assert.match(lost.findings[0].message, /the registry has no ada\/timer 1\.0\.0/);
  });

  it("keepfit audit finds newer versions with other signers or none, in the range or beyond it", async () => {
    const [old, next] = [await generateKeyPair(), await generateKeyPair()];
    const { found } = await projectWith({ "1.0.0": {} }, [old]);
    const versions = { "2.0.0": {}, "1.1.0": {}, "1.0.0": {} };
    await publishVersions("ada/timer", versions);
    const renew = async (one: SigningKey[], two: SigningKey[]) => {
      await publishVersions("ada/timer", versions);
      await sign("1.0.0", [old]);
      await sign("1.1.0", one);
      await sign("2.0.0", two);
      const { findings } = await found();
      return findings.filter(({ kind }) => kind === "signers").map(({ message }) => message);
    };
    assert.deepEqual(await renew([old], [old, next]), []);
    const [lost, ...none] = await renew([], [next, old]);
    assert.deepEqual(none, []);
    assert(lost.startsWith(`1.1.0 is not signed, 1.0.0 by ${old.keyId}: ask its author`), lost);
    const [changed] = await renew([old], [next]);
    assert(changed.startsWith(`2.0.0 is signed by ${next.keyId}, 1.0.0 by ${old.keyId}`), changed);
    // A version with the signature of other data.
    const path = "/registry/ada/timer/2.0.0/callback.plugin.json";
    const wrong = { ...JSON.parse(site.pages.get(path) as string), title: "Changed" };
    await replace("2.0.0", JSON.stringify(wrong));
    const { kinds, findings } = await found();
    assert.deepEqual(kinds, ["signers"]);
    assert.match(findings[0].message, /a signature is invalid/);
  });

  it("keepfit audit finds a newest version that does not match its registry", async () => {
    const { found } = await projectWith({ "1.0.0": {} });
    await publishVersions("ada/timer", { "1.1.0": {}, "1.0.0": {} });
    const path = "/registry/ada/timer/1.1.0/callback.plugin.json";
    site.pages.set(path, `${site.pages.get(path)} `);
    const { kinds, findings } = await found();
    assert.deepEqual(kinds, ["changed"]);
    assert.match(findings[0].message, /does not match its integrity/);
  });

  it("keepfit audit finds a deprecated plugin, with its successor", async () => {
    const { found } = await projectWith({ "1.0.0": {} });
    const stage = { name: "deprecated", message: "Not needed since 2.0.", successor: "ada/clock" };
    // Its last version is deprecated, even though this keepfit cannot use it.
    await publishVersions("ada/timer", {
      "2.0.0": { change: { stage, engines: { core: ">=900" } }, age: 30_000 },
      "1.0.0": { age: 40_000 },
    });
    assert.deepEqual((await found()).findings, [{
      kind: "deprecated",
      message: "deprecated, succeeded by ada/clock: Not needed since 2.0.",
      needsAction: true,
    }]);
  });

  it("keepfit audit reports two years without a release, which alone requires no action", async () => {
    const { found } = await projectWith({ "1.0.0": {} });
    const hours = 2 * 366 * 24;
    await publishVersions("ada/timer", { "1.0.0": { age: hours + 24 } });
    const { findings } = await found();
    assert.deepEqual(findings.map(({ kind, needsAction }) => [kind, needsAction]), [
      ["old", false],
    ]);
    assert.match(
      findings[0].message,
      /^no release for 2 years: the last one was on \d{4}-\d\d-\d\d$/,
    );
    await publishVersions("ada/timer", { "1.0.1": { age: 24 }, "1.0.0": { age: hours + 24 } });
    assert.deepEqual((await found()).kinds, []);
    await publishVersions("ada/timer", { "1.0.1": {}, "1.0.0": { age: hours + 24 } });
    assert.deepEqual((await found()).kinds, []);
  });

  it("keepfit audit fails if a check fails", async () => {
    const { found } = await projectWith({ "1.0.0": {} });
    for (
      const [text, message] of [
        ["<!doctype html>", /it is not JSON/],
        [JSON.stringify({ schemaVersion: 2, advisories: [] }), /they have a newer format/],
        [JSON.stringify({ schemaVersion: 1 }), /advisories: found nothing/],
        [
          JSON.stringify({ schemaVersion: 1, advisories: [{ ...leak, affected: "all" }] }),
          /advisories\[0\]\.affected: found "all", expected a version range/,
        ],
        [
          JSON.stringify({ schemaVersion: 1, advisories: [{ ...leak, fixd: "1" }] }),
          /advisories\[0\]\.fixd: is not a key/,
        ],
      ] as const
    ) {
      site.pages.set(feed, text);
      const { kinds, unknown } = await found();
      assert.deepEqual([kinds, unknown.length], [[], 1], text);
      assert.match(unknown[0], message);
    }
    advise(leak);
    assert.deepEqual((await found()).kinds, ["vulnerable"]);
    site.pages.set(feed, () => new Response(null, { status: 500 }));
    assert.match((await found({ retries: 0 })).unknown[0], /the server answered 500/);
    // The last response is known without a network.
    const offline = await found({ offline: true });
    assert.deepEqual([offline.kinds, offline.unknown], [["vulnerable"], []]);
    const empty = await found({ offline: true, cacheDir: join(site.folder, "empty") });
    assert.match(empty.unknown[0], /the network is disabled/);
    site.pages.delete("/registry/ada/timer/meta.json");
    assert.match((await found()).unknown[0], /the registry does not have it/);
  });

  it("keepfit audit asks a registry for its advisories once, and names plugins of no registry", async () => {
    const { audit, options } = await projectWith({ "1.0.0": {} });
    await publishVersions("ada/other", { "1.0.0": {} });
    await addPlugin("registry:ada/other", options);
    const elsewhere = await publish({ "main.js": recording("") }, { id: "ada/third" });
    await addPlugin(elsewhere, options);
    site.asked.length = 0;
    const { plugins, others } = await audit();
    assert.deepEqual(plugins.map(({ id }) => id).sort(), ["ada/other", "ada/timer"]);
    assert.deepEqual(others, [elsewhere]);
    assert.equal(site.asked.filter((path) => path === feed).length, 1);
  });

  it("keepfit audit reads the advisories of a registry in a folder", async () => {
    const folder = join(site.folder, `audit-${unique()}`);
    const keepfit = (...args: string[]) =>
      startIn(folder, args, { XDG_CACHE_HOME: site.cacheDir }).ended;
    await mkdir(folder);
    const registry = join(folder, "registry");
    await cp(join(root, "examples/plugins"), registry, { recursive: true });
    const add = ["add", "registry:keepfit/plateau", "--registry", "registry", "--yes"];
    assert.equal((await keepfit(...add)).code, 0);
    const noLog = "their registry has no log to check: keepfit/plateau 0.1.0\n";
    const quiet = await keepfit("audit");
    assert.equal(quiet.output, "keepfit/plateau 0.1.0: nothing found\n" + noLog);
    assert.equal(quiet.code, 0);
    await writeFile(
      join(registry, "advisories.json"),
      JSON.stringify({
        schemaVersion: 1,
        advisories: [{ ...leak, plugin: "keepfit/plateau", affected: "*", fixed: undefined }],
      }),
    );
    const found = await keepfit("audit");
    assert.equal(found.code, 1);
    assert.equal(
      found.output,
      "keepfit/plateau 0.1.0:\n  ! vulnerable, high: sends the logs to any host (KF-2026-0001, " +
        "https://example.com/KF-2026-0001): no other version is unaffected: keepfit remove " +
        "removes the plugin\n" +
        noLog,
    );
    const ignoring = await keepfit("audit", "--ignore", leak.id, "--ignore", "KF-1");
    assert.equal(ignoring.code, 0);
    assert.match(ignoring.output, /^ignored: KF-2026-0001\nignored: KF-1, which covers no/m);
    const { plugins: [{ findings }] } = JSON.parse((await keepfit("audit", "--json")).output);
    assert.equal(findings[0].advisory.id, leak.id);
    await writeFile(join(registry, "advisories.json"), "{");
    const unknown = await keepfit("audit");
    assert.equal(unknown.code, 1);
    assert.match(unknown.output, /^ {2}\? Cannot read advisories .*: it is not JSON/m);
  });
});
