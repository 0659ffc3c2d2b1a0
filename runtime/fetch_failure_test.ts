import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { describe, it } from "node:test";
import { nowhere } from "../tests/ports.ts";
import { fetchFailure } from "./mod.ts";

/** Serve connections while `use` runs. */
async function withServer(
  onConnection: (socket: Socket) => void,
  use: (address: string) => Promise<void>,
  tls?: { key: string; cert: string },
): Promise<void> {
  const sockets = new Set<Socket>();
  const accept = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onConnection(socket);
  };
  const server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept);
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** The reason that fetchFailure gives for a failed request on this runtime. */
async function reason(url: string, init?: RequestInit): Promise<string> {
  try {
    await (await fetch(url, init)).text();
  } catch (error) {
    return fetchFailure(error);
  }
  throw new Error(`${url} answered`);
}

describe("fetchFailure", () => {
  it("fetchFailure reports a refused connection on every runtime", async () => {
    assert.equal(
      await reason(`http://${nowhere}/`),
      "the connection was refused (ECONNREFUSED)",
    );
  });

  it("fetchFailure reports an unknown host on every runtime", async () => {
    assert.match(
      await reason("http://no-such-host.invalid/"),
      /^the host name cannot be resolved \(E[A-Z_]+\)$/,
    );
  });

  it("fetchFailure reports an untrusted certificate on every runtime", async () => {
    await withServer((socket) => socket.end(), async (address) => {
      assert.match(
        await reason(`https://${address}/`),
        /^the certificate of the server is not accepted: ./,
      );
    }, selfSigned);
  });

  it("fetchFailure reports a server without TLS at an https address on every runtime", async () => {
    const answer = (socket: Socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    await withServer(answer, async (address) => {
      assert.match(
        await reason(`https://${address}/`),
        /^the server does not speak TLS on this port \([A-Z_]+\)$/,
      );
    });
  });

  it("fetchFailure reports a connection that is closed too early on every runtime", async () => {
    const hangUp = (socket: Socket) => socket.on("data", () => socket.destroy());
    const half = (socket: Socket) =>
      socket.on("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"));
    for (const behave of [hangUp, half]) {
      await withServer(behave, async (address) => {
        assert.match(
          await reason(`http://${address}/`),
          /^the connection was closed before the answer was complete \([A-Z_]+\)$/,
        );
      });
    }
  });

  it("fetchFailure reports a missing response on every runtime", async () => {
    await withServer(() => {}, async (address) => {
      assert.equal(
        await reason(`http://${address}/`, { signal: AbortSignal.timeout(1) }),
        "the request timed out (ETIMEDOUT)",
      );
    });
  });

  it("fetchFailure reports the first address if several fail", () => {
    const refused = Object.assign(new Error("connect ECONNREFUSED ::1"), { code: "ECONNREFUSED" });
    const error = new TypeError("fetch failed", { cause: new AggregateError([refused], "") });
    assert.equal(fetchFailure(error), "the connection was refused (ECONNREFUSED)");
  });

  it("fetchFailure returns other messages in printable form", () => {
    const error = new TypeError("fetch failed", {
      cause: new Error("a \x1b[31mred\x1b[0m herring"),
    });
    assert.equal(fetchFailure(error), "a \\u001b[31mred\\u001b[0m herring");
    // As fetch of Node fails when a server asks for the password of a proxy.
    assert.equal(
      fetchFailure(new TypeError("fetch failed", { cause: new Error() })),
      "fetch failed",
    );
    const circular = new Error("around");
    circular.cause = circular;
    assert.equal(fetchFailure(circular), "around");
    assert.equal(fetchFailure("text"), "text");
    assert.equal(fetchFailure(undefined), "undefined");
  });
});

/** A key for this test only; it protects nothing. */
const selfSigned = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgeQEl+zG3ctU2lwdq
dENWHxVDr26Ocau7mcdXdT6XKcqhRANCAASkVw2TrXqS6alRxj6VMhj1Ahmh90Yb
i2/ifYYbawHTl49URDQD5+LQ26PcPlvh1vqQ1smfmTjpF/iC5LQeezJF
-----END PRIVATE KEY-----
`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBgDCCASWgAwIBAgIUFIJ5/YH1l1dHIkxbkN5tJeVbLgswCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyODIxNDY1MFoYDzIxMjYxMTA0
MjE0NjUwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASkVw2TrXqS6alRxj6VMhj1Ahmh90Ybi2/ifYYbawHTl49URDQD5+LQ
26PcPlvh1vqQ1smfmTjpF/iC5LQeezJFo1MwUTAdBgNVHQ4EFgQU42gKgitXXvxD
duQStpdcAK4JpLMwHwYDVR0jBBgwFoAU42gKgitXXvxDduQStpdcAK4JpLMwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA9sqkdSMl4bp5ErENO8av
QojjMiIl0xqpkkh3aLuuRGoCIQD2M8ka1RQLITGyhAdNBlSlrOYRLoc+jhji3uIr
DhLcDA==
-----END CERTIFICATE-----
`,
};
