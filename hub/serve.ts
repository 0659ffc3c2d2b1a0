import { getRuntime } from "../runtime/mod.ts";
import type { HttpServer } from "../runtime/types.ts";
import { PluginLog } from "./log/log.ts";
import { createHub, type HubOptions, pluginsOf } from "./app.ts";

/** Options of {@linkcode serveHub}. */
export interface ServeHubOptions extends HubOptions {
  /** Address to listen on; `0.0.0.0` admits other machines. Default: `"127.0.0.1"`. */
  hostname?: string;
  /** Port to listen on; 0 chooses a free one. Default: 0. */
  port?: number;
}

/**
 * Serve a hub over HTTP on this runtime.
 *
 * @param options options of the hub, hostname and port
 * @returns the server, with its `url` and `close()`
 * @throws FileSystemError for a missing directory, or a folder of runs that is not writable
 * @throws PluginError for a log that cannot be continued with `logKey`
 * @throws Error when the port is not available
 * @throws TypeError and RangeError as {@linkcode createHub}
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
  const plugins = pluginsOf(hub);
  // Read at the start, so that a missing folder fails now and the first request does not wait.
  await plugins.index();
  await hub.runs?.list();
  // A log that cannot be continued also fails now.
  await new PluginLog(plugins, hub.logKey).start();
  const app = createHub({ ...hub, directory: undefined, plugins });
  return await getRuntime().serve((request) => app.fetch(request), { hostname, port });
}
