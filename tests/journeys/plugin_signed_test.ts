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

/** Sign what is on the site. */
async function sign(reference: string, ...keys: Parameters<typeof signManifest>[1][]) {
  const { pathname } = new URL(reference);
  let manifest = JSON.parse(site.pages.get(pathname) as string) as PluginManifest;
  for (const key of keys) manifest = await signManifest(manifest, key);
  // However it is laid out: what is signed is the data.
  site.pages.set(pathname, JSON.stringify(manifest, null, 4));
}

describe("a signed plugin", () => {
  it("runs for who trusts one of its signers, and for who does not ask", async () => {
    const [a, b] = [await generateKeyPair(), await generateKeyPair()];
    const reference = await publish({ "main.js": main() });
    await sign(reference, a, b);
    assert.equal((await runOnce(reference, { signers: [b.keyId] })).length, 1);
    assert.equal((await runOnce(reference)).length, 1);
  });

  it("is refused when somebody else signed it, or nobody, and nothing of it was fetched", async () => {
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

  it("is refused when it was changed afterwards, also for who does not ask", async () => {
    const key = await generateKeyPair();
    const reference = await publish({ "main.js": main() });
    await sign(reference, key);
    const { pathname } = new URL(reference);
    const text = site.pages.get(pathname) as string;
    site.pages.set(pathname, text.replace("Counts epochs.", "Counts money."));
    const error = await fails("E_SIGNATURE", /a signature is invalid/, load(reference));
    assert.ok(error.message.includes(key.keyId));
  });

  it("is not looked at for a signer that is no key", async () => {
    const reference = await publish({ "main.js": main() });
    await assert.rejects(load(reference, { signers: ["ada"] }), TypeError);
  });
});
