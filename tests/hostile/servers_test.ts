import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { computeIntegrity, type PluginErrorCode } from "keepfit/plugins";
import {
  fails,
  load,
  publish,
  recording,
  runOnce,
  setUpSite,
  site,
} from "../journeys/plugin_site.ts";

setUpSite();

const source = recording("globalThis.seen.push(1)");
const bytes = new TextEncoder().encode(source);

/** Response of the server for the module, and the expected error code. */
const corpus: [what: string, answer: () => Response | Promise<Response>, code: PluginErrorCode][] =
  [
    ["other bytes of the same size", () => new Response(source.replace("1", "2")), "E_INTEGRITY"],
    ["half of it", () => new Response(bytes.slice(0, 20)), "E_INTEGRITY"],
    ["nothing", () => new Response(""), "E_INTEGRITY"],
    ["more than declared", () => new Response(source.repeat(50)), "E_LIMIT"],
    ["a stream that never ends", () => new Response(endless()), "E_LIMIT"],
    ["a page with status 200", () => new Response("<h1>Log in</h1>"), "E_INTEGRITY"],
    ["a part of it, as 206", () => new Response(source, { status: 206 }), "E_HTTP"],
    [
      "not modified, without a conditional request",
      () => new Response(null, { status: 304 }),
      "E_HTTP",
    ],
    ["a redirect to a file", () => moved("file:///etc/passwd"), "E_HTTP"],
    [
      "a redirect to data",
      () => moved(`data:text/javascript,${encodeURIComponent(source)}`),
      "E_HTTP",
    ],
    [
      "a redirect to the cloud's metadata address",
      () => moved("http://169.254.169.254/"),
      "E_HTTP",
    ],
    ["a redirect to a private host", () => moved("http://192.168.0.1/main.js"), "E_HTTP"],
    ["a redirect to nowhere", () => new Response(null, { status: 302 }), "E_HTTP"],
    ["a redirect to an invalid URL", () => moved("http://["), "E_HTTP"],
    ["forbidden", () => new Response("no", { status: 403 }), "E_HTTP"],
    ["gone", () => new Response("no", { status: 410 }), "E_HTTP"],
  ];

describe("A hostile server", () => {
  for (const [what, answer, code] of corpus) {
    it(`A hostile server that answers ${what} is rejected with ${code}`, async () => {
      const url = await publish({ "main.js": source });
      site.pages.set(new URL("main.js", url).pathname, answer);
      await fails(code, /./, load(url, { retries: 0 }));
    });
  }

  it("A hostile server that changes the module but not the manifest is detected at each load", async () => {
    const url = await publish({ "main.js": source });
    assert.deepEqual(await runOnce(url), [1]);
    site.pages.set(new URL("main.js", url).pathname, source.replace("1", "2"));
    // The manifest still declares the old bytes, which are in the cache.
    assert.deepEqual(await runOnce(url), [1]);
    const other = new TextEncoder().encode(source.replace("1", "2"));
    const manifest = JSON.parse(site.pages.get(new URL(url).pathname) as string);
    manifest.files["main.js"] = { integrity: await computeIntegrity(other), size: other.length };
    const old = site.pages.get(new URL(url).pathname) as string;
    const reference = `${url}#${await computeIntegrity(new TextEncoder().encode(old))}`;
    site.pages.set(new URL(url).pathname, JSON.stringify(manifest));
    await fails("E_INTEGRITY", /does not match its integrity/, load(reference));
  });

  it("A hostile server that varies its bytes cannot pass different ones to check and import", async () => {
    const url = await publish({ "main.js": source });
    let asked = 0;
    site.pages.set(new URL("main.js", url).pathname, () => {
      asked++;
      return new Response(asked === 1 ? source : "globalThis.evil = true; export default 1;");
    });
    assert.deepEqual(await runOnce(url), [1]);
    assert.equal(asked, 1);
    assert.equal("evil" in globalThis, false);
  });
});

function moved(location: string): Response {
  return new Response(null, { status: 302, headers: { location } });
}

function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1024)) });
}
