/** Returns the value of the `authorization` header for a host; undefined if there is none. */
export type Authorization = (url: URL) => string | undefined;

/**
 * Read tokens for private hosts.
 *
 * Source: Deno's `DENO_AUTH_TOKENS`: `token@host` or `user:password@host:port`, with `;` between
 * them. A host does not include its subdomains.
 *
 * @param text the tokens; undefined for none
 * @throws SyntaxError for a part that cannot be parsed; the message contains no secrets
 */
export function parseAuthTokens(text: string | undefined): Authorization {
  const values = new Map<string, string>();
  const parts = (text ?? "").split(";").map((part) => part.trim()).filter((part) => part !== "");
  parts.forEach((part, i) => {
    const at = part.lastIndexOf("@");
    const [secret, host] = [part.slice(0, at), part.slice(at + 1).toLowerCase()];
    // The runtime's error for an invalid header value would quote it.
    if (at < 1 || !/^[\x21-\x7e]+$/.test(secret) || !isHost(host)) {
      throw new SyntaxError(
        `Cannot read token ${i + 1} of ${parts.length}: expected token@host or user:password@host`,
      );
    }
    values.set(host, secret.includes(":") ? `Basic ${btoa(secret)}` : `Bearer ${secret}`);
  });
  return (url) => values.get(url.host) ?? (url.port === "" ? values.get(withPort(url)) : undefined);
}

function withPort(url: URL): string {
  return `${url.host}:${url.protocol === "https:" ? 443 : 80}`;
}

function isHost(text: string): boolean {
  return URL.canParse(`https://${text}/`) && /^[^/?#\\@\s]+$/.test(text);
}
