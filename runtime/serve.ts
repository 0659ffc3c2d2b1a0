import type { Runtime } from "./types.ts";

/** A fetch handler for {@linkcode Runtime.serve}. */
export type Handler = Parameters<Runtime["serve"]>[0];

/** A handler that always responds: errors are logged and answered with status 500. */
export function answering(handler: Handler): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      return await handler(request);
    } catch (error) {
      console.error(`keepfit: ${request.method} ${new URL(request.url).pathname} failed:`, error);
      return new Response("Internal Server Error", { status: 500 });
    }
  };
}

/** The URL of a server, with brackets around an IPv6 address. */
export function serverUrl(hostname: string, port: number): string {
  return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}/`;
}

/** An error that says why a server could not listen, and what to do about it. */
export function toServeError(cause: unknown, hostname: string, port: number): Error {
  const { code, name, message } = cause as { code?: string; name?: string; message?: string };
  let reason = message ?? String(cause);
  if (code === "EADDRINUSE") {
    reason = "the port is in use (use another --port, or 0 for any free one)";
  } else if (name === "NotCapable") {
    reason = `permission denied (run Deno again with --allow-net=${hostname}:${port})`;
  } else if (code === "EACCES") {
    reason = "permission denied (use a --port of 1024 or more)";
  } else if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
    reason = "this machine has no such address (use another --hostname)";
  }
  return new Error(`Cannot serve on ${serverUrl(hostname, port)}: ${reason}`, { cause });
}
