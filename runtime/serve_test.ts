import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { getRuntime } from "keepfit/runtime";
import { startChild } from "../tests/child.ts";

const { serve, name } = getRuntime();
const local = { hostname: "127.0.0.1", port: 0 };

describe("serve", () => {
  it("serve responds with the handler, on a free port in its url", async () => {
    const server = await serve(async (request) => {
      const { pathname, search } = new URL(request.url);
      const body = await request.text();
      return new Response(`${request.method} ${pathname}${search} ${body}`, {
        status: 201,
        headers: { "x-run": "1" },
      });
    }, local);
    try {
      assert.match(server.url, /^http:\/\/127\.0\.0\.1:[1-9]\d+\/$/);
      const response = await fetch(`${server.url}a%20b?c=d`, { method: "POST", body: "text" });
      assert.equal(await response.text(), "POST /a%20b?c=d text");
      assert.equal(response.status, 201);
      assert.equal(response.headers.get("x-run"), "1");
    } finally {
      await server.close();
    }
  });

  it("serve drops open connections when it is closed, and close can be called again", async () => {
    const server = await serve(() => {
      const endless = new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode("data: 1\n\n")),
      });
      return new Response(endless, { headers: { "content-type": "text/event-stream" } });
    }, local);
    const response = await fetch(server.url);
    const reader = response.body!.getReader();
    assert.equal((await reader.read()).done, false);
    await server.close();
    await server.close();
    await reader.read().then(({ done }) => assert(done), () => {});
    await assert.rejects(fetch(server.url));
  });

  it("serve answers 500 when a handler fails, logs the error, and continues", async () => {
    const logged: unknown[][] = [];
    const { error } = console;
    console.error = (...args: unknown[]) => logged.push(args);
    const server = await serve((request) => {
      if (request.url.endsWith("bad")) throw new RangeError("no such run");
      return new Response("good");
    }, local);
    try {
      const response = await fetch(`${server.url}bad`);
      assert.equal(response.status, 500);
      assert.equal(await response.text(), "Internal Server Error");
      assert.equal(await (await fetch(server.url)).text(), "good");
      assert.equal(logged.length, 1);
      assert.equal(logged[0][0], "keepfit: GET /bad failed:");
      assert(logged[0][1] instanceof RangeError);
    } finally {
      console.error = error;
      await server.close();
    }
  });

  it("serve gives advice when the port is in use", async () => {
    const server = await serve(() => new Response(), local);
    const port = Number(new URL(server.url).port);
    try {
      await assert.rejects(serve(() => new Response(), { ...local, port }), {
        message: `Cannot serve on http://127.0.0.1:${port}/: ` +
          "the port is in use (use another --port, or 0 for any free one)",
      });
    } finally {
      await server.close();
    }
  });

  it("serve rejects an empty host name, which some runtimes take for every interface", async () => {
    for (const hostname of ["", " "]) {
      await assert.rejects(serve(() => new Response(), { hostname, port: 0 }), {
        name: "RangeError",
        message: /^Cannot serve on an empty host name: expected a name or an address/,
      });
    }
    for (const port of [-1, 1.5, 65536, NaN]) {
      await assert.rejects(serve(() => new Response(), { ...local, port }), {
        name: "RangeError",
        message: `Cannot serve on port ${port}: expected a whole number from 0 to 65535`,
      });
    }
  });

  it("serve says that this machine has no such address, or that a name cannot be resolved", async () => {
    for (const hostname of ["192.0.2.1", "no-such-host.invalid"]) {
      await assert.rejects(serve(() => new Response(), { hostname, port: 0 }), {
        message: `Cannot serve on http://${hostname}:0/: ` +
          "this machine has no such address (use another, such as 127.0.0.1)",
      });
    }
  });

  it("serve prints nothing, and lets the process end after closing", async () => {
    const { result } = startChild(`
      import { getRuntime } from "keepfit/runtime";
      const server = await getRuntime().serve(() => new Response("x"), ${JSON.stringify(local)});
      await (await fetch(server.url)).text();
      await server.close();
    `);
    const { code, stdout, stderr } = await result;
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
  });

  it("serve names the flag that Deno needs", async () => {
    if (name !== "deno") return console.log("skipped: only Deno has permissions");
    const { result } = startChild(
      `
      import { getRuntime } from "keepfit/runtime";
      await getRuntime().serve(() => new Response(), { hostname: "127.0.0.1", port: 8123 })
        .catch((error) => console.log(error.message));
    `,
      { permissions: [] },
    );
    assert.equal(
      (await result).stdout,
      "Cannot serve on http://127.0.0.1:8123/: permission denied " +
        "(run Deno again with --allow-net=127.0.0.1:8123)\n",
    );
  });
});
