import { isLoopback } from "../sources/fetcher.ts";

/** Where a plugin may send requests: a host, with an optional scheme and port. */
interface NetPattern {
  /** Undefined stands for https, and for http on this machine. */
  protocol: string | undefined;
  /** True for all subdomains of this host, but not for itself. */
  isWildcard: boolean;
  /** Host as in a URL. */
  hostname: string;
  /** Undefined stands for the default port of the scheme. */
  port: string | undefined;
}

/**
 * True if a pattern covers a URL, or all of another pattern: `example.com`, `example.com:8443`,
 * `*.example.com`, or an origin, `http://mlflow.internal:5000`, the only form that covers plain
 * http to another machine. An invalid pattern covers nothing.
 */
export function coversNet(pattern: string, requested: string): boolean {
  const [wide, narrow] = [parse(pattern), parse(requested)];
  if (wide === undefined || narrow === undefined) return false;
  const protocol = narrow.protocol ?? "https:";
  const isSecure = protocol === "https:" || (protocol === "http:" && isLoopback(narrow));
  if (wide.protocol === undefined ? !isSecure : wide.protocol !== protocol) return false;
  if (portOf(wide, protocol) !== portOf(narrow, protocol)) return false;
  return wide.isWildcard
    ? narrow.hostname.endsWith(`.${wide.hostname}`) ||
      (narrow.isWildcard && narrow.hostname === wide.hostname)
    : !narrow.isWildcard && narrow.hostname === wide.hostname;
}

function parse(text: string): NetPattern | undefined {
  const [, scheme, star, host] = /^(?:(https?):\/\/)?(\*\.)?([^*@]+)$/i.exec(text) ?? [];
  const protocol = scheme === undefined ? undefined : `${scheme.toLowerCase()}:`;
  if (host === undefined || (protocol === undefined && /[/?#\\]/.test(host))) return undefined;
  // The URL parser normalizes hosts: other scripts, forms of addresses.
  const url = urlOf(`${protocol ?? "http:"}//${host}`);
  if (url === undefined) return undefined;
  // It drops the default port of the scheme, which must be kept if the pattern has no scheme.
  const port = protocol === undefined ? /:(\d+)$/.exec(host)?.[1] : url.port;
  return {
    protocol,
    isWildcard: star !== undefined,
    hostname: url.hostname,
    port: port === undefined || port === "" ? undefined : String(Number(port)),
  };
}

function urlOf(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function portOf({ port }: NetPattern, protocol: string): string {
  return port ?? (protocol === "http:" ? "80" : "443");
}
