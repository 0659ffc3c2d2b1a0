import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { generateKeyPair, type PluginManifest, signManifest } from "keepfit/plugins";
import {
  fails,
  load,
  publish,
  recording,
  runOnce,
  setUpSite,
  site,
  unique,
} from "./plugin_site.ts";

setUpSite();

const main = () => recording(`globalThis.seen.push(${unique()});`);

/** Sign a plugin on the site. */
async function sign(reference: string, ...keys: Parameters<typeof signManifest>[1][]) {
  const { pathname } = new URL(reference);
  let manifest = JSON.parse(site.pages.get(pathname) as string) as PluginManifest;
  for (const key of keys) manifest = await signManifest(manifest, key);
  // The signature covers the data, not its formatting.
  site.pages.set(pathname, JSON.stringify(manifest, null, 4));
}

describe("A signed plugin", () => {
  it("A signed plugin runs if one of its signers is trusted, or no signer is required", async () => {
    const [a, b] = [await generateKeyPair(), await generateKeyPair()];
    const reference = await publish({ "main.js": main() });
    await sign(reference, a, b);
    assert.equal((await runOnce(reference, { signers: [b.keyId] })).length, 1);
    assert.equal((await runOnce(reference)).length, 1);
  });

  it("A signed plugin is rejected with other signers or none, before anything else is fetched", async () => {
    const [a, b] = [await generateKeyPair(), await generateKeyPair()];
    for (const keys of [[], [a]]) {
      const reference = await publish({ "main.js": main() });
      await sign(reference, ...keys);
      const loading = load(reference, { signers: [b.keyId] });
      const error = await fails("E_SIGNATURE", /it has no signature of a trusted signer/, loading);
      assert.equal(error.expected, b.keyId);
      assert.equal(error.actual, keys[0]?.keyId ?? "no signature");
    }
    assert.deepEqual(site.asked.filter((path) => path.endsWith(".js")), []);
  });

  it("A signed plugin is rejected if it was changed after signing, even if no signer is required", async () => {
    const key = await generateKeyPair();
    const reference = await publish({ "main.js": main() });
    await sign(reference, key);
    const { pathname } = new URL(reference);
    const text = site.pages.get(pathname) as string;
    site.pages.set(pathname, text.replace("Counts epochs.", "Counts money."));
    const error = await fails("E_SIGNATURE", /a signature is invalid/, load(reference));
    assert.ok(error.message.includes(key.keyId));
  });

  it("A signed plugin is not fetched for an invalid signer key", async () => {
    const reference = await publish({ "main.js": main() });
    await assert.rejects(load(reference, { signers: ["ada"] }), TypeError);
  });
});
