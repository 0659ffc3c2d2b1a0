import { messageOf } from "../../core/errors.ts";
import { fetchFailure, FileSystemError, getRuntime } from "../../runtime/mod.ts";
import type { FileSystem } from "../../runtime/types.ts";
import { parseAuthTokens } from "./auth_tokens.ts";
import { PluginError } from "../errors.ts";

/** The type of `fetch`, for a proxy, a private registry or a test. */
export type Fetch = (input: string, init: RequestInit) => Promise<Response>;

/** How files are fetched. */
export interface FetchOptions {
  /** Default: the runtime's own. */
  fetch?: Fetch;
  /**
   * Credentials by host, `"token@example.com;user:password@example.org"`: for requests to that
   * host, not for their redirects. Default: the variable `KEEPFIT_AUTH_TOKENS`.
   */
  tokens?: string;
  /** Use no network: a file that is not on this machine is an error. Default: false. */
  offline?: boolean;
  /** Milliseconds for one file, from request to last byte, in each attempt. Default: 30 000. */
  timeout?: number;
  /** Number of further attempts after a network error or an overloaded server. Default: 2. */
  retries?: number;
  /** Milliseconds before the first retry, doubled for each further one. Default: 250. */
  retryDelay?: number;
}

/** A request for a changeable file, with its limits. */
export interface ChangeQuery extends Pick<FetchOptions, "retries" | "timeout"> {
  /** ETag of the local copy. Default: none. */
  etag?: string;
}

/** A file as a server sent it. */
export interface FetchedFile {
  bytes: Uint8Array;
  etag: string | undefined;
}

/** Reads the files of plugins. */
export interface Fetcher {
  /** True if no network is used. */
  readonly offline: boolean;
  /** The bytes at a URL, at most `maxBytes`. */
  read(url: URL, maxBytes: number): Promise<Uint8Array>;
  /**
   * A file that may have changed. `timeout` and `retries` can only be below those of the fetcher.
   *
   * @returns undefined if it has not changed
   */
  readChanged(url: URL, maxBytes: number, query?: ChangeQuery): Promise<FetchedFile | undefined>;
}

const maxRedirects = 5;

/** A failed attempt that is worth retrying. */
class TransientError extends Error {
  /** Milliseconds that the server asks to wait. */
  wait = 0;
}

/**
 * Create a fetcher of plugin files, over http(s) or from `file:` URLs.
 *
 * Only a response with status 200 and at most `maxBytes` is accepted. Network errors, time-outs and
 * the statuses 408, 429 and 5xx are retried, not before the time of `Retry-After`; if that is
 * longer than the time-out, they are not retried. Requests are the same on every runtime: servers that
 * build files for the user agent would otherwise send different bytes to each. Redirects are
 * followed only if they are as safe as the request: from https to https, from loopback http to
 * loopback http or https, never to a file.
 *
 * @throws RangeError for an invalid `timeout` or `retries`
 * @throws SyntaxError for tokens that cannot be parsed
 */
export function createFetcher(fs: FileSystem, options: FetchOptions = {}): Fetcher {
  const {
    fetch = (input, init) => globalThis.fetch(input, init),
    tokens = getRuntime().env("KEEPFIT_AUTH_TOKENS"),
    offline = false,
    timeout = 30_000,
    retries = 2,
    retryDelay = 250,
  } = options;
  if (!(timeout > 0)) {
    throw new RangeError(`Cannot fetch with timeout ${timeout}: expected a number > 0`);
  }
  if (!Number.isInteger(retries) || retries < 0) {
    throw new RangeError(`Cannot fetch with ${retries} retries: expected a whole number >= 0`);
  }

  const authorization = parseAuthTokens(tokens);

  async function readOnce(
    start: URL,
    maxBytes: number,
    etag: string | undefined,
    timeout: number,
  ): Promise<FetchedFile | undefined> {
    const token = authorization(start);
    const credentials: Record<string, string> = token === undefined ? {} : { authorization: token };
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), timeout);
    try {
      let url = start;
      for (let redirects = 0; redirects <= maxRedirects; redirects++) {
        const response = await fetch(url.href, {
          redirect: "manual",
          credentials: "omit",
          signal: controller.signal,
          headers: {
            ...(url.origin === start.origin ? credentials : {}),
            ...(etag === undefined ? {} : { "if-none-match": etag }),
            accept: "text/javascript, application/json, */*;q=0.5",
            "user-agent": "keepfit",
          },
        });
        if (response.status === 200) {
          return {
            bytes: await readBody(response, maxBytes, () => tooLarge(start, maxBytes)),
            etag: response.headers.get("etag") ?? undefined,
          };
        }
        await response.body?.cancel();
        if (response.status === 304 && etag !== undefined) return undefined;
        if (![301, 302, 303, 307, 308].includes(response.status)) {
          throw failedWith(response, start);
        }
        url = redirected(url, response.headers.get("location"), start);
      }
      throw new PluginError(
        "E_HTTP",
        `Cannot fetch ${start}: it redirects more than ${maxRedirects} times`,
        { url: start.href },
      );
    } catch (cause) {
      if (cause instanceof PluginError || cause instanceof TransientError) throw cause;
      if (controller.signal.aborted) {
        throw new TransientError(`it took longer than ${timeout} ms`, { cause });
      }
      throw new TransientError(fetchFailure(cause), { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  async function readChanged(
    url: URL,
    maxBytes: number,
    query: ChangeQuery = {},
  ): Promise<FetchedFile | undefined> {
    if (url.protocol === "file:") {
      return { bytes: await readFile(fs, url, maxBytes), etag: undefined };
    }
    if (offline) throw isOffline(url);
    const maxTime = Math.min(timeout, query.timeout ?? timeout);
    const maxTries = Math.min(retries, query.retries ?? retries) + 1;
    for (let tries = 1;; tries++) {
      try {
        return await readOnce(url, maxBytes, query.etag, maxTime);
      } catch (error) {
        if (!(error instanceof TransientError)) throw error;
        const isTooLong = error.wait > maxTime;
        if (tries === maxTries || isTooLong) {
          throw new PluginError(
            "E_HTTP",
            `Cannot fetch ${url}: ${error.message}` + (tries > 1 ? `, tried ${tries} times` : "") +
              (isTooLong ? `; it can be tried again in ${Math.ceil(error.wait / 1000)} s` : ""),
            { url: url.href, cause: error.cause ?? error },
          );
        }
        const delay = Math.max(error.wait, retryDelay * 2 ** (tries - 1));
        await new Promise((resolve) => setTimeout(resolve, delay));
      }
    }
  }

  return {
    offline,
    // Without an ETag there is always an answer.
    read: async (url, maxBytes) => (await readChanged(url, maxBytes) as FetchedFile).bytes,
    readChanged,
  };
}

/** The error for a file that would have to be fetched. */
function isOffline(url: URL): PluginError {
  return new PluginError("E_OFFLINE", `Cannot fetch ${url}: the network is disabled`, {
    url: url.href,
    expected: "the file in the cache or the vendor folder",
    hint: "load it once without { offline: true }, or copy it with keepfit vendor",
  });
}

/** True for the loopback interface, on which plain http is allowed. */
export function isLoopback({ hostname }: Pick<URL, "hostname">): boolean {
  return hostname === "localhost" || hostname === "[::1]" ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/**
 * Read the body of a response up to a limit.
 *
 * @param tooLarge creates the error for a larger body
 */
export async function readBody(
  response: Response,
  maxBytes: number,
  tooLarge: () => Error,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > maxBytes) {
      await reader.cancel();
      throw tooLarge();
    }
    parts.push(value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const one of parts) {
    bytes.set(one, at);
    at += one.length;
  }
  return bytes;
}

async function readFile(fs: FileSystem, url: URL, maxBytes: number): Promise<Uint8Array> {
  try {
    if ((await fs.stat(url)).size > maxBytes) throw tooLarge(url, maxBytes);
    return await fs.readFile(url);
  } catch (cause) {
    if (cause instanceof PluginError) throw cause;
    throw new PluginError("E_HTTP", `Cannot read ${url}: ${messageOf(cause)}`, {
      url: url.href,
      actual: cause instanceof FileSystemError ? cause.code : undefined,
      cause,
    });
  }
}

function tooLarge(url: URL, maxBytes: number): PluginError {
  return new PluginError("E_LIMIT", `Cannot use ${url}: it is larger than allowed`, {
    url: url.href,
    expected: `at most ${maxBytes} bytes`,
  });
}

function failedWith({ status, headers }: Response, url: URL): Error {
  if (status === 408 || status === 429 || status >= 500) {
    const error = new TransientError(`the server answered ${status}`);
    error.wait = millisecondsOf(headers.get("retry-after") ?? "");
    return error;
  }
  return new PluginError("E_HTTP", `Cannot fetch ${url}: the server answered ${status}`, {
    url: url.href,
    expected: "status 200",
    actual: `status ${status}`,
    hint: status === 404
      ? "check the spelling of the address"
      : status === 401 || status === 403
      ? "pass credentials in the option tokens or in KEEPFIT_AUTH_TOKENS=token@host"
      : undefined,
  });
}

/** Milliseconds until the time of a `Retry-After` header: seconds, or a date. */
function millisecondsOf(retryAfter: string): number {
  const time = /^\d+$/.test(retryAfter)
    ? Number(retryAfter) * 1000
    : Date.parse(retryAfter) - Date.now();
  return Math.max(time || 0, 0);
}

function redirected(from: URL, location: string | null, start: URL): URL {
  let to: URL | undefined;
  try {
    to = new URL(location ?? "", from);
  } catch {
    // Reported below.
  }
  const safe = location !== null && to !== undefined &&
    (to.protocol === "https:" ||
      (to.protocol === "http:" && from.protocol === "http:" && isLoopback(to)));
  if (safe) return to as URL;
  throw new PluginError("E_HTTP", `Cannot fetch ${start}: it has a redirect that is not allowed`, {
    url: start.href,
    expected: "a redirect to https, or from loopback to loopback",
    actual: location ?? "a redirect without a location",
  });
}
