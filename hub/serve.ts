import { getRuntime } from "../runtime/mod.ts";
import type { HttpServer } from "../runtime/types.ts";
import { createHub, type HubOptions } from "./app.ts";

/** Options of {@linkcode serveHub}. */
export interface ServeHubOptions extends HubOptions {
  /** Address to listen on; `0.0.0.0` lets other machines in. Default: `"127.0.0.1"`. */
  hostname?: string;
  /** Port to listen on; 0 takes a free one. Default: 0. */
  port?: number;
}

/**
 * Serve a hub over HTTP, on the runtime that this is.
 *
 * @param options the hub, and where it listens
 * @returns the server, with its `url` and `close()`
 * @throws FileSystemError when the directory is not there
 * @throws Error when the port cannot be had
 * @example
 * ```ts
 * import { serveHub } from "keepfit/hub";
 * import assert from "node:assert/strict";
 *
 * const hub = await serveHub({ directory: "examples/plugins" });
 * try {
 *   const index = await (await fetch(`${hub.url}index.json`)).json();
 *   assert(index.plugins.some((plugin: { id: string }) => plugin.id === "keepfit/epoch-report"));
 * } finally {
 *   await hub.close();
 * }
 * ```
 */
export async function serveHub(options: ServeHubOptions): Promise<HttpServer> {
  const { hostname = "127.0.0.1", port = 0, ...hub } = options;
  const runtime = getRuntime();
  // A folder that is not there is told now and not to each visitor.
  await (hub.fs ?? runtime.fs).readDir(hub.directory);
  const app = createHub(hub);
  return await runtime.serve((request) => app.fetch(request), { hostname, port });
}
