import { messageOf } from "../core/errors.ts";

/**
 * Say in words why a request got no answer. `fetch` says only "fetch failed" on Node and Deno and
 * keeps the reason in its cause, and each runtime has its own words for it; here the reason is the
 * same on all three: refused, no such host, certificate, time-out, and so on, with the system's code
 * where there is one.
 *
 * @param error what `fetch`, or reading a body, threw
 * @returns a clause without a full stop, fit to be printed; it does not contain the URL
 * @example
 * ```ts
 * import { fetchFailure } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const cause = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
 * const error = new TypeError("fetch failed", { cause });
 * assert.equal(fetchFailure(error), "the connection was refused (ECONNREFUSED)");
 * ```
 */
export function fetchFailure(error: unknown): string {
  const chain = causesOf(error);
  for (const { code, says, words } of failures) {
    const found = chain.find((one) => code.includes(one.code) || says.test(one.message));
    if (found === undefined) continue;
    return `${words} (${code.includes(found.code) ? found.code : code[0]})`;
  }
  const untrusted = chain.find(({ code, message }) =>
    certificateCode.test(code) || certificateMessage.test(message)
  );
  if (untrusted !== undefined) {
    const { code, message } = untrusted;
    const detail = certificateMessage.exec(message)?.[1] ?? message;
    return `the server's certificate is not accepted: ${detail}${code && ` (${code})`}`;
  }
  // The innermost says the most; Deno's begins with the URL, which the caller has named.
  const { message } = chain[chain.length - 1];
  return message.replace(/^error sending request.*?: (?=client error)/, "");
}

/** One error of a chain. */
interface Cause {
  /** Empty where there is none. */
  code: string;
  message: string;
}

/** An error, what caused it, and what caused that; of several tries the first. */
function causesOf(error: unknown): Cause[] {
  const chain: Cause[] = [];
  let at: unknown = error;
  while (chain.length < 8) {
    const { code, name, cause, errors } = Object(at) as {
      code?: unknown;
      name?: unknown;
      cause?: unknown;
      errors?: unknown[];
    };
    const isTimeout = name === "TimeoutError";
    chain.push({
      code: isTimeout ? "ETIMEDOUT" : typeof code === "string" ? code : "",
      message: messageOf(at),
    });
    const next = Array.isArray(errors) && errors.length > 0 ? errors[0] : cause;
    if (next === undefined || next === null) break;
    at = next;
  }
  return chain;
}

/** What Node and Bun have a code for and Deno has words for; the first code names it. */
const failures: readonly { code: readonly string[]; says: RegExp; words: string }[] = [
  {
    code: ["ECONNREFUSED"],
    says: /connection refused/i,
    words: "the connection was refused",
  },
  {
    code: ["ENOTFOUND", "EAI_AGAIN", "EAI_NODATA", "EAI_NONAME"],
    says: /dns error|failed to lookup address/i,
    words: "the host's name cannot be resolved",
  },
  {
    code: ["EHOSTUNREACH", "ENETUNREACH"],
    says: /no route to host|(?:host|network) is unreachable/i,
    words: "the host cannot be reached",
  },
  {
    code: [
      "ETIMEDOUT",
      "UND_ERR_BODY_TIMEOUT",
      "UND_ERR_CONNECT_TIMEOUT",
      "UND_ERR_HEADERS_TIMEOUT",
    ],
    says: /timed out/i,
    words: "it took too long",
  },
  {
    code: ["EPROTO", "ERR_SSL_WRONG_VERSION_NUMBER"],
    says: /received corrupt message/i,
    words: "the server does not speak TLS on this port",
  },
  {
    code: ["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"],
    says:
      /connection (?:closed before|reset)|error reading a body|unexpected end of file|broken pipe/i,
    words: "the connection was closed before the answer was complete",
  },
];

const certificateCode = /CERT|^UNABLE_TO_/;
const certificateMessage = /invalid peer certificate: (.+)/i;
