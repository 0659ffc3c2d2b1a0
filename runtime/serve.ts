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

/**
 * Check where to listen, because the runtimes differ: Node and Bun listen on every interface if the
 * host name is empty, as it is after an unset variable.
 *
 * @throws RangeError for an empty host name or an invalid port
 */
export function checkAddress(hostname: string, port: number): void {
  if (hostname.trim() === "") {
    throw new RangeError(
      "Cannot serve on an empty host name: expected a name or an address, such as 127.0.0.1",
    );
  }
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new RangeError(`Cannot serve on port ${port}: expected a whole number from 0 to 65535`);
  }
}

/** The URL of a server, with brackets around an IPv6 address. */
export function serverUrl(hostname: string, port: number): string {
  return `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}/`;
}

/** Whether the host name cannot be resolved, or only to an address of another machine. */
function isNoAddress(cause: unknown): boolean {
  const { code, message } = cause as { code?: string; message?: string };
  // Bun says EINVAL for a name that cannot be resolved; Deno has no code for it.
  return /^(EADDRNOTAVAIL|EAI_AGAIN|EINVAL|ENOTFOUND)$/.test(code ?? "") ||
    /failed to lookup address/.test(message ?? "");
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
  } else if (isNoAddress(cause)) {
    reason = "this machine has no such address (use another, such as 127.0.0.1)";
  }
  return new Error(`Cannot serve on ${serverUrl(hostname, port)}: ${reason}`, { cause });
}
