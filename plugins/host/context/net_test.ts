import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { getRuntime, type HttpServer } from "../../../runtime/mod.ts";
import { nowhere } from "../../../tests/ports.ts";
import type { Fetch } from "../../sources/fetcher.ts";
import { contextWith, refusal, type World } from "../../fixtures.ts";
import { PluginRun } from "../run.ts";

type Answer = (request: Request) => Response | Promise<Response>;

let server: HttpServer;
let other: HttpServer;
let answer: Answer;

const local = { hostname: "127.0.0.1", port: 0 };
const echo: Answer = async (request) =>
  Response.json({
    method: request.method,
    path: new URL(request.url).pathname,
    headers: Object.fromEntries(request.headers),
    body: await request.text(),
  });

before(async () => {
  const { serve } = getRuntime();
  server = await serve((request) => answer(request), local);
  other = await serve(echo, local);
});
after(async () => {
  await server.close();
  await other.close();
});
beforeEach(() => {
  answer = echo;
});

const hostOf = (url: string): string => new URL(url).host;

/** A promise and a function that resolves it, with which a test controls a server. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => open = resolve);
  return { opened, open };
}

/** A context that may reach the first server and other hosts. */
function reaching(hosts: string[] = [], world: World = {}) {
  const net = [hostOf(server.url), ...hosts].map((host) => ({ host, reason: "sends the logs" }));
  const { context, run } = contextWith({ permissions: { net }, ...world });
  return { send: context.fetch as NonNullable<typeof context.fetch>, run };
}

describe("fetch of a context", () => {
  it("fetch is missing without the permission", () => {
    assert.equal(contextWith().context.fetch, undefined);
  });

  it("fetch sends a request and returns the response, with any status", async () => {
    const { send } = reaching();
    const body = new Uint8Array([104, 195, 165]);
    const headers = { "X-Key": "1", "content-type": "text/x" };
    const response = await send(`${server.url}a%20b?c`, { method: "post", headers, body });
    assert.equal(response.status, 200);
    assert.match(response.headers["content-type"], /^application\/json/);
    const seen = JSON.parse(response.text);
    assert.deepEqual([seen.method, seen.path, seen.body], ["POST", "/a%20b", "hå"]);
    assert.deepEqual([seen.headers["x-key"], seen.headers["content-type"]], ["1", "text/x"]);
    assert.deepEqual(JSON.parse(new TextDecoder().decode(response.body)), seen);
    answer = () => new Response("not here", { status: 404 });
    assert.deepEqual((({ status, text }) => [status, text])(await send(server.url)), [
      404,
      "not here",
    ]);
  });

  it("fetch reaches no host that is not granted, and no other scheme", async () => {
    // A host of this name must not allow file:, which has this origin.
    const { send } = reaching(["null", "example.com"]);
    const { port } = new URL(server.url);
    for (
      const url of [
        other.url,
        `http://localhost:${port}/`,
        `http://127.0.0.1.evil.example:${port}/`,
        "http://example.com/",
        "https://example.com.evil.net/",
        "https://ada:secret@example.com/",
        "http://192.168.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "data:text/plain,x",
        "ftp://example.com/",
        `blob:${server.url}x`,
      ]
    ) {
      const { message } = await refusal("E_PERMISSION", () => send(url), /may not reach/);
      assert.doesNotMatch(message, /secret|passwd|meta-data/);
    }
    await assert.rejects(send("/relative"), /got an invalid URL/);
  });

  it("fetch reaches only the part of the declared hosts that the user allows", async () => {
    const sent: string[] = [];
    const fetch: Fetch = async (url) => (sent.push(url), new Response("ok"));
    const { context } = contextWith({
      optionalPermissions: { net: [{ host: "*.example.com", reason: "r" }] },
      allow: { net: ["a.example.com", "evil.net"] },
      fetch,
    });
    await context.fetch?.("https://a.example.com/x");
    const allowed = /\(granted: a\.example\.com, evil\.net\)/;
    await refusal("E_PERMISSION", () => context.fetch?.("https://b.example.com/"), allowed);
    await refusal("E_PERMISSION", () => context.fetch?.("https://evil.net/"), allowed);
    assert.deepEqual(sent, ["https://a.example.com/x"]);
  });

  it("fetch reaches the origin of an http URL in an option of the user", async () => {
    const net = [{ option: "url", reason: "tracks the run" }];
    const sent: string[] = [];
    const fetch: Fetch = async (url) => (sent.push(url), new Response("ok"));
    const options = { url: "http://mlflow.internal:5000/api" };
    const world: World = { permissions: { net }, options, fetch };
    const { fetch: send } = contextWith(world).context;
    await send?.("http://mlflow.internal:5000/api/runs");
    await refusal("E_PERMISSION", () => send?.("http://mlflow.internal:5001/"));
    await refusal("E_PERMISSION", () => send?.("https://mlflow.internal:5000/"));
    await refusal("E_PERMISSION", () => send?.("http://other.internal:5000/"));
    assert.deepEqual(sent, ["http://mlflow.internal:5000/api/runs"]);
    // The hint names the origin, which is sufficient.
    const hint = /allow: \{ net: \["http:\/\/mlflow\.internal:5000"\] \}/;
    await refusal("E_PERMISSION", () => contextWith({ ...world, allow: [] }), hint);
    contextWith({ ...world, allow: { net: ["http://mlflow.internal:5000"] } });
    await refusal(
      "E_PERMISSION",
      () => contextWith({ ...world, allow: { net: ["mlflow.internal:5000"] } }),
    );
    const secure: World = { ...world, options: { url: "https://hooks.example.com/secret" } };
    contextWith({ ...secure, allow: { net: ["hooks.example.com"] } });
  });

  it("fetch follows redirects to granted hosts, and omits credentials at another origin", async () => {
    const { send } = reaching([hostOf(other.url)]);
    const headers = { authorization: "Bearer x", "x-api-key": "y", accept: "application/json" };
    answer = (request) =>
      request.url.endsWith("end") ? echo(request) : Response.redirect(`${server.url}end`, 307);
    const here = JSON.parse((await send(server.url, { method: "POST", headers, body: "b" })).text);
    assert.deepEqual(
      [here.method, here.body, here.headers.authorization, here.headers["x-api-key"]],
      ["POST", "b", "Bearer x", "y"],
    );
    answer = () => Response.redirect(other.url, 302);
    const there = JSON.parse((await send(server.url, { method: "POST", headers, body: "b" })).text);
    assert.deepEqual([there.method, there.body, there.headers.accept], [
      "GET",
      "",
      "application/json",
    ]);
    assert.equal(there.headers.authorization ?? there.headers["x-api-key"], undefined);
    answer = () => Response.redirect(other.url, 308);
    const kept = JSON.parse((await send(server.url, { method: "PUT", headers, body: "b" })).text);
    assert.deepEqual([kept.method, kept.body], ["PUT", "b"]);
  });

  it("fetch follows no redirect to other hosts or files, and no endless one", async () => {
    const { send } = reaching();
    answer = () => Response.redirect(other.url, 302);
    await refusal("E_PERMISSION", () => send(server.url), /may not reach/);
    for (const location of ["file:///etc/passwd", "http://169.254.169.254/", "http://[::1]:1/"]) {
      answer = () => new Response(null, { status: 302, headers: { location } });
      await assert.rejects(send(server.url), { name: "PluginError" });
    }
    answer = (request) => Response.redirect(`${request.url}x`, 302);
    await refusal("E_HTTP", () => send(server.url), /more than 5 times/);
    const fetch: Fetch = async () =>
      new Response(null, { status: 301, headers: { location: `http://127.0.0.1:1/` } });
    const secure = reaching(["example.com", "127.0.0.1:1"], { fetch });
    await refusal("E_HTTP", () => secure.send("https://example.com/"), /a redirect to https/);
  });

  it("fetch keeps and sends no cookies, and sets no reserved headers", async () => {
    const { send } = reaching();
    answer = async (request) => {
      const response = await echo(request);
      response.headers.append("set-cookie", "a=1");
      return response;
    };
    const first = await send(server.url);
    assert.equal(first.headers["set-cookie"], undefined);
    assert.equal(JSON.parse((await send(server.url)).text).headers.cookie, undefined);
    const refused: Record<string, string>[] = [
      { Cookie: "a=1" },
      { host: "evil" },
      { "content-length": "3" },
      { "transfer-encoding": "chunked" },
      { "proxy-authorization": "x" },
      { "sec-fetch-site": "x" },
      { "a b": "x" },
      { "a\r\nb": "x" },
      { "": "x" },
      { a: "x\r\nhost: evil" },
      { a: "漢" },
      { a: 5 as unknown as string },
    ];
    for (const headers of refused) await assert.rejects(send(server.url, { headers }), TypeError);
    await assert.rejects(send(server.url, { method: "CONNECT" }), /got method CONNECT/);
    await assert.rejects(send(server.url, { body: "x" }), /GET with a body/);
    const object = { method: "POST", body: {} as unknown as string };
    await assert.rejects(send(server.url, object), /a body of type object/);
  });

  it("fetch limits the size of responses and requests", async () => {
    const { send } = reaching([], { limits: { bytes: 1000 } });
    answer = () => new Response("x".repeat(1000));
    assert.equal((await send(server.url)).text.length, 1000);
    answer = () =>
      new Response(
        new ReadableStream({ pull: (to) => to.enqueue(new TextEncoder().encode("x".repeat(500))) }),
      );
    await refusal("E_LIMIT", () => send(server.url), /at most 1000 bytes/);
    const body = "x".repeat(1001);
    await refusal("E_LIMIT", () => send(server.url, { method: "POST", body }), /at most 1000/);
  });

  it("fetch abandons a server that takes too long, before or after its headers", async () => {
    const { send } = reaching([], { limits: { hookTime: 200 } });
    const { opened, open } = gate();
    answer = async () => {
      await opened;
      return new Response();
    };
    await refusal("E_TIMEOUT", () => send(server.url), /a response within 200 ms/);
    open();
    answer = () =>
      new Response(new ReadableStream({ start: (to) => to.enqueue(new Uint8Array([1])) }));
    await refusal("E_TIMEOUT", () => send(server.url));
  });

  it("fetch sends at most eight concurrent requests, the others in order", async () => {
    const { send } = reaching();
    let now = 0;
    let most = 0;
    const { opened, open } = gate();
    answer = async () => {
      most = Math.max(most, ++now);
      if (now === 8) open();
      await opened;
      now--;
      return new Response("ok");
    };
    const all = await Promise.all(Array.from({ length: 30 }, () => send(server.url)));
    assert.equal(all.filter(({ text }) => text === "ok").length, 30);
    assert.equal(most, 8);
    answer = () => new Response(null, { status: 204 });
    const failing = reaching([], { fetch: () => Promise.reject(new Error("down")) });
    for (let i = 0; i < 20; i++) await refusal("E_HTTP", () => failing.send(server.url), /: down/);
  });

  it("fetch explains why a server was not reached, without the path", async () => {
    const { send } = reaching([nowhere]);
    const { message } = await refusal("E_HTTP", () => send(`http://${nowhere}/services/secret`));
    assert.match(
      message,
      /^Plugin ada\/counter cannot reach http:\/\/127\.0\.0\.1:\d+: the connection was refused/,
    );
    assert.doesNotMatch(message, /secret/);
  });

  it("fetch is awaited when the run ends, and starts nothing between two runs", async () => {
    const { send, run } = reaching();
    const asked = gate();
    const { opened, open } = gate();
    answer = async (request) => {
      asked.open();
      await opened;
      return echo(request);
    };
    const sending = send(server.url);
    await asked.opened;
    const closing = run.close();
    open();
    assert.match((await sending).text, /"GET"/);
    await closing;
    await refusal("E_PERMISSION", () => send(server.url), /its run has ended/);
    run.begin();
    assert.equal((await send(server.url)).status, 200);
  });

  it("fetch is aborted after the time limit of the run's end, including queued requests", async () => {
    const run = new PluginRun("ada/counter", 100);
    const { send } = reaching([], { run });
    const { opened, open } = gate();
    answer = async (request) => {
      await opened;
      return echo(request);
    };
    const sent = Array.from({ length: 20 }, () => send(server.url));
    const outcomes = Promise.allSettled(sent);
    await refusal("E_TIMEOUT", () => run.close(), /with work pending/);
    const statuses = (await outcomes).map(({ status }) => status);
    open();
    assert.deepEqual(statuses, sent.map(() => "rejected"));
  });
});
