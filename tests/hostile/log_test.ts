/** Tests of the transparency log, with honest and dishonest registries. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createHub, type HubApp } from "keepfit/hub";
import {
  addPlugin,
  auditPlugins,
  computeIntegrity,
  generateKeyPair,
  type PluginManifest,
  readLock,
  type SigningKey,
  updatePlugins,
  verifyPlugins,
} from "keepfit/plugins";
import { type FileSystem, memoryFileSystem } from "keepfit/runtime";
import { entryLine, hashLine, signHead } from "../../plugins/manifest/log.ts";
import { MerkleTree } from "../../plugins/manifest/merkle.ts";

const host = "plugins.example";
const registry = `https://${host}/`;
const token = "a-token-that-nobody-guesses";
const module = "export default () => ({ onEpochEnd() {} });";

type Serve = (request: Request) => Response | Promise<Response>;

/** A hub, and the folder that it serves. */
interface Registry {
  fs: FileSystem;
  hub: HubApp;
  serve: Serve;
  publish(id: string, version: string, title?: string): Promise<void>;
  yank(id: string, version: string): Promise<void>;
}

async function newRegistry(logKey?: SigningKey): Promise<Registry> {
  const fs = memoryFileSystem();
  await fs.makeDir("registry");
  return withHub(fs, logKey);
}

function withHub(fs: FileSystem, logKey?: SigningKey): Registry {
  const hub = createHub({
    directory: "registry",
    fs,
    logKey,
    hosts: [host],
    tokens: { [token]: ["ada"] },
  });
  const send = async (method: string, path: string, body: object) => {
    const answer = await hub.request(`${registry}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
    assert(answer.ok, await answer.text());
  };
  return {
    fs,
    hub,
    serve: (request) => hub.request(request),
    async publish(id, version, title = "Title") {
      const manifest = JSON.stringify(await manifestOf(id, version, title));
      const files = { "main.js": btoa(module) };
      await send("PUT", `${id}/${version}`, { manifest, files });
    },
    yank: (id, version) => send("POST", `${id}/${version}/yank`, { reason: "leaks" }),
  };
}

async function manifestOf(id: string, version: string, title: string): Promise<PluginManifest> {
  const bytes = new TextEncoder().encode(module);
  return {
    manifestVersion: 1,
    id,
    version,
    title,
    description: "Counts.",
    license: "MIT",
    authors: [{ name: "Ada" }],
    engines: { core: ">=0.1" },
    module: "main.js",
    files: { "main.js": { integrity: await computeIntegrity(bytes), size: bytes.length } },
    callbacks: [{ name: "counter", export: "default", hooks: ["onEpochEnd"], controls: [] }],
    sandbox: { support: "supported" },
  };
}

/** The folder as a static host serves it. */
function staticHost({ fs }: Registry, asked: string[] = []): Serve {
  return async (request) => {
    const { pathname } = new URL(request.url);
    asked.push(pathname);
    try {
      const bytes = await fs.readFile(`registry${decodeURIComponent(pathname)}`);
      return new Response(bytes as Uint8Array<ArrayBuffer>);
    } catch {
      return new Response("no such page", { status: 404 });
    }
  };
}

/** A project that loads from a server. */
function newProject(serve: Serve) {
  const fs = memoryFileSystem();
  const project = {
    serve,
    fs,
    options: {
      config: "/keepfit.json",
      cacheDir: "/cache",
      fs,
      retries: 0,
      fetch: async (input: string, init: RequestInit) =>
        await project.serve(new Request(input, init)),
    },
    add: (reference = "registry:ada/timer@^1") =>
      addPlugin(reference, { ...project.options, registry }),
    lock: async () => await readLock("/keepfit.lock.json", { fs }),
    /** Problems that `verify` reports, without a cache. */
    async problems(isKept = false) {
      if (!isKept) await fs.remove("/cache", { recursive: true });
      const [{ problems, log, registryError }] = await verifyPlugins(project.options);
      return { problems, log, registryError };
    },
  };
  return project;
}

/** Replace the log in the folder of a registry, with a head signed by this key. */
async function forge(
  { fs }: Registry,
  key: SigningKey,
  change: (lines: string[]) => string[],
): Promise<void> {
  const text = await fs.readTextFile("registry/log.jsonl");
  const lines = change(text.split("\n").slice(0, -1));
  const tree = new MerkleTree();
  for (const line of lines) await tree.append(await hashLine(line));
  const head = await signHead({ size: lines.length, root: await tree.root() }, key);
  await fs.writeFile("registry/log.jsonl", lines.map((line) => `${line}\n`).join(""));
  await fs.writeFile("registry/log.head.json", JSON.stringify(head));
}

const linesOf = async ({ fs }: Registry) =>
  (await fs.readTextFile("registry/log.jsonl")).split("\n").slice(0, -1).map((line) =>
    JSON.parse(line)
  );

describe("A hub's log", () => {
  it("A hub's log records each publish and yank once, with content, signers and time", async () => {
    const key = await generateKeyPair();
    const site = await newRegistry(key);
    await site.publish("ada/timer", "1.0.0");
    await site.publish("ada/timer", "1.0.0");
    await site.publish("ada/timer", "1.1.0");
    await site.yank("ada/timer", "1.0.0");
    await site.yank("ada/timer", "1.0.0");
    const { versions } = await (await site.serve(
      new Request(`${registry}ada/timer/meta.json`),
    )).json();
    const entries = await linesOf(site);
    assert.deepEqual(
      entries.map(({ time: _, ...entry }) => entry),
      [
        ["publish", "1.0.0"],
        ["publish", "1.1.0"],
        ["yank", "1.0.0"],
      ].map(([type, version]) => ({
        type,
        id: "ada/timer",
        version,
        integrity: versions[version].integrity,
        signers: [],
        ...(type === "yank" ? { reason: "leaks" } : {}),
      })),
    );
    for (const { time } of entries) assert.equal(new Date(time).toISOString(), time);
    const head = await (await site.serve(new Request(`${registry}log.head.json`))).json();
    assert.deepEqual([head.size, head.signatures[0].keyId], [3, key.keyId]);
    const text = await (await site.serve(new Request(`${registry}log.jsonl`))).text();
    assert.equal(text, await site.fs.readTextFile("registry/log.jsonl"));
  });

  it("A hub's log records the existing content of the folder, and versions copied by hand", async () => {
    const site = await newRegistry();
    await site.publish("ada/timer", "1.0.0");
    await site.yank("ada/timer", "1.0.0");
    assert.equal((await site.serve(new Request(`${registry}log.head.json`))).status, 404);
    const key = await generateKeyPair();
    const second = withHub(site.fs, key);
    assert.equal((await second.serve(new Request(`${registry}log.head.json`))).status, 200);
    const types = async () =>
      (await linesOf(second)).map(({ type, version }) => `${type} ${version}`);
    assert.deepEqual(await types(), ["publish 1.0.0", "yank 1.0.0"]);
    await withHub(site.fs).publish("ada/timer", "1.2.0");
    await withHub(site.fs, key).publish("ada/timer", "1.1.0");
    assert.deepEqual(await types(), [
      "publish 1.0.0",
      "yank 1.0.0",
      "publish 1.2.0",
      "publish 1.1.0",
    ]);
  });

  it("A hub's log continues after a crash between entries and head, or within an entry", async () => {
    const key = await generateKeyPair();
    const site = await newRegistry(key);
    await site.publish("ada/timer", "1.0.0");
    const before = await site.fs.readTextFile("registry/log.head.json");
    await site.publish("ada/timer", "1.1.0");
    await site.fs.writeFile("registry/log.head.json", before);
    // The publisher got no response, and retries.
    await site.publish("ada/timer", "1.1.0");
    const { size } = JSON.parse(await site.fs.readTextFile("registry/log.head.json"));
    assert.equal(size, 2);
    await site.publish("ada/timer", "1.2.0");
    const text = await site.fs.readTextFile("registry/log.jsonl");
    await site.fs.writeFile("registry/log.jsonl", `${text}{"id":"ada/ti`);
    const again = withHub(site.fs, key);
    await again.publish("ada/timer", "1.3.0");
    assert.deepEqual(
      (await linesOf(again)).map(({ version }) => version),
      ["1.0.0", "1.1.0", "1.2.0", "1.3.0"],
    );
    const project = newProject(again.serve);
    await project.add();
    assert.deepEqual((await project.problems()).problems, []);
  });

  it("A hub's log is not continued if it is damaged, or with another key", async () => {
    const key = await generateKeyPair();
    const site = await newRegistry(key);
    await site.publish("ada/timer", "1.0.0");
    const { error } = console;
    console.error = () => {};
    try {
      const other = withHub(site.fs, await generateKeyPair());
      await assert.rejects(other.publish("ada/timer", "1.1.0"), /it has another key.*--log-key/s);
      await site.fs.writeFile("registry/log.jsonl", "");
      const short = withHub(site.fs, key);
      await assert.rejects(short.publish("ada/timer", "1.1.0"), /it has changed/);
    } finally {
      console.error = error;
    }
  });

  it("A hub's log returns no proofs for sizes beyond its own", async () => {
    const site = await newRegistry(await generateKeyPair());
    await site.publish("ada/timer", "1.0.0");
    for (
      const path of [
        "entries/ada/timer/1.0.0",
        "entries/ada/timer/1.0.0?size=2",
        "entries/ada/timer/1.0.0?size=-1",
        "entries/ada/timer/1.0.0?size=1e0",
        "consistency?first=0&second=2",
        "consistency?first=1&second=0",
        "consistency?first=1",
      ]
    ) {
      const answer = await site.serve(new Request(`${registry}api/v1/log/${path}`));
      assert.equal(answer.status, 404, path);
    }
    const none = await site.serve(
      new Request(`${registry}api/v1/log/entries/ada/timer/2.0.0?size=1`),
    );
    assert.deepEqual(await none.json(), { size: 1, entries: [] });
  });
});

for (const kind of ["hub", "static host"] as const) {
  describe(`A client of a ${kind} with a log`, () => {
    const served = (site: Registry) => kind === "hub" ? withHub(site.fs).serve : staticHost(site);

    /** A project that has ada/timer 1.0.0 locked, from a log with five entries. */
    async function lockedProject() {
      const key = await generateKeyPair();
      const site = await newRegistry(key);
      for (const version of ["0.1.0", "0.2.0", "0.3.0", "1.0.0"]) {
        await site.publish("ada/timer", version);
      }
      await site.publish("ada/other", "1.0.0");
      const project = newProject(served(site));
      await project.add();
      return { key, site, project };
    }

    it(
      "A client finds each version in the log, and records the plugin in the lock file",
      async () => {
        const { key, site, project } = await lockedProject();
        const head = JSON.parse(await site.fs.readTextFile("registry/log.head.json"));
        const logs = { [registry]: { keyId: key.keyId, size: 5, root: head.root } };
        assert.deepEqual((await project.lock())?.logs, logs);
        assert.deepEqual(await project.problems(), {
          problems: [],
          log: { keyId: key.keyId, size: 5, index: 3 },
          registryError: undefined,
        });
        for (const version of ["1.1.0", "1.2.0", "1.3.0"]) {
          await site.publish("ada/timer", version);
          assert.deepEqual((await project.problems()).problems, []);
        }
        const { plugins: [{ findings, unknown, log }] } = await auditPlugins(project.options);
        assert.deepEqual([findings, unknown, log?.size], [[], [], 8]);
        assert.equal((await updatePlugins(project.options))[0].status, "updated");
        assert.equal((await project.lock())?.logs?.[registry].size, 8);
      },
    );

    it("A client detects a fork: another log of the same key", async () => {
      const { key, site, project } = await lockedProject();
      await site.publish("ada/timer", "1.1.0");
      await forge(site, key, (lines) => lines.with(0, lines[4]));
      project.serve = served(site);
      const { problems } = await project.problems();
      assert.equal(problems.length, 1);
      assert.match(problems[0], /^log: the log of 6 entries does not continue the one of 5/);
      const { plugins: [{ findings }] } = await auditPlugins(project.options);
      assert.deepEqual(findings.map(({ kind, needsAction }) => [kind, needsAction]), [
        ["log", true],
      ]);
      const [{ status, error }] = await updatePlugins(project.options);
      assert.equal(status, "failed");
      assert.match(String(error), /the log of its registry contradicts it/);
      await assert.rejects(project.add("registry:ada/other@^1"), /does not continue the one of 5/);
      assert.equal((await project.lock())?.logs?.[registry].size, 5);
    });

    it("A client detects a fork of the same size", async () => {
      const { key, site, project } = await lockedProject();
      await forge(site, key, (lines) => lines.with(0, lines[4]));
      project.serve = served(site);
      assert.match((await project.problems()).problems[0], /of 5 entries does not continue/);
    });

    it("A client detects a removed entry", async () => {
      const { key, site, project } = await lockedProject();
      await site.publish("ada/timer", "1.1.0");
      await forge(site, key, (lines) => lines.toSpliced(3, 1));
      project.serve = served(site);
      assert.match((await project.problems()).problems[0], /does not continue the one of 5/);
      // A client that sees this log for the first time notices only the missing version.
      const stranger = newProject(served(site));
      await assert.rejects(
        stranger.add("registry:ada/timer@1.0.0"),
        /the log does not have sha384-/,
      );
    });

    it("A client detects a changed entry, with a new head or the old one", async () => {
      const { key, site, project } = await lockedProject();
      const changed = (line: string) => {
        const integrity = `sha256-${"A".repeat(43)}=`;
        return entryLine({ ...JSON.parse(line), integrity });
      };
      const head = await site.fs.readTextFile("registry/log.head.json");
      await forge(site, key, (lines) => lines.with(3, changed(lines[3])));
      project.serve = served(site);
      assert.match((await project.problems()).problems[0], /does not continue the one of 5/);
      const stranger = newProject(served(site));
      await assert.rejects(
        stranger.add("registry:ada/timer@1.0.0"),
        /the log does not have sha384-[^ ]*, but sha256-AAAA/,
      );
      await site.fs.writeFile("registry/log.head.json", head);
      if (kind === "hub") return;
      project.serve = served(site);
      assert.match((await project.problems()).problems[0], /entry 3 does not match the head/);
    });

    it("A client detects two contents of one version", async () => {
      const { key, site, project } = await lockedProject();
      await forge(site, key, (lines) => {
        const integrity = `sha256-${"A".repeat(43)}=`;
        return [...lines, entryLine({ ...JSON.parse(lines[3]), integrity })];
      });
      project.serve = served(site);
      const { problems } = await project.problems();
      assert.match(
        problems[0],
        /^log: the log has two different contents of one version: sha384-.* and sha256-AAAA/,
      );
    });

    it("A client detects a head that is signed by another key or not signed", async () => {
      const { key, site, project } = await lockedProject();
      const other = await generateKeyPair();
      const good = await site.fs.readTextFile("registry/log.head.json");
      await forge(site, other, (lines) => lines);
      project.serve = served(site);
      assert.deepEqual((await project.problems()).problems, [
        `log: the log is signed by ${other.keyId}, and was signed by ${key.keyId}`,
      ]);
      const wrong = { ...JSON.parse(good), size: 4 };
      await site.fs.writeFile("registry/log.head.json", JSON.stringify(wrong));
      if (kind === "hub") return;
      project.serve = served(site);
      assert.match((await project.problems()).problems[0], /a signature is invalid/);
    });

    it("A client detects a rollback, and a missing log", async () => {
      const { site, project } = await lockedProject();
      const before = memoryFileSystem();
      const names = ["log.head.json", "log.jsonl"];
      for (const name of names) {
        await before.makeDir("registry");
        await before.writeFile(
          `registry/${name}`,
          await site.fs.readTextFile(`registry/${name}`),
        );
      }
      await site.publish("ada/timer", "1.1.0");
      await updatePlugins(project.options);
      for (const name of names) {
        await site.fs.writeFile(`registry/${name}`, await before.readTextFile(`registry/${name}`));
      }
      project.serve = served(site);
      assert.deepEqual((await project.problems()).problems, [
        "log: the log has 5 entries, and had 6: entries are missing",
      ]);
      for (const name of names) await site.fs.remove(`registry/${name}`);
      project.serve = served(site);
      assert.match(
        (await project.problems()).problems[0],
        /^log: the registry kept a log.*none now$/,
      );
    });

    it("A client compares with the last known log, even in the cache", async () => {
      const { key, site, project } = await lockedProject();
      await site.publish("ada/timer", "1.1.0");
      assert.deepEqual((await project.problems(true)).problems, []);
      // The lock file knows five entries, which this log has.
      await forge(site, key, (lines) => lines.slice(0, 5));
      project.serve = served(site);
      assert.match((await project.problems(true)).problems[0], /has 5 entries, and had 6/);
      assert.deepEqual((await project.problems()).problems, []);
    });

    it("A client detects different views of two projects by comparing their lock files", async () => {
      const { key, project } = await lockedProject();
      const other = await newRegistry(key);
      await other.publish("ada/timer", "0.1.0", "Another content");
      for (const version of ["0.2.0", "0.3.0", "1.0.0"]) await other.publish("ada/timer", version);
      await other.publish("ada/other", "1.0.0");
      await other.publish("ada/third", "1.0.0");
      const victim = newProject(served(other));
      await victim.add();
      // Neither project alone detects it, because the key is the same.
      assert.deepEqual((await victim.problems()).problems, []);
      assert.deepEqual((await project.problems()).problems, []);
      await victim.fs.writeFile(
        "/keepfit.lock.json",
        await project.fs.readTextFile("/keepfit.lock.json"),
      );
      const { problems } = await victim.problems();
      assert(problems.some((one) => /does not continue the one of 5/.test(one)), problems.join());
    });
  });
}

describe("A client of a registry", () => {
  it("A client of a registry accepts a static host without a log", async () => {
    const site = await newRegistry();
    await site.publish("ada/timer", "1.0.0");
    const project = newProject(staticHost(site));
    await project.add();
    assert.equal((await project.lock())?.logs, undefined);
    assert.deepEqual(await project.problems(), {
      problems: [],
      log: { keyId: undefined, size: 0, index: undefined },
      registryError: undefined,
    });
  });

  it("A client of a registry makes no requests without a network", async () => {
    const site = await newRegistry(await generateKeyPair());
    await site.publish("ada/timer", "1.0.0");
    const project = newProject(site.serve);
    await project.add();
    const asked: string[] = [];
    project.serve = staticHost(site, asked);
    const [{ problems, log }] = await verifyPlugins({ ...project.options, offline: true });
    assert.deepEqual([problems, log, asked], [[], undefined, []]);
  });

  it("A client of a registry rejects proofs of another format, and reports a missing answer", async () => {
    const site = await newRegistry(await generateKeyPair());
    await site.publish("ada/timer", "1.0.0");
    const project = newProject(site.serve);
    await project.add();
    for (
      const body of [
        "{}",
        "[]",
        "<html>",
        JSON.stringify({ entries: [{ entry: "{}", index: 0, proof: ["AA=="] }] }),
        JSON.stringify({ entries: [{ entry: 5, index: 0, proof: [] }] }),
      ]
    ) {
      project.serve = (request) =>
        request.url.includes("/api/v1/log/") ? new Response(body) : site.serve(request);
      const { problems } = await project.problems();
      assert.match(problems.join(), /^log: Cannot read the proofs/, body);
    }
    for (const index of [-1, 0.5, 1, 1e300]) {
      const entry = entryLine((await linesOf(site))[0]);
      const body = JSON.stringify({ entries: [{ entry, index, proof: [] }] });
      project.serve = (request) =>
        request.url.includes("/api/v1/log/") ? new Response(body) : site.serve(request);
      assert.match((await project.problems()).problems.join(), /does not match the head/);
    }
    project.serve = (request) =>
      request.url.includes("/log") ? new Response(null, { status: 503 }) : site.serve(request);
    const { problems, registryError } = await project.problems();
    assert.deepEqual(problems, []);
    assert.match(String(registryError), /the server answered 503/);
    const { plugins: [{ unknown }] } = await auditPlugins(project.options);
    assert.match(unknown[0], /the server answered 503/);
    // A registry that had a log must return it before anything new is locked.
    await assert.rejects(project.add("registry:ada/timer@1.0.0"), /the server answered 503/);
  });
});
