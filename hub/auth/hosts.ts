import type { MiddlewareHandler } from "hono";
import { HTTPException } from "hono/http-exception";

/**
 * Refuse requests for unknown hosts with 421 (RFC 9110, section 15.5.20). A web page can make its
 * own host name resolve to this machine; its requests then have that name.
 *
 * @param hosts names that are allowed in addition to those of this machine and numeric addresses,
 *   which a page cannot redirect
 */
export function refuseOtherHosts(hosts: readonly string[]): MiddlewareHandler {
  const allowed = new Set(hosts.map((host) => host.toLowerCase()));
  return async (c, next) => {
    const { hostname } = new URL(c.req.url);
    if (isLoopbackName(hostname) || isAddress(hostname) || allowed.has(hostname)) {
      return await next();
    }
    throw new HTTPException(421, {
      message: `Cannot answer for host ${hostname}: expected one of this hub, such as ` +
        `${hosts[0] ?? "localhost"}; --allowed-host or { hosts } names others`,
    });
  };
}

function isLoopbackName(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost");
}

/**
 * Whether a host name is a numeric address. URLs normalize every form of an address to one of
 * these.
 */
function isAddress(hostname: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(hostname) || hostname.startsWith("[");
}
