import { isSlug, reservedOwners } from "../registry/owners.ts";

/** Owners whose plugins a token may publish, by token. */
export type Tokens = Readonly<Record<string, readonly string[]>>;

const minLength = 20;

/**
 * Parse the tokens in a file or a variable: `OWNER=TOKEN`, separated by white space; a line that
 * begins with `#` is a comment. A token may be listed for several owners.
 *
 * @throws SyntaxError for a part that is not `OWNER=TOKEN`; the message does not contain it
 * @example
 * ```ts
 * import { parseTokens } from "keepfit/hub";
 * import assert from "node:assert/strict";
 *
 * const token = "k3q0wZ7yB1tXn5sVfJ2u";
 * assert.deepEqual(parseTokens(`# Ada\nada=${token}\nbob=${token}\n`), { [token]: ["ada", "bob"] });
 * ```
 */
export function parseTokens(text: string): Tokens {
  const parts = text.replace(/^\s*#.*$/gm, "").split(/\s+/).filter((part) => part !== "");
  const tokens = new Map<string, string[]>();
  parts.forEach((part, i) => {
    const [, owner, token] = /^([a-z0-9-]+)=(.+)$/.exec(part) ?? [];
    if (owner === undefined) {
      throw new SyntaxError(
        `Cannot read token ${i + 1} of ${parts.length}: expected OWNER=TOKEN, the owner in ` +
          `lowercase letters, digits and dashes`,
      );
    }
    tokens.set(token, [...tokens.get(token) ?? [], owner]);
  });
  return Object.fromEntries(tokens);
}

/**
 * Check that no token can be guessed.
 *
 * @throws RangeError for a short token, one that is not valid in a header, or an invalid or
 *   reserved owner
 */
export function checkTokens(tokens: Tokens): void {
  for (const [token, owners] of Object.entries(tokens)) {
    // The message must not contain the token.
    if (token.length < minLength || !/^[\x21-\x7e]+$/.test(token)) {
      throw new RangeError(
        `Cannot create hub with a token of ${token.length} characters: expected ${minLength} or ` +
          `more random ASCII characters without spaces`,
      );
    }
    const wrong = owners.find((owner) => !isSlug(owner) || reservedOwners.has(owner));
    if (wrong !== undefined) {
      const expected = reservedOwners.has(wrong)
        ? "a name that is not reserved for the hub's own URLs"
        : "lowercase letters, digits and single dashes";
      throw new RangeError(
        `Cannot create hub with a token for owner ${JSON.stringify(wrong)}: expected ${expected}`,
      );
    }
  }
}

/**
 * The owners that a request may publish for. Every token is compared, in constant time.
 *
 * @param authorization the header
 * @returns undefined if the token is missing or unknown
 */
export async function ownersOf(
  tokens: Tokens,
  authorization: string | undefined,
): Promise<readonly string[] | undefined> {
  const [, token] = /^Bearer +([\x21-\x7e]{1,1000})$/i.exec(authorization ?? "") ?? [];
  if (token === undefined) return undefined;
  const digest = await digestOf(token);
  let found: readonly string[] | undefined;
  for (const [token, owners] of Object.entries(tokens)) {
    if (isEqual(digest, await digestOf(token))) found = owners;
  }
  return found;
}

async function digestOf(token: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
}

/** Compare two digests in constant time. */
function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i] ^ b[i];
  return difference === 0;
}
