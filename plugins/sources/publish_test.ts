import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { serveHub } from "../../hub/mod.ts";
import { nowhere } from "../../tests/ports.ts";
import { computeIntegrity } from "../manifest/integrity.ts";
import type { PluginManifest } from "../manifest/format.ts";
import { publishPlugin, yankPlugin } from "./publish.ts";
import { signManifest } from "../manifest/signature.ts";
import { generateKeyPair } from "../manifest/signing_key.ts";

const token = "a-token-that-nobody-guesses";
const other = "another-token-for-somebody-else";
const tokens = { [other]: ["bob"], [token]: ["keepfit"] };
const registry = new URL("../../examples/plugins/", import.meta.url);
const place = "/keepfit/epoch-report/0.1.0";
const source = new URL(`.${place}/`, registry);
const example: PluginManifest = JSON.parse(
  await readFile(new URL("callback.plugin.json", source), "utf8"),
);
const files = new Map<string, Uint8Array>();
for (const path of Object.keys(example.files)) {
  files.set(path, new Uint8Array(await readFile(new URL(path, source))));
}

describe("publishPlugin", () => {
  it("publishPlugin publishes a plugin to a real hub, from which anyone can load it, and yankPlugin yanks it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keepfit-publish-"));
    await cp(fileURLToPath(registry), folder, { recursive: true });
    const hub = await serveHub({ directory: folder, tokens });
    try {
      const access = { registry: hub.url.replace(/\/$/, ""), token };
      const key = await generateKeyPair();
      const manifest = JSON.stringify(await signManifest({ ...example, version: "0.2.0" }, key));
      const published = await publishPlugin({ ...access, manifest, files });
      const { reference, ...rest } = published;
      assert.deepEqual(rest, { id: "keepfit/epoch-report", version: "0.2.0", isNew: true });
      const [url, integrity] = reference.split("#");
      assert.equal(url, `${hub.url}keepfit/epoch-report/0.2.0/callback.plugin.json`);
      const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
      assert.equal(await computeIntegrity(bytes), integrity);
      assert.equal((await publishPlugin({ ...access, manifest, files })).isNew, false);
      const id = "keepfit/epoch-report";
      const reason = "draws the wrong line";
      assert.deepEqual(await yankPlugin(access, id, "0.2.0", { reason }), ["0.2.0"]);
      const meta = await (await fetch(`${hub.url}${id}/meta.json`)).json();
      assert.equal(meta.versions["0.2.0"].yankReason, reason);
      assert.deepEqual(await yankPlugin(access, id, "0.2.0", { undo: true }), []);
      await assert.rejects(
        publishPlugin({ ...access, token: other, manifest, files }),
        {
          code: "E_HTTP",
          message: /keepfit\/epoch-report 0\.2\.0 at http:\S+: the registry answered 403: .*/,
        },
      );
    } finally {
      await hub.close();
      await rm(folder, { recursive: true });
    }
  });

  it("publishPlugin sends its token only to the hub, and never where it could be intercepted", async () => {
    const asked: string[] = [];
    const access = {
      token,
      manifest: JSON.stringify(example),
      files,
      fetch: (url: string) => {
        asked.push(url);
        const headers = { location: "https://evil.example/" };
        return Promise.resolve(new Response(null, { status: 307, headers }));
      },
    };
    const insecure = publishPlugin({ ...access, registry: "http://example.com/" });
    await assert.rejects(insecure, /only over https/);
    const folder = publishPlugin({ ...access, registry: "examples/plugins" });
    await assert.rejects(folder, /expected the URL of a hub; to publish to a folder, use/);
    const withPassword = publishPlugin({ ...access, registry: "https://ada:secret@example.com/" });
    await assert.rejects(
      withPassword,
      ({ message }) =>
        /at https:\/\/example\.com\/: expected a URL without user and password/.test(message),
    );
    assert.deepEqual(asked, []);
    const copied = publishPlugin({ ...access, registry: "https://example.com/?q#top" });
    await assert.rejects(copied, /the registry answered 307/);
    assert.deepEqual(asked.splice(0), [`https://example.com${place}`]);
    const redirected = publishPlugin({ ...access, registry: "https://example.com/sub" });
    await assert.rejects(redirected, { code: "E_HTTP", message: /the registry answered 307/ });
    assert.deepEqual(asked, [`https://example.com/sub${place}`]);
  });

  it("publishPlugin names the hub and the reason when the hub cannot be reached", async () => {
    const registry = `http://${nowhere}/`;
    const access = { registry, token };
    const reason = `at ${registry}: the connection was refused (ECONNREFUSED)`;
    await assert.rejects(
      publishPlugin({ ...access, manifest: JSON.stringify(example), files }),
      { code: "E_HTTP", message: `Cannot publish keepfit/epoch-report 0.1.0 ${reason}` },
    );
    await assert.rejects(
      yankPlugin(access, "keepfit/epoch-report", "0.1.0"),
      { code: "E_HTTP", message: `Cannot yank keepfit/epoch-report 0.1.0 ${reason}` },
    );
  });

  it("publishPlugin rejects a registry that has other content", async () => {
    const fetch = () => Promise.resolve(Response.json({ integrity: "sha384-x" }, { status: 201 }));
    await assert.rejects(
      publishPlugin({
        registry: "https://example.com",
        token,
        manifest: JSON.stringify(example),
        files,
        fetch,
      }),
      { code: "E_HTTP", actual: "sha384-x" },
    );
  });
});
