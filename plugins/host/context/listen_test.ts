import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { getRuntime } from "../../../runtime/mod.ts";
import { contextWith, refusal, type World } from "../../fixtures.ts";

/** An address that is probably free. */
async function freeAddress(): Promise<string> {
  const server = await getRuntime().serve(() => new Response(), { hostname: "127.0.0.1", port: 0 });
  await server.close();
  return new URL(server.url).host;
}

function publisher(address: string, world: World = {}) {
  const listen = [{ address, reason: "shows metrics" }];
  const { context, run } = contextWith({ permissions: { listen }, ...world });
  return { publish: context.publish as NonNullable<typeof context.publish>, run };
}

const text = async (url: string): Promise<string> => await (await fetch(url)).text();

describe("publish of a context", () => {
  it("publish is missing without the permission", () => {
    assert.equal(contextWith().context.publish, undefined);
  });

  it("publish serves a text until it is replaced or the run ends, and again in the next run", async () => {
    const address = await freeAddress();
    const { publish, run } = publisher(address);
    const url = await publish("/metrics", "loss 1\n");
    try {
      assert.equal(url, `http://${address}/metrics`);
      const response = await fetch(url);
      assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
      assert.equal(await response.text(), "loss 1\n");
      await publish("/metrics", "{}", "application/json");
      await publish("/a/b.html", "<p>");
      assert.equal((await fetch(url)).headers.get("content-type"), "application/json");
      assert.equal(await text(`http://${address}/a/b.html?x`), "<p>");
      assert.equal((await fetch(`http://${address}/other`)).status, 404);
      assert.equal((await fetch(url, { method: "POST" })).status, 405);
      assert.equal(await (await fetch(url, { method: "HEAD" })).text(), "");
    } finally {
      await run.close();
    }
    await assert.rejects(fetch(url));
    await refusal("E_PERMISSION", () => publish("/metrics", ""), /its run has ended/);
    run.begin();
    await publish("/metrics", "loss 2\n");
    assert.equal(await text(url), "loss 2\n");
    assert.equal((await fetch(`http://${address}/a/b.html`)).status, 404);
    await run.close();
    await run.close();
  });

  it("publish shares one server among all plugins of an address, which ends with the last one", async () => {
    const address = await freeAddress();
    const one = publisher(address);
    const two = publisher(address, { id: "ada/other" });
    const [first, second] = await Promise.all([one.publish("/1", "one"), two.publish("/2", "two")]);
    assert.deepEqual(await Promise.all([first, second].map(text)), ["one", "two"]);
    await refusal("E_PERMISSION", () => two.publish("/1", "mine"), /another plugin is at \/1 of/);
    await one.run.close();
    assert.equal((await fetch(first)).status, 404);
    assert.equal(await text(second), "two");
    assert.equal(await text(await two.publish("/1", "mine")), "mine");
    // Its port is not free yet when the next one needs it.
    const closing = two.run.close();
    one.run.begin();
    assert.equal(await text(await one.publish("/3", "three")), "three");
    await closing;
    assert.equal(await text(`http://${address}/3`), "three");
    await one.run.close();
    await assert.rejects(fetch(first));
  });

  it("publish uses a separate free port for each plugin if port 0 was granted", async () => {
    const [one, two] = [publisher("127.0.0.1:0"), publisher("127.0.0.1:0")];
    const urls = [
      await one.publish("/", "1"),
      await one.publish("/x", "2"),
      await two.publish("/", "3"),
    ];
    assert.deepEqual(await Promise.all(urls.map(text)), ["1", "2", "3"]);
    assert.equal(new URL(urls[0]).host, new URL(urls[1]).host);
    assert.notEqual(new URL(urls[0]).host, new URL(urls[2]).host);
    await Promise.all([one.run.close(), two.run.close()]);
  });

  it("publish reports an address in use, and listens once it is free", async () => {
    const server = await getRuntime().serve(() => new Response("theirs"), {
      hostname: "127.0.0.1",
      port: 0,
    });
    const address = new URL(server.url).host;
    const { publish, run } = publisher(address);
    const { message } = await refusal("E_PERMISSION", () => publish("/", "mine"));
    assert.match(
      message,
      /^Plugin ada\/counter cannot listen on 127\.0\.0\.1:\d+\n.*another program/,
    );
    assert.match(message, /hint: .*another port/);
    assert.equal(await text(server.url), "theirs");
    await server.close();
    assert.equal(await text(await publish("/", "mine")), "mine");
    await run.close();
  });

  it("publish listens on the address of an option, which must be valid", async () => {
    const listen = [{ option: "address", reason: "r" }];
    for (
      const [option, works] of [["127.0.0.1:0", true], ["9464", false], ["a b:1", false], [
        "127.0.0.1:99999",
        false,
      ]]
    ) {
      const options = { address: option };
      const publishing = async () => {
        const { context, run } = contextWith({ permissions: { listen }, options });
        const published = await text(await context.publish?.("/", "x") as string);
        await run.close();
        return published;
      };
      if (works) assert.equal(await publishing(), "x");
      else await refusal("E_OPTIONS", publishing, /a host and port such as/);
    }
  });

  it("publish accepts texts at plain paths, up to a total size", async () => {
    const { publish, run } = publisher("127.0.0.1:0", { limits: { bytes: 10 } });
    for (const path of ["metrics", "", "/a?b", "/a#b", "/a/../b", "/%2e%2e/b", "/a b", null]) {
      await assert.rejects(publish(path as string, "x"), /expected a URL path/);
    }
    await assert.rejects(publish("/", 5 as unknown as string), /expected text, got number/);
    for (const type of ["", "text", "text/plain\r\nx: y", "text/html, x"]) {
      await assert.rejects(publish("/", "x", type), /expected a content type/);
    }
    await publish("/a", "12345");
    await publish("/a", "1234567890");
    await refusal("E_LIMIT", () => publish("/b", "1"), /at most 10 characters/);
    await publish("/a", "");
    await publish("/b", "1");
    await run.close();
  });

  it("publish limits the number of paths and their length", async () => {
    const { publish, run } = publisher("127.0.0.1:0");
    try {
      await assert.rejects(
        publish(`/${"a".repeat(4e6)}`, ""),
        ({ message }: Error) => /expected a URL path/.test(message) && message.length < 1000,
      );
      await assert.rejects(publish("/a", "", `text/${"a".repeat(4e6)}`), /content type/);
      for (let i = 0; i < 1000; i++) await publish(`/${i}`, "");
      await publish("/0", "again");
      await refusal("E_LIMIT", () => publish("/more", ""), /at most 1000 paths/);
    } finally {
      await run.close();
    }
  });
});
