import { fetchFailure } from "../../../runtime/mod.ts";
import type { ContextParts, PluginContext, PluginRequest, PluginResponse } from "./mod.ts";
import { shown } from "./shown.ts";
import { PluginError } from "../../errors.ts";
import { readBody } from "../../sources/fetcher.ts";
import { isGranted } from "../../project/grants.ts";
import { coversNet } from "../../project/net_pattern.ts";
import { Slots } from "../slots.ts";
import { within } from "../time_limit.ts";

const maxAtOnce = 8;
const maxRedirects = 5;
/** Maximum length of a URL, and of all headers together. */
const [maxUrl, maxHeaders] = [8192, 65_536];

/** A checked request. */
interface Outgoing {
  url: URL;
  method: string;
  headers: Record<string, string>;
  body: Uint8Array | undefined;
}

/**
 * Requests to granted hosts, including redirects. Cookies are neither stored nor sent. Messages
 * contain only the origin of a URL, because paths may contain secrets.
 */
export function netAccess(parts: ContextParts): Pick<PluginContext, "fetch"> {
  const { manifest: { id }, grants: { net }, limits, run } = parts;
  if (net === undefined) return {};
  const { fetch = (input, init) => globalThis.fetch(input, init) } = parts;
  const slots = new Slots(maxAtOnce);

  function checkUrl({ protocol, origin, username, password }: URL): void {
    const hasCredentials = username !== "" || password !== "";
    // The protocol is also checked, because the origin of file: is "null", a possible name of a
    // host.
    const isWeb = protocol === "https:" || protocol === "http:";
    if (isWeb && !hasCredentials && isGranted(net, origin, coversNet)) return;
    throw new PluginError(
      "E_PERMISSION",
      `Plugin ${id} may not reach ${isWeb ? origin : protocol}`,
      {
        expected: `https, or http on this machine, to ${net?.declared.join(", ")}` +
          (net?.agreed === true ? "" : ` (granted: ${net?.agreed.join(", ")})`),
        actual: hasCredentials ? "a URL with credentials" : isWeb ? origin : protocol,
        hint: hasCredentials ? "send them in a header" : undefined,
      },
    );
  }

  async function exchange(first: Outgoing, signal: AbortSignal): Promise<PluginResponse> {
    let outgoing = first;
    for (let redirects = 0; redirects <= maxRedirects; redirects++) {
      const { url, method, headers, body } = outgoing;
      const response = await fetch(url.href, {
        method,
        headers,
        body: body as BodyInit | undefined,
        redirect: "manual",
        credentials: "omit",
        signal,
      });
      const location = redirectStatuses.includes(response.status)
        ? response.headers.get("location")
        : null;
      if (location === null) return await toAnswer(response, url);
      await response.body?.cancel();
      outgoing = redirected(outgoing, response.status, location, id);
      checkUrl(outgoing.url);
    }
    throw new PluginError(
      "E_HTTP",
      `Plugin ${id} cannot reach ${first.url.origin}: it redirects more than ${maxRedirects} times`,
    );
  }

  async function toAnswer(response: Response, { origin }: URL): Promise<PluginResponse> {
    const body = await readBody(
      response,
      limits.bytes,
      () =>
        new PluginError("E_LIMIT", `Plugin ${id} may not read the response of ${origin}`, {
          expected: `at most ${limits.bytes} bytes`,
        }),
    );
    const headers = [...response.headers].filter(([name]) => !name.startsWith("set-cookie"));
    return {
      status: response.status,
      headers: Object.fromEntries(headers),
      body,
      text: new TextDecoder().decode(body),
    };
  }

  return {
    fetch: async (url, request = {}) =>
      run.track("send a request", async () => {
        const outgoing = checkRequest(url, request, limits.bytes, id);
        checkUrl(outgoing.url);
        return await slots.use(async () => {
          run.signal.throwIfAborted();
          const controller = new AbortController();
          const stop = () => controller.abort(run.signal.reason);
          run.signal.addEventListener("abort", stop);
          try {
            return await within(exchange(outgoing, controller.signal), limits.hookTime, () => {
              const late = new PluginError(
                "E_TIMEOUT",
                `Plugin ${id} cannot reach ${outgoing.url.origin}: it took too long`,
                { expected: `a response within ${limits.hookTime} ms` },
              );
              controller.abort(late);
              return late;
            });
          } catch (cause) {
            if (cause instanceof PluginError) throw cause;
            throw unreachable(id, outgoing.url, cause);
          } finally {
            run.signal.removeEventListener("abort", stop);
          }
        });
      }),
  };
}

const redirectStatuses = [301, 302, 303, 307, 308];

/** The request that follows a redirect: as in a browser, but never from https to http. */
function redirected(
  { url: from, method, headers, body }: Outgoing,
  status: number,
  location: string,
  id: string,
): Outgoing {
  let url: URL | undefined;
  try {
    url = new URL(location, from);
  } catch {
    // Reported below.
  }
  if (url === undefined || !(url.protocol === from.protocol || url.protocol === "https:")) {
    throw new PluginError("E_HTTP", `Plugin ${id} cannot follow a redirect of ${from.origin}`, {
      expected: `a redirect to ${from.protocol === "http:" ? "http or https" : "https"}`,
      actual: url?.protocol ?? "a location that is not a URL",
    });
  }
  const becomesGet = status === 303 ? method !== "HEAD" : status <= 302 && method === "POST";
  const isSame = url.origin === from.origin;
  const kept = Object.entries(headers).filter(([name]) =>
    // Other headers may carry credentials of the first server.
    (isSame || harmlessHeaders.includes(name)) && !(becomesGet && name.startsWith("content-"))
  );
  return {
    url,
    method: becomesGet ? "GET" : method,
    headers: Object.fromEntries(kept),
    body: becomesGet ? undefined : body,
  };
}

const harmlessHeaders = ["accept", "accept-language", "content-type", "user-agent"];

/** Headers that control how a request is sent, or on whose behalf. A plugin may not set them. */
const refusedHeaders =
  /^(?:connection|content-length|cookie2?|expect|host|keep-alive|set-cookie2?|te|trailer|transfer-encoding|upgrade|via|(?:proxy|sec)-.*)$/;

const methods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

function checkRequest(
  input: unknown,
  request: PluginRequest,
  maxBytes: number,
  id: string,
): Outgoing {
  const wrong = (actual: string, expected: string) =>
    new TypeError(`Cannot send a request of plugin ${id}: expected ${expected}, got ${actual}`);
  let url: URL;
  if (typeof input !== "string" || input.length > maxUrl) {
    throw wrong(`a ${typeof input === "string" ? "URL that is too long" : typeof input}`, "a URL");
  }
  try {
    url = new URL(input);
  } catch {
    throw wrong("an invalid URL", "a URL with scheme and host");
  }
  url.hash = "";
  const method = String(request.method ?? "GET").toUpperCase();
  if (!methods.includes(method)) {
    throw wrong(`method ${shown(method)}`, `one of ${methods.join(", ")}`);
  }
  const headers: Record<string, string> = { "user-agent": `keepfit (${id})` };
  let size = 0;
  for (const [key, value] of Object.entries(request.headers ?? {})) {
    const name = key.toLowerCase();
    size += name.length + String(value).length;
    if (size > maxHeaders) {
      throw wrong("headers that are too long", `at most ${maxHeaders} characters`);
    }
    if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name) || refusedHeaders.test(name)) {
      throw wrong(`header ${shown(key)}`, "a header that a plugin may set");
    }
    if (typeof value !== "string" || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw wrong(`an invalid value of ${name}`, "one line of Latin-1 text");
    }
    Object.defineProperty(headers, name, { value, enumerable: true, configurable: true });
  }
  const body = typeof request.body === "string"
    ? new TextEncoder().encode(request.body)
    : request.body;
  if (body === undefined) return { url, method, headers, body };
  if (!(body instanceof Uint8Array)) {
    throw wrong(`a body of type ${typeof body}`, "text or a Uint8Array");
  }
  if (method === "GET" || method === "HEAD") {
    throw wrong(
      `${method} with a body`,
      "no body, or POST",
    );
  }
  if (body.length > maxBytes) {
    throw new PluginError("E_LIMIT", `Plugin ${id} may not send a request: its body is too large`, {
      expected: `at most ${maxBytes} bytes`,
      actual: `${body.length} bytes`,
    });
  }
  return { url, method, headers, body: body.slice() };
}

function unreachable(id: string, url: URL, error: unknown): PluginError {
  const reason = fetchFailure(error).replaceAll(url.href, url.origin);
  return new PluginError("E_HTTP", `Plugin ${id} cannot reach ${url.origin}: ${reason}`, {
    cause: error,
  });
}
