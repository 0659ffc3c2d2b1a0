import type { HttpServer, Runtime } from "../../runtime/types.ts";

/** Owner of texts on a server. */
export type Holder = object;

interface Page {
  holder: Holder;
  text: string;
  contentType: string;
}

/** Shared servers of this process, by address. */
const servers = new Map<string, TextServer>();

/** A server of texts. A process has at most one per address. */
export class TextServer {
  readonly #pages = new Map<string, Page>();
  readonly #holders = new Set<Holder>();
  readonly #listening: Promise<HttpServer>;
  #closed: Promise<void> | undefined;

  private constructor(serve: Runtime["serve"], hostname: string, port: number) {
    this.#listening = serve((request) => this.#answer(request), { hostname, port });
  }

  /**
   * Join the server of an address, or start it. Port 0 starts a new server on a free port.
   *
   * @throws Error if the address is not available
   */
  static async open(
    serve: Runtime["serve"],
    hostname: string,
    port: number,
    holder: Holder,
  ): Promise<TextServer> {
    const address = `${hostname}:${port}`;
    let server = servers.get(address);
    // The last holder has left, but the port is not free yet.
    while (server !== undefined && server.#closed !== undefined) {
      await server.#closed;
      server = servers.get(address);
    }
    server ??= new TextServer(serve, hostname, port);
    if (port !== 0) servers.set(address, server);
    server.#holders.add(holder);
    try {
      await server.#listening;
      return server;
    } catch (error) {
      if (servers.get(address) === server) servers.delete(address);
      throw error;
    }
  }

  /**
   * Serve a text at a path, replacing an earlier one of this holder.
   *
   * @returns its URL; undefined for a path of another holder
   */
  async put(
    path: string,
    text: string,
    contentType: string,
    holder: Holder,
  ): Promise<string | undefined> {
    const present = this.#pages.get(path);
    if (present !== undefined && present.holder !== holder) return undefined;
    this.#pages.set(path, { holder, text, contentType });
    return (await this.#listening).url + path.slice(1);
  }

  /** Remove the texts of a holder; the last one stops the server. */
  async leave(holder: Holder): Promise<void> {
    for (const [path, page] of this.#pages) if (page.holder === holder) this.#pages.delete(path);
    if (!this.#holders.delete(holder) || this.#holders.size > 0) return;
    const closing = this.#listening.then((server) => server.close()).finally(() => {
      for (const [address, server] of servers) if (server === this) servers.delete(address);
    });
    this.#closed = closing.catch(() => {});
    await closing;
  }

  #answer(request: Request): Response {
    const page = this.#pages.get(new URL(request.url).pathname);
    if (page === undefined) return new Response("Not Found", { status: 404 });
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response("Method Not Allowed", { status: 405, headers: { allow: "GET, HEAD" } });
    }
    return new Response(request.method === "HEAD" ? null : page.text, {
      headers: {
        "content-type": page.contentType,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
      },
    });
  }
}
