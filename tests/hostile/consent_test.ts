// Changes of an author after a user has consented.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  addPlugin,
  explainPlugin,
  explainText,
  loadPlugin,
  type PluginPermission,
  readLock,
  updatePlugins,
} from "keepfit/plugins";
import { farFetch, farRegistry, publishVersions } from "../journeys/plugin_registry_site.ts";
import { fails, recording, setUpSite, site, unique } from "../journeys/plugin_site.ts";

setUpSite();

const timer = "registry:ada/timer@^1";
const options = { type: "object", properties: { what: { type: "string" } } };

/** A version with a permission that takes its value from an option. */
function version(kind: PluginPermission, what: string | undefined) {
  return {
    files: { "main.js": recording("") },
    change: { permissions: { [kind]: [{ option: "what", reason: "for the test" }] } },
    callback: { options, ...(what !== undefined && { defaults: { what } }) },
  };
}

/** A project with version 1.0.0 in its lock file, and 1.1.0 published since. */
async function updated(
  kind: PluginPermission,
  before: string | undefined,
  after: string | undefined,
  given?: Record<string, unknown>,
) {
  const folder = join(site.folder, `consent-${unique()}`);
  await mkdir(folder);
  const shared = {
    config: join(folder, "keepfit.json"),
    lock: join(folder, "keepfit.lock.json"),
    registry: farRegistry,
    fetch: farFetch,
    cacheDir: site.cacheDir,
    retryDelay: 1,
  };
  await publishVersions("ada/timer", { "1.0.0": version(kind, before) });
  await addPlugin(timer, { ...shared, options: given, allow: [kind] });
  await publishVersions("ada/timer", {
    "1.1.0": version(kind, after),
    "1.0.0": version(kind, before),
  });
  return { shared, lock: () => readLock(shared.lock) };
}

describe("A permission whose value is an option's default", () => {
  const moves: [PluginPermission, string, string][] = [
    ["net", "https://good.example/a", "https://evil.example/a"],
    ["net", "https://good.example/a", "http://good.example/a"],
    ["env", "HOME", "AWS_SECRET_ACCESS_KEY"],
    ["read", "data", "/etc"],
    ["run", "git", "sh"],
    ["run", "git", "/bin/sh"],
    ["read", "data", "/"],
    ["listen", "127.0.0.1:9464", "0.0.0.0:9464"],
  ];
  for (const [kind, before, after] of moves) {
    it(`A permission whose value is an option's default requires consent when an update moves ${kind} from ${before} to ${after}`, async () => {
      const { shared, lock } = await updated(kind, before, after);
      const [{ status, differences }] = await updatePlugins(shared);
      assert.equal(status, "refused");
      const [difference] = differences.filter(({ weakens }) => weakens);
      assert.equal(difference.what, `permissions.${kind}`);
      assert.notEqual(difference.before, difference.after);
      assert.equal((await lock())?.plugins[timer].version, "1.0.0");
      const [accepted] = await updatePlugins({ ...shared, accept: true });
      assert.equal(accepted.status, "updated");
    });
  }

  it("A permission whose value is an option's default requires no consent when an update keeps it", async () => {
    const { shared } = await updated("net", "https://good.example/a", "https://good.example/b");
    assert.equal((await updatePlugins(shared))[0].status, "updated");
  });

  it("A permission whose value is an option's default follows the option that the user passes, even if the default changes", async () => {
    const what = "https://mine.example/x";
    const { shared } = await updated(
      "net",
      "https://good.example",
      "https://evil.example",
      { what },
    );
    assert.equal((await updatePlugins(shared))[0].status, "updated");
    const callback = await loadPlugin(timer, { ...shared, options: { what } });
    assert.deepEqual(callback.plugin.grants.net?.agreed, ["mine.example"]);
    await callback.close?.();
    // A user who no longer passes it has not consented to the default.
    await fails("E_TRUST", /option:what=evil\.example/, loadPlugin(timer, shared));
  });

  it("A permission whose value is an option's default is shown by keepfit explain", async () => {
    const { shared } = await updated("net", "https://good.example/a", "https://evil.example/a");
    const text = explainText(await explainPlugin(`${timer}`, { ...shared, lock: false }));
    assert.match(text, /May touch\n +- net evil\.example \(option what\): for the test/);
  });

  it("A permission whose value is an option's default passes the same checks as a declared value", async () => {
    for (
      const [kind, what] of [
        ["run", "/bin/sh"],
        ["read", "../../etc"],
        ["net", "*"],
        ["net", "2130706433"],
        ["env", "A=B"],
      ] as const
    ) {
      await publishVersions("ada/timer", { "1.0.0": version(kind, what) });
      const source = { registry: farRegistry, fetch: farFetch, cacheDir: site.cacheDir };
      const lock = join(site.folder, `lock-${unique()}.json`);
      const shared = { ...source, lock, trustFirstUse: true, allow: [kind] };
      await fails("E_OPTIONS", /what is a value of permission/, loadPlugin(timer, shared));
      await publishVersions("ada/timer", { "1.0.0": version(kind, undefined) });
      const loading = loadPlugin(timer, { ...shared, options: { what } });
      await fails("E_OPTIONS", /what is a value of permission/, loading);
    }
  });
});
