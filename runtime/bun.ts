import { onProcess } from "./node.ts";
import { answering, checkAddress, serverUrl, toServeError } from "./serve.ts";
import type { Runtime } from "./types.ts";
import { startWebWorker } from "./worker.ts";

/** The adapter for Bun: Node's, except for the version and the server. */
export function bunRuntime(): Runtime {
  return {
    name: "bun",
    version: bun().version,
    ...onProcess(),
    startWorker: startWebWorker,
    async serve(handler, { hostname, port }) {
      checkAddress(hostname, port);
      let server: BunServer;
      try {
        // Bun drops a connection after 10 silent seconds, too few for a live stream.
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

/** The parts of Bun that are used here. Other runtimes then need no types of Bun. */
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
