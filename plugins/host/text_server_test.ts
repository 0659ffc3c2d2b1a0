import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { getRuntime } from "../../runtime/mod.ts";
import { ownPort } from "../../tests/ports.ts";
import { TextServer } from "./text_server.ts";

const { serve } = getRuntime();

describe("A text server", () => {
  it("A text server is restarted while the old one is closing, once its port is free", async () => {
    const port = ownPort;
    const [one, two, three] = [{}, {}, {}];
    const first = await TextServer.open(serve, "127.0.0.1", port, one);
    await first.put("/", "first", "text/plain", one);
    const leaving = first.leave(one);
    const [second, third] = await Promise.all(
      [two, three].map((holder) => TextServer.open(serve, "127.0.0.1", port, holder)),
    );
    await leaving;
    assert.notEqual(second, first);
    assert.equal(third, second);
    const url = await second.put("/", "second", "text/plain", two) as string;
    assert.equal(await (await fetch(url)).text(), "second");
    assert.equal(await third.put("/", "third", "text/plain", three), undefined);
    await second.leave(two);
    await second.leave(two);
    assert.equal((await fetch(url)).status, 404);
    await third.leave(three);
    await assert.rejects(fetch(url));
  });
});
