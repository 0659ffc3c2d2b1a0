import { onProcess } from "./node.ts";
import { answering, serverUrl, toServeError } from "./serve.ts";
import type { Runtime } from "./types.ts";
import { startWebWorker } from "./worker.ts";

/** The machine as Bun shows it: Node's, but for its version and its own server. */
export function bunRuntime(): Runtime {
  return {
    name: "bun",
    version: bun().version,
    ...onProcess(),
    startWorker: startWebWorker,
    async serve(handler, { hostname, port }) {
      let server: BunServer;
      try {
        // Bun drops a connection that is silent for 10 seconds, which a live stream may be.
        server = bun().serve({ hostname, port, idleTimeout: 0, fetch: answering(handler) });
      } catch (error) {
        throw toServeError(error, hostname, port);
      }
      return {
        url: serverUrl(hostname, server.port),
        close: async () => void await server.stop(true),
      };
    },
  };
}

interface BunServer {
  port: number;
  stop(dropConnections: boolean): Promise<void>;
}

/** The little of Bun that is used here, so that no other runtime needs its types. */
interface BunGlobal {
  version: string;
  serve(options: {
    hostname: string;
    port: number;
    idleTimeout: number;
    fetch(request: Request): Promise<Response>;
  }): BunServer;
}

function bun(): BunGlobal {
  return (globalThis as unknown as { Bun: BunGlobal }).Bun;
}
