import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { dirname } from "node:path";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { startChild } from "../../tests/child.ts";

const folder = dirname(
  createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json"),
);
const files = `${folder}/dist`;
let server: Server;
let url: string;
before(async () => {
  server = createServer(async (request, response) => {
    const [, place, name] = (request.url ?? "").split("/");
    if (place === "whole") response.end(await readFile(`${files}/${name}`));
    else if (place === "broken") response.end("<!doctype html>");
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
after(() => {
  server.close();
  server.closeAllConnections();
});

/** Output of a new process, because a started backend cannot be unregistered completely. */
async function printed(script: string): Promise<string> {
  const { stdout, stderr, code } = await startChild(`
    import * as tf from ${JSON.stringify(import.meta.resolve("@tensorflow/tfjs"))};
    import { setWasmPaths } from ${
    JSON.stringify(import.meta.resolve("@tensorflow/tfjs-backend-wasm"))
  };
    import { useBackend } from "keepfit/runtime";
    const tell = async (options) => {
      let why = [];
      try {
        await useBackend(tf, "wasm", options);
      } catch ({ message }) {
        why = [message.replace(/^Cannot use backend wasm: (.*); useBackend.*/, "$1")];
      }
      const product = tf.tidy(() => tf.ones([2]).mul(3));
      const [three] = await product.data();
      console.log([tf.getBackend(), three, ...why].join(" "));
    };
    ${script}
  `).result;
  assert.equal(code, 0, stderr);
  return stdout.split("\n").filter((line) => /^(wasm|cpu|listeners)/.test(line)).join("\n");
}

describe("wasm from a custom location", () => {
  it("wasm from a custom location is read from a folder, by path or URL", async () => {
    for (const place of [files, String(pathToFileURL(files)), `${url}whole/`]) {
      assert.equal(await printed(`await tell({ wasmPaths: ${JSON.stringify(place)} })`), "wasm 3");
    }
  });

  it("wasm from a custom location is named if it cannot be fetched, and then looked up elsewhere", async () => {
    const lines = await printed(`
      await tell({ wasmPaths: "${url}missing" });
      await tell({ wasmPaths: "${url}broken" });
      await tell({ wasmPaths: "nowhere" });
      await tell({ wasmPaths: { "tfjs-backend-wasm.wasm": "a.wasm" } });
      await tell({ wasmPaths: "${url}whole" });
    `);
    const name = "tfjs-backend-wasm-simd.wasm";
    const [missing, broken, nowhere, incomplete, whole] = lines.split("\n");
    assert.equal(missing, `cpu 3 Cannot read ${url}missing/${name}: the server answers 404`);
    assert.equal(broken, `cpu 3 ${url}broken/${name} is not WebAssembly`);
    assert.match(nowhere, /^cpu 3 Cannot read .*nowhere.*: no such file/);
    assert.match(incomplete, /^cpu 3 There were no entries found/);
    assert.equal(whole, "wasm 3");
  });

  it("wasm from a custom location does not end a process that lets tfjs fetch it, and leaves no listener", async () => {
    const lines = await printed(`
      const events = ["uncaughtException", "unhandledRejection"];
      const count = () => events.map((event) => process.listenerCount(event)).join();
      const before = count();
      setWasmPaths("${url}missing/", true);
      await tell();
      // They go some turns of the event loop later; without this, the process would not end.
      while (count() !== before) await new Promise((resolve) => setTimeout(resolve));
      console.log("listeners gone");
    `);
    assert.match(lines, /^cpu 3 Cannot read .* answers 404\nlisteners gone$/);
  });
});
