import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { hc } from "hono/client";
import { memoryFileSystem } from "../runtime/mod.ts";
import type { HttpServer } from "../runtime/types.ts";
import { createHub, type HubApp } from "./app.ts";
import type { RegistryMeta } from "./registry/format.ts";
import { isSlug, reservedOwners } from "./registry/owners.ts";
import { serveHub } from "./serve.ts";
import { memoryPluginStore, memoryRunStore } from "./stores/memory.ts";

const published = fileURLToPath(new URL("../examples/plugins", import.meta.url));
const version = "/keepfit/epoch-report/0.1.0";

async function emptyHub(limits: { maxRuns?: number; maxEpochs?: number } = {}) {
  const fs = memoryFileSystem();
  await fs.makeDir("plugins");
  return createHub({ directory: "plugins", fs, ...limits });
}

describe("A hub's advisories", () => {
  it("A hub's advisories are read from the file in its folder", async () => {
    const fs = memoryFileSystem();
    await fs.makeDir("plugins");
    const hub = createHub({ directory: "plugins", fs });
    assert.equal((await hub.request("/advisories.json")).status, 404);
    const text = '{ "schemaVersion": 1, "advisories": [] }';
    await fs.writeFile("plugins/advisories.json", text);
    const answer = await hub.request("/advisories.json");
    assert.equal(await answer.text(), text);
    assert.match(String(answer.headers.get("content-type")), /^application\/json/);
    assert.equal(answer.headers.get("access-control-allow-origin"), "*");
    const etag = String(answer.headers.get("etag"));
    const again = await hub.request("/advisories.json", { headers: { "if-none-match": etag } });
    assert.equal(again.status, 304);
    await fs.writeFile("plugins/advisories.json", `${text} `);
    const changed = await hub.request("/advisories.json", { headers: { "if-none-match": etag } });
    assert.equal(await changed.text(), `${text} `);
  });

  it("A hub's advisories are those that were passed to a store in memory", async () => {
    const hub = createHub({ plugins: memoryPluginStore({ advisories: "{}" }) });
    assert.equal(await (await hub.request("/advisories.json")).text(), "{}");
  });
});

describe("A hub's registry", () => {
  let folder: string;
  let hub: HttpServer;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "keepfit-hub-"));
    await cp(published, folder, { recursive: true });
    await writeFile(join(folder, "secret.txt"), "secret");
    await writeFile(join(folder, version, "unlisted.js"), "secret");
    hub = await serveHub({ directory: folder });
  });
  after(async () => {
    await hub.close();
    await rm(folder, { recursive: true });
  });
  const get = (path: string, init?: RequestInit) => fetch(new URL(path, hub.url), init);
  const json = async (path: string) => await (await get(path)).json();

  it("A hub's registry serves the index and meta.json that are stored for static hosts", async () => {
    for (const path of ["index.json", "keepfit/epoch-report/meta.json"]) {
      assert.deepEqual(await json(path), JSON.parse(await readFile(join(published, path), "utf8")));
    }
  });

  it("A hub's registry serves the files of a version unchanged and immutable, to every origin", async () => {
    const response = await get(`${version}/chart/line_chart.js`);
    const stored = await readFile(join(published, version, "chart/line_chart.js"), "utf8");
    assert.equal(await response.text(), stored);
    const { headers } = response;
    assert.equal(headers.get("content-type"), "text/javascript; charset=utf-8");
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("cache-control"), "public, max-age=31536000, immutable");
    assert.equal(headers.get("access-control-allow-origin"), "*");
  });

  it("A hub's registry lets clients cache meta.json for a minute", async () => {
    const { headers } = await get("/keepfit/epoch-report/meta.json");
    assert.equal(headers.get("cache-control"), "public, max-age=60");
  });

  it("A hub's registry answers HEAD without a body, and 304 to a known ETag", async () => {
    const url = `${version}/callback.plugin.json`;
    const head = await get(url, { method: "HEAD" });
    assert.equal(head.status, 200);
    assert.equal(await head.text(), "");
    const etag = head.headers.get("etag") ?? "";
    assert.notEqual(etag, "");
    const again = await get(url, { headers: { "if-none-match": etag } });
    assert.equal(again.status, 304);
    assert.equal(await again.text(), "");
    assert.equal((await get(url, { headers: { "if-none-match": '"other"' } })).status, 200);
  });

  it("A hub's registry serves only files that a manifest lists", async () => {
    for (
      const path of [
        `${version}/unlisted.js`,
        `${version}/toString`,
        "/secret.txt",
        "/keepfit/nothing/meta.json",
        "/keepfit/epoch-report/9.9.9/callback.plugin.json",
        "/keepfit/epoch-report/latest/callback.plugin.json",
      ]
    ) {
      const response = await get(path);
      assert.equal(response.status, 404, path);
      assert.deepEqual(await response.json(), { error: `Nothing is at ${path}` });
    }
  });

  it("A hub's registry serves nothing outside its folder for any form of the path", async () => {
    for (
      const path of [
        `${version}/../../../secret.txt`,
        `${version}/..%2f..%2f..%2fsecret.txt`,
        `${version}/%2e%2e/%2e%2e/%2e%2e/secret.txt`,
        `${version}/..\\..\\..\\secret.txt`,
        `${version}/..%5c..%5c..%5csecret.txt`,
        "/../secret.txt",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        `${version}/%00`,
        `${version}/%`,
      ]
    ) {
      const answer = await raw(path);
      assert.match(answer, /^HTTP\/1\.1 (400|404) /, path);
      assert.doesNotMatch(answer, /secret\n|root:/, path);
    }
  });

  it("A hub's registry does not follow links", async () => {
    const linked = join(folder, "eve/linked/1.0.0");
    await mkdir(linked, { recursive: true });
    const text = await readFile(join(folder, version, "callback.plugin.json"), "utf8");
    const manifest = { ...JSON.parse(text), id: "eve/linked", version: "1.0.0" };
    await writeFile(join(linked, "callback.plugin.json"), JSON.stringify(manifest));
    await symlink(join(folder, "secret.txt"), join(linked, "index.js"));
    await symlink(join(folder, version, "chart"), join(linked, "chart"));
    await symlink(join(folder, "keepfit"), join(folder, "mallory"));
    assert.equal((await get("/eve/linked/1.0.0/callback.plugin.json")).status, 200);
    assert.equal((await get("/eve/linked/1.0.0/index.js")).status, 404);
    assert.equal((await get("/eve/linked/1.0.0/chart/ticks.js")).status, 404);
    assert.equal((await get(`/mallory/epoch-report/0.1.0/callback.plugin.json`)).status, 404);
  });

  it("A hub's registry names the newest version that is not yanked, and omits broken ones", async () => {
    const fs = memoryFileSystem();
    const text = await readFile(join(published, version, "callback.plugin.json"), "utf8");
    const publish = async (number: string, change = {}) => {
      await fs.makeDir(`p/keepfit/epoch-report/${number}`);
      const manifest = { ...JSON.parse(text), version: number, ...change };
      const path = `p/keepfit/epoch-report/${number}/callback.plugin.json`;
      await fs.writeFile(path, JSON.stringify(manifest));
    };
    for (const number of ["0.9.0", "0.10.0", "1.0.0-beta.1", "0.11.0"]) await publish(number);
    await publish("2.0.0", { id: "someone/else" });
    await publish("3.0.0", { callbacks: [] });
    const meta = JSON.stringify({ yanked: ["0.11.0", "7.0.0"] });
    await fs.writeFile("p/keepfit/epoch-report/meta.json", meta);
    const app = createHub({ directory: "p", fs });
    const { latest, versions, yanked } =
      await (await app.request("/keepfit/epoch-report/meta.json"))
        .json();
    assert.equal(latest, "0.10.0");
    assert.deepEqual(Object.keys(versions), ["1.0.0-beta.1", "0.11.0", "0.10.0", "0.9.0"]);
    assert.deepEqual(yanked, ["0.11.0"]);
    const index = await (await app.request("/index.json")).json();
    assert.deepEqual(index.plugins.map((one: { latest: string }) => one.latest), ["0.10.0"]);
  });

  it("A hub's registry is not served for a missing folder", async () => {
    await assert.rejects(serveHub({ directory: join(folder, "nothing") }), { code: "NotFound" });
  });

  /** The response to a path that `fetch` would normalize. */
  function raw(path: string): Promise<string> {
    const { hostname, port } = new URL(hub.url);
    return new Promise((resolve, reject) => {
      let answer = "";
      const socket = connect(Number(port), hostname, () => {
        socket.write(`GET ${path} HTTP/1.1\r\nhost: ${hostname}\r\nconnection: close\r\n\r\n`);
      });
      socket.on("data", (data) => answer += data);
      socket.on("close", () => resolve(answer));
      socket.on("error", reject);
    });
  }
});

describe("A hub's requests", () => {
  it("A hub's requests that end early are the client's failure, and nothing is logged", async () => {
    const logged: unknown[] = [];
    const { error } = console;
    console.error = (...args: unknown[]) => logged.push(args);
    try {
      const token = "a-long-random-text";
      const hub = createHub({
        plugins: memoryPluginStore(),
        tokens: { [token.repeat(2)]: ["ada"] },
      });
      for (
        const [method, path] of [
          ["PUT", "/ada/notes/1.0.0"],
          ["POST", "/ada/notes/1.0.0/yank"],
          ["POST", "/publish/epoch/end/"],
        ]
      ) {
        for (const length of [{}, { "content-length": "1000" }]) {
          const answer = await hub.request(path, {
            method,
            headers: { authorization: `Bearer ${token.repeat(2)}`, ...length } as HeadersInit,
            body: new ReadableStream({
              start: (controller) => controller.error(new Error("aborted")),
            }),
            duplex: "half",
          } as RequestInit);
          assert.equal(answer.status, 400, `${method} ${path}`);
          assert.match((await answer.json()).error, /its body ended early/);
        }
      }
      assert.deepEqual(logged, []);
    } finally {
      console.error = error;
    }
  });
});

describe("A hub's runs", () => {
  type Hub = Awaited<ReturnType<typeof emptyHub>>;
  const form = (data: string) => ({
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ data }).toString(),
  });
  const post = (hub: Hub, data: string, path = "/publish/epoch/end/") =>
    hub.request(path, form(data));
  const epochs = async (hub: Hub, id: string) =>
    (await (await hub.request(`/api/v1/runs/${id}`)).json()).epochs;

  it("A hub's runs accept epochs as forms and as JSON, with bare NaN, and keep text unchanged", async () => {
    const hub = await emptyHub();
    assert.deepEqual(await (await post(hub, '{"epoch": 0, "loss": NaN}')).json(), { run: "run-1" });
    await hub.request("/publish/epoch/end", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"epoch": 1, "loss": -Infinity, "acc": 1e400, "note": "a \\"NaN\\" b"}',
    });
    assert.deepEqual(await epochs(hub, "run-1"), [
      { epoch: 0, loss: "NaN" },
      { epoch: 1, loss: "-Infinity", acc: "Infinity", note: 'a "NaN" b' },
    ]);
  });

  it("A hub's runs have names that are part of a URL", async () => {
    const hub = await emptyHub();
    for (const name of [".", "..", "a b", "", "a/b"]) {
      const path = `/publish/epoch/end/?run=${encodeURIComponent(name)}`;
      assert.equal((await post(hub, '{"epoch": 0}', path)).status, 400, name);
    }
    for (const name of ["...", ".a", "__proto__"]) {
      await post(hub, '{"epoch": 0}', `/publish/epoch/end/?run=${name}`);
      assert.equal((await epochs(hub, name)).length, 1, name);
    }
  });

  it("A hub's runs restart under the same name when their epochs do", async () => {
    const hub = await emptyHub();
    for (const epoch of [0, 1, 0]) await post(hub, `{"epoch": ${epoch}}`);
    for (const epoch of [0, 1, 5, 0]) {
      await post(hub, `{"epoch": ${epoch}}`, "/publish/epoch/end/?run=mine");
    }
    assert.equal((await epochs(hub, "run-1")).length, 2);
    assert.equal((await epochs(hub, "run-2")).length, 1);
    assert.deepEqual(await epochs(hub, "mine"), [{ epoch: 0 }]);
    const { runs } = await (await hub.request("/api/v1/runs")).json();
    assert.deepEqual(runs.map((run: { id: string }) => run.id), ["mine", "run-2", "run-1"]);
    assert.deepEqual(runs[2].last, { epoch: 1 });
  });

  it("A hub's runs are dropped when there are too many", async () => {
    const hub = await emptyHub({ maxRuns: 2, maxEpochs: 3 });
    for (const name of ["a", "b", "a", "c"]) {
      for (const epoch of [0, 1, 2, 3]) {
        await post(hub, `{"epoch": ${epoch}}`, `/publish/epoch/end/?run=${name}`);
      }
    }
    assert.equal((await hub.request("/api/v1/runs/b")).status, 404);
    assert.deepEqual(await epochs(hub, "a"), [{ epoch: 1 }, { epoch: 2 }, { epoch: 3 }]);
  });

  it("A hub's runs reject anything but an epoch", async () => {
    const hub = await emptyHub();
    for (const data of ["", "{", "[]", "null", "{}", '{"epoch": -1}', '{"epoch": 0, "a": [1]}']) {
      const response = await post(hub, data);
      assert.equal(response.status, 400, data);
      assert.equal(typeof (await response.json()).error, "string");
    }
    const noField = { ...form(""), body: "other=1" };
    assert.equal((await hub.request("/publish/epoch/end/", noField)).status, 400);
    const badName = await post(hub, '{"epoch": 0}', "/publish/epoch/end/?run=a/b");
    assert.equal(badName.status, 400);
    const large = await post(hub, `{"epoch": 0, "a": "${"x".repeat(70_000)}"}`);
    assert.equal(large.status, 413);
    assert.deepEqual(await (await hub.request("/api/v1/runs")).json(), { runs: [] });
  });

  it("A hub's runs are neither written nor read by pages of other origins", async () => {
    const hub = await emptyHub();
    const foreign = form('{"epoch": 0}');
    const headers = { ...foreign.headers, origin: "https://example.com" };
    const response = await hub.request("/publish/epoch/end/", { ...foreign, headers });
    assert.equal(response.status, 403);
    const runs = await hub.request("/api/v1/runs", { headers: { origin: "https://example.com" } });
    assert.equal(runs.headers.get("access-control-allow-origin"), null);
  });

  it("A hub's runs are neither written nor read under the name of a web page that resolves to this machine", async () => {
    const hub = createHub({ plugins: memoryPluginStore(), hosts: ["hub.example.com"] });
    const status = async (url: string, init?: RequestInit) => (await hub.request(url, init)).status;
    for (const path of ["/runs", "/api/v1/runs", "/", "/index.json", "/healthz"]) {
      assert.equal(await status(`http://evil.example:8000${path}`), 421, path);
    }
    const body = new URLSearchParams({ data: '{"epoch": 0}' });
    const post = { method: "POST", body, headers: { origin: "http://evil.example" } };
    assert.equal(await status("http://evil.example/publish/epoch/end/", post), 421);
    for (
      const host of [
        "localhost:8000",
        "127.0.0.1:8000",
        "[::1]:8000",
        "192.168.1.5",
        "HUB.example.com",
        "hub.example.com:8443",
      ]
    ) {
      assert.equal(await status(`http://${host}/runs`), 200, host);
    }
    assert.equal(await status("http://other.example.com/runs"), 421);
    const { error } = await (await hub.request("http://evil.example/runs")).json() as {
      error: string;
    };
    assert.match(error, /for host evil\.example: .*--allowed-host/);
  });

  it("A hub's runs are shown on the page as text, whatever they contain", async () => {
    const fs = memoryFileSystem();
    await fs.makeDir("plugins");
    const hub = createHub({ directory: "plugins", fs });
    await post(hub, '{"epoch": 3, "loss": 0.123456, "<script>alert(1)</script>": 1}');
    const response = await hub.request("/");
    assert.match(response.headers.get("content-type") ?? "", /^text\/html/);
    const page = await response.text();
    assert.match(page, /<th>Last report<\/th>/);
    assert.match(page, /run-1/);
    // Shown 1-based, as on a terminal: the fourth epoch.
    assert.match(page, /<td class="number">4<\/td>/);
    assert.match(page, /loss 0\.1235/);
    assert.doesNotMatch(page, /<script/);
  });

  it("A hub's runs leave /healthz at ok", async () => {
    const response = await (await emptyHub()).request("/healthz");
    assert.deepEqual(await response.json(), { status: "ok" });
  });
});

describe("A hub's routes", () => {
  it("A hub's routes begin with a reserved name or with an owner", async () => {
    const hub = await emptyHub();
    const segments = hub.routes.map(({ path }) => path.split("/")[1]);
    const own = segments.filter((one) => !one.startsWith(":") && !/^$|^\*$|\./.test(one));
    assert.deepEqual([...new Set(own)].sort(), [...reservedOwners].filter((one) => one !== "web"));
    for (const owner of reservedOwners) assert(isSlug(owner), owner);
  });

  it("A hub's routes are known to a client of their type", async () => {
    const hub = await serveHub({ directory: published });
    try {
      const client = hc<HubApp>(hub.url);
      await client.publish.epoch.end.$post(
        { query: { run: "mine" } },
        { init: { body: '{"epoch": 0, "loss": 0.5}' } },
      );
      const { runs } = await (await client.api.v1.runs.$get()).json();
      assert.deepEqual(runs.map(({ id, last }) => [id, last.loss]), [["mine", 0.5]]);
      const response = await client[":owner"][":name"]["meta.json"].$get({
        param: { owner: "keepfit", name: "epoch-report" },
      });
      if (response.status !== 200) assert.fail("epoch-report is missing");
      const { latest }: RegistryMeta = await response.json();
      assert.equal(latest, "0.1.0");
    } finally {
      await hub.close();
    }
  });

  it("A hub's routes keep the address /runs", async () => {
    const hub = await emptyHub();
    await hub.request("/publish/epoch/end/", { method: "POST", body: '{"epoch": 0}' });
    for (const path of ["/runs", "/runs/run-1"]) {
      const answers = await Promise.all([path, `/api/v1${path}`].map((one) => hub.request(one)));
      const [old, current] = await Promise.all(answers.map((answer) => answer.json()));
      assert.deepEqual(old, current);
    }
  });
});

describe("createHub", () => {
  it("createHub serves a store instead of a folder", async () => {
    const hub = createHub({ plugins: memoryPluginStore(), runs: memoryRunStore() });
    const index = await (await hub.request("/index.json")).json();
    assert.deepEqual(index, { schemaVersion: 1, plugins: [] });
  });

  it("createHub rejects options without plugins, or with two sources of plugins", () => {
    for (const options of [{}, { directory: "p", plugins: memoryPluginStore() }]) {
      assert.throws(() => createHub(options), {
        name: "TypeError",
        message: "Cannot create hub: expected either directory or plugins",
      });
    }
  });
});
