import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { computeIntegrity, toBase64 } from "../../plugins/manifest/integrity.ts";
import { publishPlugin } from "../../plugins/sources/publish.ts";
import { signManifest } from "../../plugins/manifest/signature.ts";
import { generateKeyPair } from "../../plugins/manifest/signing_key.ts";
import type { PluginManifest } from "../../plugins/manifest/format.ts";
import { memoryFileSystem } from "../../runtime/mod.ts";
import type { FileSystem } from "../../runtime/types.ts";
import { createHub } from "../app.ts";
import { serveHub } from "../serve.ts";
import { memoryPluginStore } from "../stores/memory.ts";
import { publishVersion } from "./publish.ts";

const token = "a-token-that-nobody-guesses";
const other = "another-token-for-somebody-else";
const tokens = { [other]: ["bob"], [token]: ["keepfit", "ada"] };
const source = new URL("../../examples/plugins/keepfit/epoch-report/0.1.0/", import.meta.url);
const example: PluginManifest = JSON.parse(
  await readFile(new URL("callback.plugin.json", source), "utf8"),
);
const files = new Map<string, Uint8Array>();
for (const path of Object.keys(example.files)) {
  files.set(path, new Uint8Array(await readFile(new URL(path, source))));
}
const url = "/keepfit/epoch-report/0.1.0";

/** A hub with an empty registry in memory. */
async function emptyHub(fs: FileSystem = memoryFileSystem()) {
  await fs.makeDir("p");
  const hub = createHub({ directory: "p", fs, tokens });
  const put = (
    manifest: unknown = example,
    { path = url, contents = files, bearer = token }: {
      path?: string;
      contents?: ReadonlyMap<string, Uint8Array>;
      bearer?: string;
    } = {},
  ) =>
    hub.request(path, {
      method: "PUT",
      headers: { authorization: `Bearer ${bearer}` },
      body: JSON.stringify({
        manifest: typeof manifest === "string" ? manifest : JSON.stringify(manifest),
        files: Object.fromEntries([...contents].map(([name, bytes]) => [name, toBase64(bytes)])),
      }),
    });
  const post = (path: string, { bearer = token, body }: { bearer?: string; body?: string } = {}) =>
    hub.request(path, { method: "POST", headers: { authorization: `Bearer ${bearer}` }, body });
  const json = async (path: string) => await (await hub.request(path)).json();
  return { hub, fs, put, post, json };
}

/** Expect an error. @returns its message */
async function refused(response: Response | Promise<Response>, status: number): Promise<string> {
  const { status: found, headers } = await response;
  const { error } = await (await response).json();
  assert.equal(found, status, error);
  assert.match(headers.get("content-type") ?? "", /^application\/json/);
  assert.doesNotMatch(error, /token-that|another-token/);
  return error;
}

/** The manifest of version 0.1.0 with another number. */
const numbered = (version: string, change: object = {}) => ({ ...example, version, ...change });

describe("Publishing to a hub", () => {
  it("Publishing to a hub adds a version that everyone can read, byte for byte", async () => {
    const { hub, fs, put, json } = await emptyHub();
    const text = JSON.stringify(example, null, 1);
    const response = await put(text);
    assert.equal(response.status, 201);
    const integrity = await computeIntegrity(new TextEncoder().encode(text));
    assert.deepEqual(await response.json(), {
      id: "keepfit/epoch-report",
      version: "0.1.0",
      integrity,
      reference: `keepfit/epoch-report/0.1.0/callback.plugin.json#${integrity}`,
    });
    assert.equal(await (await hub.request(`${url}/callback.plugin.json`)).text(), text);
    for (const [path, bytes] of files) {
      const body = await (await hub.request(`${url}/${path}`)).arrayBuffer();
      assert.deepEqual(new Uint8Array(body), bytes);
    }
    const meta = await json("/keepfit/epoch-report/meta.json");
    assert.equal(meta.versions["0.1.0"].integrity, integrity);
    // The file that static hosts serve.
    for (const path of ["keepfit/epoch-report/meta.json", "index.json"]) {
      assert.deepEqual(JSON.parse(await fs.readTextFile(`p/${path}`)), await json(`/${path}`));
    }
    assert.deepEqual((await fs.readDir("p")).map(({ name }) => name), ["index.json", "keepfit"]);
  });

  it("Publishing to a hub refuses owners whose names are reserved", async () => {
    const store = memoryPluginStore();
    const manifest = new TextEncoder().encode(JSON.stringify({ ...example, id: "api/report" }));
    await assert.rejects(
      publishVersion(store, { manifest, files }),
      { status: 400, message: /^Cannot publish api\/report: api is reserved/ },
    );
    assert.deepEqual((await store.index()).plugins, []);
  });

  it("Publishing to a hub refuses a version that differs from another only in build metadata", async () => {
    const { put } = await emptyHub();
    await put();
    const path = "/keepfit/epoch-report/0.1.0+twin";
    const error = await refused(put(numbered("0.1.0+twin"), { path }), 409);
    assert.match(error, /0\.1\.0 is published, and differs only in build metadata/);
  });

  it("Publishing to a hub dates a version whose publishing was interrupted when it is sent again", async () => {
    const fs = memoryFileSystem();
    let failing = true;
    const { put, json } = await emptyHub({
      ...fs,
      writeFile: async (path, data) => {
        if (failing && String(path).endsWith("meta.json")) throw new Error("the disk is full");
        await fs.writeFile(path, data);
      },
    });
    const report = console.error;
    console.error = () => {};
    try {
      assert.equal((await put()).status, 500);
    } finally {
      console.error = report;
    }
    failing = false;
    assert.equal((await put()).status, 200);
    const { versions } = await json("/keepfit/epoch-report/meta.json");
    assert.notEqual(versions["0.1.0"].published, undefined);
  });

  it("Publishing to a hub accepts the same bytes twice, and refuses others", async () => {
    const { put, hub } = await emptyHub();
    assert.equal((await put()).status, 201);
    assert.equal((await put()).status, 200);
    const error = await refused(put({ ...example, title: "Another" }), 409);
    assert.match(error, /published with other bytes, and a published version never changes/);
    const stored = await (await hub.request(`${url}/callback.plugin.json`)).json();
    assert.equal(stored.title, example.title);
  });

  it("Publishing to a hub accepts one of several requests for the same version at the same time", async () => {
    const { put, json } = await emptyHub();
    const titles = Array.from({ length: 8 }, (_, i) => `Title ${i}`);
    const answers = await Promise.all(titles.map((title) => put({ ...example, title })));
    const won = answers.flatMap(({ status }, i) => status === 201 ? [titles[i]] : []);
    assert.equal(won.length, 1);
    assert.equal(answers.filter(({ status }) => status === 409).length, 7);
    assert.equal((await json("/index.json")).plugins[0].title, won[0]);
  });

  it("Publishing to a hub requires a token of the owner", async () => {
    const { hub, put, post, fs } = await emptyHub();
    for (const bearer of ["", "wrong-token-of-some-length", token.slice(1), `${token}x`]) {
      await refused(put(example, { bearer }), 401);
      await refused(post(`${url}/yank`, { bearer }), 401);
    }
    const plain = await hub.request(url, { method: "PUT", body: "{}" });
    assert.equal(plain.headers.get("www-authenticate"), "Bearer");
    await refused(plain, 401);
    assert.match(await refused(put(example, { bearer: other }), 403), /for keepfit/);
    await refused(post(`${url}/yank`, { bearer: other }), 403);
    assert.deepEqual(await fs.readDir("p"), []);
    const closed = createHub({ directory: "p", fs });
    assert.match(
      await refused(
        closed.request(url, { method: "PUT", headers: { authorization: `Bearer ${token}` } }),
        401,
      ),
      /this hub accepts no tokens/,
    );
  });

  it("Publishing to a hub refuses tokens that can be guessed, without showing them", () => {
    const fs = memoryFileSystem();
    for (const wrong of ["hunter2", "with a space in the middle"]) {
      assert.throws(
        () => createHub({ directory: "p", fs, tokens: { [wrong]: ["ada"] } }),
        (error) => {
          assert(error instanceof RangeError);
          assert.doesNotMatch(error.message, /hunter2|middle/);
          return true;
        },
      );
    }
    for (const owner of ["Ada", "api", "web"]) {
      assert.throws(
        () => createHub({ directory: "p", fs, tokens: { [token]: [owner] } }),
        new RegExp(`for owner "${owner}": expected`),
      );
    }
  });

  it("Publishing to a hub refuses a plugin that could not be loaded, and writes nothing of it", async () => {
    const { put, fs } = await emptyHub();
    const bytes = (text: string) => new TextEncoder().encode(text);
    const without = new Map([...files].slice(1));
    const changed = new Map(files).set("index.js", files.get("index.js")!.toReversed());
    const longer = new Map(files).set("index.js", bytes("export default () => ({});"));
    const more = new Map(files).set("../../../evil.js", bytes("1"));
    const listed = { ...example.files["index.js"] };
    for (
      const [answer, error] of [
        [put("{"), /it is not JSON/],
        [put({ ...example, id: "ada" }), /id: found "ada"/],
        [put(numbered("0.2.0")), /Cannot publish .* 0\.1\.0: its manifest says .* 0\.2\.0/],
        [put({ ...example, id: "ada/x" }), /its manifest says ada\/x/],
        [put(example, { contents: without }), /files are missing/],
        [put(example, { contents: changed }), /its content does not match its integrity/],
        [put(example, { contents: longer }), /index\.js has another size/],
        [put(example, { contents: more }), /files are not listed in the manifest/],
        [
          put({ ...example, files: { ...example.files, "https://example.com/a.js": listed } }),
          /files have URLs/,
        ],
        [put({ ...example, "x-much": "x".repeat(300_000) }), /larger than allowed/],
        [
          put({ ...example, files: { ...example.files, [`${"é".repeat(128)}.js`]: listed } }),
          /names of at most 255 bytes/,
        ],
      ] as const
    ) {
      assert.match(await refused(answer, 400), error);
    }
    const broken = await withModule('import "node:fs";');
    const contents = new Map(files).set("index.js", bytes('import "node:fs";'));
    assert.match(await refused(put(broken, { contents }), 400), /imports "node:fs"/);
    assert.deepEqual(await fs.readDir("p"), []);
  });

  it("Publishing to a hub reports what is wrong with the format of a request", async () => {
    const { hub } = await emptyHub();
    const put = (body: string) =>
      hub.request(url, { method: "PUT", headers: { authorization: `Bearer ${token}` }, body });
    for (
      const body of [
        "",
        "[]",
        "null",
        "{}",
        '{"manifest": {}, "files": {}}',
        '{"manifest": "", "files": []}',
        '{"manifest": "", "files": {}, "more": 1}',
        '{"manifest": "", "files": {"a": 1}}',
        '{"manifest": "", "files": {"a": "!"}}',
        '{"manifest": "", "files": {"a": "QQ"}}',
        `{"manifest": "", "files": {${
          Array.from({ length: 1001 }, (_, i) => `"${i}": ""`).join()
        }}}`,
      ]
    ) {
      assert.match(
        await refused(put(body), 400),
        /^Cannot publish: expected a body \{ .* \}, got /,
        body,
      );
    }
    const large = await put(`"${"x".repeat(33 * 1024 * 1024)}"`);
    assert.match(await refused(large, 413), /expected at most 33554432 bytes/);
  });
});

describe("A hub's signed plugins", () => {
  it("A hub's signed plugins stay signed by one of the same keys", async () => {
    const { put } = await emptyHub();
    const [a, b] = [await generateKeyPair(), await generateKeyPair()];
    const publish = (version: string, manifest: unknown) =>
      put(manifest, { path: `/keepfit/epoch-report/${version}` });
    assert.equal((await publish("0.1.0", example)).status, 201);
    const first = await signManifest(numbered("0.2.0"), a);
    assert.equal((await publish("0.2.0", first)).status, 201);
    for (const wrong of [numbered("0.3.0"), await signManifest(numbered("0.3.0"), b)]) {
      const error = await refused(publish("0.3.0", wrong), 403);
      assert.ok(error.includes(`0.2.0 is signed by ${a.keyId}`), error);
    }
    // A lower version number makes no difference.
    await refused(publish("0.1.1", numbered("0.1.1")), 403);
    const both = await signManifest(await signManifest(numbered("0.3.0"), a), b);
    assert.equal((await publish("0.3.0", both)).status, 201);
    const next = await signManifest(numbered("0.4.0"), b);
    assert.equal((await publish("0.4.0", next)).status, 201);
    // The key that was replaced is no longer accepted.
    await refused(publish("0.5.0", await signManifest(numbered("0.5.0"), a)), 403);
  });

  it("A hub's signed plugins are refused with an invalid signature", async () => {
    const { put } = await emptyHub();
    const signed = await signManifest(example, await generateKeyPair());
    const response = await put({ ...signed, title: "Another" });
    assert.equal(response.status, 400);
    assert.equal((await response.json()).code, "E_SIGNATURE");
  });
});

describe("Yanking a version on a hub", () => {
  it("Yanking a version on a hub keeps its files and makes another one the latest, until it is undone", async () => {
    const { hub, fs, put, post, json } = await emptyHub();
    await put();
    await put(numbered("0.2.0"), { path: "/keepfit/epoch-report/0.2.0" });
    const yank = await post("/keepfit/epoch-report/0.2.0/yank");
    assert.equal(yank.status, 200);
    assert.deepEqual((await yank.json()).yanked, ["0.2.0"]);
    await post("/keepfit/epoch-report/0.2.0/yank");
    const meta = await json("/keepfit/epoch-report/meta.json");
    assert.deepEqual([meta.latest, meta.yanked], ["0.1.0", ["0.2.0"]]);
    assert.deepEqual(JSON.parse(await fs.readTextFile("p/keepfit/epoch-report/meta.json")), meta);
    assert.equal((await json("/index.json")).plugins[0].latest, "0.1.0");
    const kept = await hub.request("/keepfit/epoch-report/0.2.0/callback.plugin.json");
    assert.equal(kept.status, 200);
    // It stays yanked when another version is published.
    await put(numbered("0.3.0"), { path: "/keepfit/epoch-report/0.3.0" });
    assert.deepEqual((await json("/keepfit/epoch-report/meta.json")).yanked, ["0.2.0"]);
    await post("/keepfit/epoch-report/0.2.0/unyank");
    assert.deepEqual((await json("/keepfit/epoch-report/meta.json")).yanked, []);
    await refused(post("/keepfit/epoch-report/9.9.9/yank"), 404);
    await refused(post("/ada/nothing/1.0.0/yank"), 404);
  });

  it("Yanking a version on a hub stores and shows the reason, and drops it with the yank", async () => {
    const { fs, put, post, json } = await emptyHub();
    await put();
    const why = JSON.stringify({ reason: "leaks file handles: use 0.2.0" });
    const yanked = await (await post(`${url}/yank`, { body: why })).json();
    assert.equal(yanked.versions["0.1.0"].yankReason, "leaks file handles: use 0.2.0");
    // The reason stays after a second yank without one, and after another publication.
    await post(`${url}/yank`);
    await put(numbered("0.2.0"), { path: "/keepfit/epoch-report/0.2.0" });
    const meta = await json("/keepfit/epoch-report/meta.json");
    assert.equal(meta.versions["0.1.0"].yankReason, "leaks file handles: use 0.2.0");
    assert.deepEqual(JSON.parse(await fs.readTextFile("p/keepfit/epoch-report/meta.json")), meta);
    const { versions } = await (await post(`${url}/unyank`)).json();
    assert.equal(versions["0.1.0"].yankReason, undefined);
    const again = await (await post(`${url}/yank`)).json();
    assert.equal(again.versions["0.1.0"].yankReason, undefined);
  });

  it("Yanking a version on a hub refuses a reason that is not one line", async () => {
    const { put, post } = await emptyHub();
    await put();
    for (const body of ["{", "[]", `{"reason": 1}`, `{"reason": "a\\nb"}`, `{"reason": ""}`]) {
      assert.match(await refused(post(`${url}/yank`, { body }), 400), /reason/);
    }
    const long = JSON.stringify({ reason: "x".repeat(501) });
    assert.match(await refused(post(`${url}/yank`, { body: long }), 400), /500 characters/);
    await refused(post(`${url}/yank`, { body: "x".repeat(20_000) }), 413);
  });

  it("Yanking a version on a hub leaves no latest version if every version is yanked, in the index and on the page", async () => {
    const { hub, fs, put, post, json } = await emptyHub();
    await put();
    await post(`${url}/yank`);
    const meta = await json("/keepfit/epoch-report/meta.json");
    assert.equal(meta.latest, undefined);
    const index = await json("/index.json");
    const [{ id, latest, yanked, title }] = index.plugins;
    assert.deepEqual([id, latest, yanked, title], [
      "keepfit/epoch-report",
      undefined,
      true,
      example.title,
    ]);
    assert.deepEqual(JSON.parse(await fs.readTextFile("p/index.json")), index);
    const page = await (await hub.request("/")).text();
    assert.match(page, /every version is yanked/);
    assert.doesNotMatch(page, /0\.1\.0/);
    await post(`${url}/unyank`);
    assert.deepEqual((await json("/index.json")).plugins[0].latest, "0.1.0");
    assert.equal("yanked" in (await json("/index.json")).plugins[0], false);
  });
});

describe("A hub", () => {
  it("A hub records the time of publishing, and keeps it", async () => {
    const { fs, put, post, json } = await emptyHub();
    const before = Date.now();
    await put();
    const url = "/keepfit/epoch-report/meta.json";
    const { published } = (await json(url)).versions["0.1.0"];
    assert(Date.parse(published) >= before && Date.parse(published) <= Date.now(), published);
    await put();
    await put(numbered("0.2.0"), { path: "/keepfit/epoch-report/0.2.0" });
    await post("/keepfit/epoch-report/0.1.0/yank");
    assert.equal((await json(url)).versions["0.1.0"].published, published);
    const stored = JSON.parse(await fs.readTextFile(`p${url}`));
    // One invalid entry does not affect the others.
    const broken = { ...stored, versions: { "7.0.0": null, ...stored.versions } };
    await fs.writeFile(`p${url}`, JSON.stringify(broken));
    assert.deepEqual(await json(url), stored);
    assert.deepEqual(Object.keys(stored.versions["0.2.0"]), ["integrity", "engines", "published"]);
  });
});

describe("A registry's folder", () => {
  it("A registry's folder that is not writable is reported, and left unchanged", async () => {
    const fs = memoryFileSystem();
    let failing = false;
    const { hub, put } = await emptyHub({
      ...fs,
      rename: async (from, to) => {
        if (failing) throw new Error("the disk is full");
        await fs.rename(from, to);
      },
    });
    await put();
    failing = true;
    const report = console.error;
    const reported: unknown[] = [];
    console.error = (error) => reported.push(error);
    try {
      const path = "/keepfit/epoch-report/0.2.0";
      assert.match(
        await refused(put(numbered("0.2.0"), { path }), 500),
        /^Cannot answer PUT .*: the hub failed/,
      );
    } finally {
      console.error = report;
    }
    assert.equal(reported.length, 1);
    assert.deepEqual((await fs.readDir("p")).map(({ name }) => name), ["index.json", "keepfit"]);
    const left = await hub.request("/keepfit/epoch-report/0.2.0/callback.plugin.json");
    assert.equal(left.status, 404);
    failing = false;
    const again = await put(numbered("0.2.0"), { path: "/keepfit/epoch-report/0.2.0" });
    assert.equal(again.status, 201);
  });

  it("A registry's folder with a partial version of a killed process accepts the whole one", async () => {
    const { fs, put } = await emptyHub();
    await fs.makeDir(`p${url}`);
    await fs.writeFile(`p${url}/index.js`, "half");
    assert.equal((await put()).status, 201);
    const text = await fs.readTextFile(`p${url}/index.js`);
    assert.equal(text, new TextDecoder().decode(files.get("index.js")));
  });

  it("A registry's folder keeps nothing of a process that was killed while publishing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keepfit-hub-"));
    try {
      // This process has ended.
      const { pid } = spawnSync("sh", ["-c", ":"]);
      const left = (name: string) => mkdir(join(folder, name, "d"), { recursive: true });
      await left(`.publish-${pid}-00000000-0000-4000-8000-000000000000`);
      // A running process may still be writing.
      await left(`.publish-${process.pid}-00000000-0000-4000-8000-000000000000`);
      await left(".other");
      const hub = createHub({ directory: folder });
      assert.equal((await hub.request("/ada/none/meta.json")).status, 404);
      const names = (await readdir(folder)).sort();
      assert.equal(names.length, 2, names.join());
      assert.match(names.join(), new RegExp(`^\\.other,\\.publish-${process.pid}-`));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("A registry's folder is not written through a link, on real disks", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keepfit-publish-"));
    try {
      await mkdir(join(folder, "registry"));
      await mkdir(join(folder, "elsewhere"));
      await symlink(join(folder, "elsewhere"), join(folder, "registry/ada"));
      const hub = await serveHub({ directory: join(folder, "registry"), tokens });
      try {
        const manifest = JSON.stringify({ ...example, id: "ada/report" });
        const publishing = publishPlugin({ registry: hub.url, token, manifest, files });
        await assert.rejects(
          publishing,
          /answered 409: .* expected a folder in the registry, got a symbolic link/,
        );
        assert.deepEqual(await readdir(join(folder, "elsewhere")), []);
      } finally {
        await hub.close();
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("A hub's schemas", () => {
  it("A hub's schemas are those of the package, for any page", async () => {
    const { hub } = await emptyHub();
    const path = "/schemas/callback.plugin.schema.json";
    const response = await hub.request(path);
    assert.match(response.headers.get("content-type") ?? "", /^application\/schema\+json/);
    assert.equal(response.headers.get("access-control-allow-origin"), "*");
    assert.equal(
      await response.text(),
      await readFile(new URL(`../..${path}`, import.meta.url), "utf8"),
    );
    for (const one of ["/schemas/no.schema.json", "/schemas/..%2fpackage.json", "/schemas/"]) {
      assert.equal((await hub.request(one)).status, 404, one);
    }
  });
});

/** The manifest of the example for a module with other code. */
async function withModule(code: string): Promise<PluginManifest> {
  const bytes = new TextEncoder().encode(code);
  const module = { integrity: await computeIntegrity(bytes), size: bytes.length };
  return { ...example, files: { ...example.files, "index.js": module } };
}
