/** For each token the owners whose plugins it may publish. */
export type Tokens = Readonly<Record<string, readonly string[]>>;

const minLength = 20;

/**
 * Read tokens from the text of a file or a variable: `OWNER=TOKEN`, with white space or lines between
 * them; a line that begins with `#` is a comment. One token may stand there for several owners.
 *
 * @throws SyntaxError for a part that is not `OWNER=TOKEN`; what is secret is not in the message
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
          `lower-case letters, digits and dashes`,
      );
    }
    tokens.set(token, [...tokens.get(token) ?? [], owner]);
  });
  return Object.fromEntries(tokens);
}

/**
 * Make sure that tokens are such that nobody guesses them.
 *
 * @throws RangeError for a short token or one that no header can hold, or an owner that is none
 */
export function checkTokens(tokens: Tokens): void {
  for (const [token, owners] of Object.entries(tokens)) {
    // The token itself is not printed.
    if (token.length < minLength || !/^[\x21-\x7e]+$/.test(token)) {
      throw new RangeError(
        `Cannot create hub with a token of ${token.length} characters: wanted ${minLength} or ` +
          `more, of ASCII without spaces, made at random`,
      );
    }
    const wrong = owners.find((owner) => !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(owner));
    if (wrong !== undefined) {
      throw new RangeError(
        `Cannot create hub with a token for owner ${JSON.stringify(wrong)}: wanted lower-case ` +
          `letters, digits and single dashes`,
      );
    }
  }
}

/**
 * The owners that a request may publish for. All tokens are compared, each in the same time whatever
 * was sent.
 *
 * @param authorization the header
 * @returns undefined for no token, or one that nobody has
 */
export async function ownersOf(
  tokens: Tokens,
  authorization: string | undefined,
): Promise<readonly string[] | undefined> {
  const [, given] = /^Bearer +([\x21-\x7e]{1,1000})$/i.exec(authorization ?? "") ?? [];
  if (given === undefined) return undefined;
  const digest = await digestOf(given);
  let found: readonly string[] | undefined;
  for (const [token, owners] of Object.entries(tokens)) {
    if (isEqual(digest, await digestOf(token))) found = owners;
  }
  return found;
}

async function digestOf(token: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
}

/** Of two digests; not by the first difference. */
function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i] ^ b[i];
  return difference === 0;
}
