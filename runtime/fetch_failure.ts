import { messageOf } from "../core/errors.ts";

/**
 * Explain why a request failed. `fetch` only says "fetch failed" on Node and Deno and hides the
 * reason in `cause`, whose wording differs between runtimes. The returned reasons are the same on
 * all runtimes: connection refused, unknown host, certificate, timeout and so on, with the system's
 * error code if there is one.
 *
 * @param error error of `fetch`, or of reading a body
 * @returns a printable clause without a full stop and without the URL
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
    return `the certificate of the server is not accepted: ${detail}${code && ` (${code})`}`;
  }
  // The innermost message is the most specific, but Node's is empty for the status 407. Deno's
  // begins with the URL, which the caller adds.
  const { message } = chain.findLast((one) => one.message !== "") ?? chain[0];
  return message.replace(/^error sending request.*?: (?=client error)/, "");
}

/** One error of a chain of causes. */
interface Cause {
  /** Error code; empty if it has none. */
  code: string;
  message: string;
}

/** An error and its causes. An AggregateError counts as its first error. */
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

/** Reasons by error code (Node, Bun) or by message (Deno); the first code names the reason. */
const failures: readonly { code: readonly string[]; says: RegExp; words: string }[] = [
  {
    code: ["ECONNREFUSED"],
    says: /connection refused/i,
    words: "the connection was refused",
  },
  {
    code: ["ENOTFOUND", "EAI_AGAIN", "EAI_NODATA", "EAI_NONAME"],
    says: /dns error|failed to lookup address/i,
    words: "the host name cannot be resolved",
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
    words: "the request timed out",
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
