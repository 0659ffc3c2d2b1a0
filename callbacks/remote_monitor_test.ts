import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { getRuntime } from "../runtime/mod.ts";
import { nowhere } from "../tests/ports.ts";
import { RemoteMonitor, type RemoteMonitorOptions } from "./remote_monitor.ts";
import { captured, drive, losses } from "./fixtures.ts";

interface Received {
  path: string;
  type: string | null;
  token: string | null;
  body: string;
}

/** Run with a real server that responds with `answer`. */
async function received(
  options: RemoteMonitorOptions,
  epochs: object[],
  answer: () => Response | Promise<Response> = () => new Response("ok"),
) {
  const requests: Received[] = [];
  const server = await getRuntime().serve(async (request) => {
    requests.push({
      path: new URL(request.url).pathname,
      type: request.headers.get("content-type"),
      token: request.headers.get("x-token"),
      body: await request.text(),
    });
    return await answer();
  }, { hostname: "127.0.0.1", port: 0 });
  try {
    const root = server.url.replace(/\/$/, "");
    const { warned } = await captured(() => drive(new RemoteMonitor({ root, ...options }), epochs));
    return { requests, warned };
  } finally {
    await server.close();
  }
}

/** A server that does not respond to the first posts until it is released. */
function hangingServer(first: number) {
  let asked = 0;
  let release = () => {};
  const released = new Promise<void>((resolve) => release = resolve);
  const waiting: (() => void)[] = [];
  const server = getRuntime().serve(async ({ method }) => {
    if (method !== "POST") return new Response();
    asked++;
    for (const look of waiting) look();
    if (asked <= first) await released;
    return new Response();
  }, { hostname: "127.0.0.1", port: 0 });
  /** Wait until `count` requests have arrived. */
  const reached = (count: number) =>
    new Promise<void>((resolve) => {
      const look = () => asked >= count && resolve();
      waiting.push(look);
      look();
    });
  return { server, asked: () => asked, reached, release };
}

describe("RemoteMonitor", () => {
  it("RemoteMonitor posts a form with Python's JSON, in order of epochs", async () => {
    const { requests, warned } = await received({}, [{ loss: 0.5, val: 1 }, { loss: NaN }]);
    assert.deepEqual(requests.map(({ path, type, body }) => [path, type, body]), [
      [
        "/publish/epoch/end/",
        "application/x-www-form-urlencoded",
        "data=%7B%22epoch%22%3A+0%2C+%22loss%22%3A+0.5%2C+%22val%22%3A+1.0%7D",
      ],
      [
        "/publish/epoch/end/",
        "application/x-www-form-urlencoded",
        "data=%7B%22epoch%22%3A+1%2C+%22loss%22%3A+NaN%7D",
      ],
    ]);
    assert.deepEqual(warned, []);
  });

  it("RemoteMonitor sends one epoch at a time", async () => {
    const hanging = hangingServer(3);
    const server = await hanging.server;
    try {
      const monitor = new RemoteMonitor({ root: server.url });
      for (const epoch of [0, 1, 2]) monitor.onEpochEnd(epoch, { loss: 1 });
      await hanging.reached(1);
      // Other requests would have arrived before the response to this one.
      await (await fetch(`${server.url}other`)).text();
      assert.equal(hanging.asked(), 1);
      hanging.release();
      await monitor.close();
      assert.equal(hanging.asked(), 3);
    } finally {
      hanging.release();
      await server.close();
    }
  });

  it("RemoteMonitor posts JSON as the body with sendAsJson, with custom headers, path and field", async () => {
    const options = { sendAsJson: true, path: "/in", headers: { "X-Token": "t" } };
    const { requests } = await received(options, [{ loss: 0, "é": 1e-7 }]);
    assert.deepEqual(requests, [{
      path: "/in",
      type: "application/json",
      token: "t",
      body: '{"epoch": 0, "loss": 0.0, "\\u00e9": 1e-07}',
    }]);
    const form = await received({ field: "logs" }, [{ epoch: 7 }]);
    assert.equal(form.requests[0].body, "logs=%7B%22epoch%22%3A+7.0%7D");
  });

  it("RemoteMonitor posts lists, strings and null like Python's JSON", async () => {
    const logs = { list: [1, 0.5], none: null, text: "a" };
    const { requests } = await received({ sendAsJson: true }, [logs]);
    assert.equal(
      requests[0].body,
      '{"epoch": 0, "list": [1.0, 0.5], "none": null, "text": "a"}',
    );
  });

  it("RemoteMonitor skips an epoch that JSON cannot represent, with a warning", async () => {
    const { requests, warned } = await received({ sendAsJson: true }, losses(NaN, Infinity, 1));
    assert.deepEqual(requests.map(({ body }) => body), ['{"epoch": 2, "loss": 1.0}']);
    assert.equal(warned.length, 1);
    assert.match(warned[0], /epoch 0 is not sent: loss is NaN/);
  });

  it("RemoteMonitor sends no epoch with NaN in a list as JSON", async () => {
    const epochs = [{ auc: [0.5, NaN] }, { auc: [0.5, 1] }] as never[];
    const { requests, warned } = await received({ sendAsJson: true }, epochs);
    assert.deepEqual(requests.map(({ body }) => body), ['{"epoch": 1, "auc": [0.5, 1.0]}']);
    assert.equal(warned.length, 1);
    assert.match(warned[0], /epoch 0 is not sent: auc is \[0\.5, NaN\]/);
  });

  it("RemoteMonitor warns once about a server that responds with an error, and continues", async () => {
    const refuse = () => new Response("no", { status: 500 });
    const { requests, warned } = await received({}, losses(3, 2, 1), refuse);
    assert.equal(requests.length, 3);
    assert.equal(warned.length, 1);
    assert.match(warned[0], /answered 500/);
  });

  it("RemoteMonitor warns once about an unreachable server, and training ends normally", async () => {
    const root = `http://${nowhere}/`;
    let ran = 0;
    const { warned } = await captured(async () => {
      ran = await drive(new RemoteMonitor({ root }), losses(3, 2, 1));
    });
    assert.equal(ran, 3);
    assert.equal(warned.length, 1);
    assert.match(
      warned[0],
      /could not reach the server at http:\S+: the connection was refused \(ECONNREFUSED\);/,
    );
  });

  it("RemoteMonitor does not make training wait for an unresponsive server", async () => {
    const hanging = hangingServer(2);
    const server = await hanging.server;
    let isReleased = false;
    const runner = {
      onTrainEnd() {
        assert.equal(isReleased, false);
        isReleased = true;
        hanging.release();
      },
    };
    try {
      const { warned } = await captured(() =>
        drive([new RemoteMonitor({ root: server.url }), runner], losses(2, 1))
      );
      assert.equal(isReleased, true);
      assert.deepEqual(warned, []);
    } finally {
      await server.close();
    }
  });

  it("RemoteMonitor abandons a request without a timely response, and sends the next one", async () => {
    const hanging = hangingServer(1);
    const server = await hanging.server;
    try {
      // Enough time for a request to arrive on a busy machine.
      const monitor = new RemoteMonitor({ root: server.url, timeout: 1000 });
      const { warned } = await captured(async () => {
        monitor.onEpochEnd(0, { loss: 1 });
        monitor.onEpochEnd(1, { loss: 1 });
        // Without close, which has a separate timeout.
        await hanging.reached(2);
        await monitor.close();
      });
      assert.match(warned[0], /no answer in 1000 ms/);
    } finally {
      hanging.release();
      await server.close();
    }
  });

  it("RemoteMonitor abandons unsent epochs in close after the timeout, with a warning", async () => {
    const hanging = hangingServer(3);
    const server = await hanging.server;
    try {
      const monitor = new RemoteMonitor({ root: server.url, timeout: 50 });
      const { warned } = await captured(() => drive(monitor, losses(1, 2, 3)));
      assert.match(warned.join(), /epochs could not be sent within 50 ms/);
    } finally {
      hanging.release();
      await server.close();
    }
  });

  it("RemoteMonitor rejects invalid options", () => {
    for (const root of ["", "ftp://example.org", "//x"]) {
      assert.throws(() => new RemoteMonitor({ root }), /Cannot create RemoteMonitor with root/);
    }
    for (const timeout of [0, -1, NaN, Infinity]) {
      assert.throws(() => new RemoteMonitor({ timeout }), RangeError);
    }
    assert.throws(() => new RemoteMonitor({ headers: "x" as never }), TypeError);
  });
});
