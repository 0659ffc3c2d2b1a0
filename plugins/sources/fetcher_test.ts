import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { getRuntime, type HttpServer, memoryFileSystem } from "../../runtime/mod.ts";
import { nowhere } from "../../tests/ports.ts";
import { refusal } from "../fixtures.ts";
import { createFetcher, type FetchOptions } from "./fetcher.ts";

type Answer = (request: Request) => Response | Promise<Response>;

describe("createFetcher", () => {
  const pages = new Map<string, Answer>();
  /** Paths that were asked for, with the credentials that came along. */
  const asked: string[] = [];
  const servers: HttpServer[] = [];
  let [here, elsewhere] = ["", ""];

  before(async () => {
    const answer: Answer = async (request) => {
      const path = new URL(request.url).pathname;
      asked.push(`${path} ${request.headers.get("authorization")}`);
      return await pages.get(path)?.(request) ?? new Response(null, { status: 404 });
    };
    for (let i = 0; i < 2; i++) {
      servers.push(await getRuntime().serve(answer, { hostname: "127.0.0.1", port: 0 }));
    }
    [here, elsewhere] = servers.map(({ url }) => url);
  });
  after(async () => {
    for (const server of servers) await server.close();
  });

  const read = async (path: string, options: FetchOptions = {}, maxBytes = 100) => {
    asked.length = 0;
    const fetcher = createFetcher(memoryFileSystem(), { retryDelay: 1, ...options });
    const bytes = await fetcher.read(new URL(path, here), maxBytes);
    return new TextDecoder().decode(bytes);
  };
  const redirect = (path: string, location: string) =>
    pages.set(path, () => new Response(null, { status: 302, headers: { location } }));

  it("createFetcher reports what failed: no server, no file, no timely response", async () => {
    const error = await refusal(
      "E_HTTP",
      () => read(`http://${nowhere}/`),
      /Cannot fetch http:\S+: the connection was refused \(ECONNREFUSED\), tried 3 times$/m,
    );
    assert(error.cause instanceof Error);
    await refusal("E_HTTP", () => read("/nothing.json"), /404/);
    assert.deepEqual(asked, ["/nothing.json null"]);
    pages.set("/slow.json", () => new Promise(() => {}));
    const slow = { timeout: 50, retries: 1 };
    await refusal("E_HTTP", () => read("/slow.json", slow), /longer than 50 ms, tried 2 times/);
  });

  it("createFetcher retries after a 500, and only as often as a query allows", async () => {
    let answers = 0;
    pages.set("/a.js", () => new Response("a", { status: answers++ % 2 === 0 ? 500 : 200 }));
    assert.equal(await read("/a.js"), "a");
    assert.equal(answers, 2);
    const fetcher = createFetcher(memoryFileSystem(), { retryDelay: 1 });
    const once = () => fetcher.readChanged(new URL("/a.js", here), 100, { retries: 0 });
    await refusal("E_HTTP", once, /the server answered 500$/m);
    assert.equal(answers, 3);
  });

  it("createFetcher waits as long as an overloaded server asks, or fails if that is too long", async () => {
    let answers = 0;
    const overload = (after: () => string) =>
      pages.set(
        "/busy.js",
        () =>
          answers++ % 2 === 0
            ? new Response(null, { status: 429, headers: { "retry-after": after() } })
            : new Response("a"),
      );
    const { setTimeout } = globalThis;
    const waits: (number | undefined)[] = [];
    const wait = (call: () => void, ms?: number) => {
      waits.push(ms);
      return setTimeout(call, ms === 7000 ? 1 : ms);
    };
    try {
      globalThis.setTimeout = wait as typeof setTimeout;
      overload(() => "7");
      assert.equal(await read("/busy.js"), "a");
    } finally {
      globalThis.setTimeout = setTimeout;
    }
    assert(waits.includes(7000), waits.join());
    for (const [after, seconds] of [["86400", /in 86400 s$/m], ["Fri, 1 Jan 2100", /in \d+ s$/m]]) {
      answers = 0;
      overload(() => String(after));
      await refusal("E_HTTP", () => read("/busy.js"), seconds as RegExp);
      assert.equal(answers, 1);
    }
    for (const after of ["0", "soon", "-1", "Sat, 1 Jan 2000"]) {
      answers = 0;
      overload(() => after);
      assert.equal(await read("/busy.js"), "a");
    }
  });

  it("createFetcher reads no more than allowed", async () => {
    pages.set("/big.js", () => new Response("x".repeat(101)));
    await refusal("E_LIMIT", () => read("/big.js"), /at most 100 bytes/);
    assert.equal((await read("/big.js", {}, 101)).length, 101);
  });

  it("createFetcher requests with an ETag, and detects that nothing has changed", async () => {
    pages.set(
      "/tagged.json",
      ({ headers }) =>
        headers.get("if-none-match") === '"1"'
          ? new Response(null, { status: 304 })
          : new Response("1", { headers: { etag: '"1"' } }),
    );
    const fetcher = createFetcher(memoryFileSystem());
    const url = new URL("/tagged.json", here);
    assert.equal((await fetcher.readChanged(url, 100))?.etag, '"1"');
    assert.equal(await fetcher.readChanged(url, 100, { etag: '"1"' }), undefined);
  });

  it("createFetcher follows redirects that are equally safe, never to a file or endlessly", async () => {
    pages.set("/there.js", () => new Response("there"));
    redirect("/a.js", "/there.js");
    assert.equal(await read("/a.js"), "there");
    for (const location of ["file:///etc/passwd", "http://example.com/a.js", "data:,1"]) {
      redirect("/moved.js", location);
      await refusal("E_HTTP", () => read("/moved.js"), /has a redirect that is not allowed/);
    }
    redirect("/round.js", "/round.js");
    await refusal("E_HTTP", () => read("/round.js"), /redirects more than 5 times/);
  });

  it("createFetcher sends credentials only to their host, even if another one is redirected to it", async () => {
    const tokens = `secret@${new URL(here).host};0ther@${new URL(elsewhere).host}`;
    pages.set("/there.js", () => new Response("there"));
    redirect("/a.js", new URL("/there.js", elsewhere).href);
    await read("/a.js", { tokens });
    assert.deepEqual(asked, ["/a.js Bearer secret", "/there.js null"]);
    await read(new URL("/there.js", elsewhere).href, { tokens });
    assert.deepEqual(asked, ["/there.js Bearer 0ther"]);
  });

  it("createFetcher uses no network offline, not even that of this machine", async () => {
    pages.set("/a.js", () => new Response("a"));
    await refusal("E_OFFLINE", () => read("/a.js", { offline: true }), /the network is disabled/);
    assert.deepEqual(asked, []);
  });

  it("createFetcher rejects an invalid timeout or number of retries", () => {
    const fs = memoryFileSystem();
    assert.throws(() => createFetcher(fs, { timeout: 0 }), RangeError);
    for (const retries of [-1, 0.5]) {
      assert.throws(() => createFetcher(fs, { retries }), RangeError);
    }
  });
});
