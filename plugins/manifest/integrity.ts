import { PluginError } from "../errors.ts";

/** A hash of an integrity value, weakest first. */
export type IntegrityAlgorithm = "sha256" | "sha384" | "sha512";

/** One hash of an integrity value. */
interface IntegrityEntry {
  algorithm: IntegrityAlgorithm;
  /** Base64 of the digest. */
  digest: string;
}

const strongestFirst: readonly IntegrityAlgorithm[] = ["sha512", "sha384", "sha256"];
const digestBytes: Record<IntegrityAlgorithm, number> = { sha256: 32, sha384: 48, sha512: 64 };

/**
 * The hashes of an integrity value that count: those of the strongest algorithm.
 *
 * Source: Subresource Integrity (W3C), but an invalid part is an error rather than ignored, so that
 * a typing mistake never accepts everything.
 *
 * @param integrity one or more `algorithm-base64`, separated by spaces
 * @throws SyntaxError for an invalid part
 */
export function parseIntegrity(integrity: string): IntegrityEntry[] {
  const entries = integrity.trim().split(/\s+/).map((part): IntegrityEntry => {
    const [, algorithm, digest] = /^(sha256|sha384|sha512)-([A-Za-z0-9+/]+={0,2})$/.exec(part) ??
      [];
    if (
      algorithm === undefined ||
      !isDigest(digest, digestBytes[algorithm as IntegrityAlgorithm])
    ) {
      throw new SyntaxError(
        `Cannot read integrity ${JSON.stringify(part)}: expected sha256-, sha384- or sha512- and ` +
          `the digest in base64`,
      );
    }
    return { algorithm: algorithm as IntegrityAlgorithm, digest };
  });
  const strongest = strongestFirst.find((one) => entries.some((entry) => entry.algorithm === one));
  return entries.filter((entry) => entry.algorithm === strongest);
}

/**
 * The integrity value of some bytes, in the form used in manifests and references.
 *
 * @param bytes the content
 * @param algorithm the hash. Default: `"sha384"`
 * @returns an integrity value as browsers use it, such as `sha384-…`
 * @example
 * ```ts
 * import { computeIntegrity, verifyIntegrity } from "keepfit/plugins";
 * import assert from "node:assert/strict";
 *
 * const bytes = new TextEncoder().encode("export default 1;");
 * const integrity = await computeIntegrity(bytes, "sha256");
 * assert.equal(integrity, "sha256-VjMuClVzS8K3PfVqLfhjXtXFskttekVrQd58q5ovOBQ=");
 * await verifyIntegrity(bytes, integrity, "https://example.com/a.js");
 * ```
 */
export async function computeIntegrity(
  bytes: Uint8Array,
  algorithm: IntegrityAlgorithm = "sha384",
): Promise<string> {
  const name = algorithm.replace("sha", "SHA-");
  const digest = await crypto.subtle.digest(name, bytes as Uint8Array<ArrayBuffer>);
  return `${algorithm}-${toBase64(new Uint8Array(digest))}`;
}

/**
 * Check bytes against an integrity value.
 *
 * @param bytes the content
 * @param integrity the expected value; of several algorithms the strongest counts, and any of its
 *   digests
 * @param url source of the bytes, for the message
 * @throws PluginError `E_INTEGRITY`, with the actual value, when they do not match
 * @throws SyntaxError for an invalid `integrity`
 */
export async function verifyIntegrity(
  bytes: Uint8Array,
  integrity: string,
  url: string,
): Promise<void> {
  const expected = parseIntegrity(integrity);
  const actual = await computeIntegrity(bytes, expected[0].algorithm);
  if (expected.some(({ algorithm, digest }) => `${algorithm}-${digest}` === actual)) return;
  throw new PluginError(
    "E_INTEGRITY",
    `Cannot use ${url}: its content does not match its integrity`,
    {
      url,
      expected: integrity,
      actual,
      hint:
        "load it again; if the error persists, the file was changed: ask its author before you trust " +
        "the actual value",
    },
  );
}

/** Encode bytes of any length as base64. */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  // In slices: a call with all bytes as arguments would overflow the stack.
  for (let i = 0; i < bytes.length; i += 8192) {
    binary += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return btoa(binary);
}

/**
 * Decode base64 in its canonical form: padded, without spaces or leftover bits.
 *
 * @throws SyntaxError for any other text
 */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  let binary: string | undefined;
  try {
    binary = atob(text);
  } catch {
    // Reported below.
  }
  if (binary === undefined || btoa(binary) !== text) {
    throw new SyntaxError(`Cannot read base64 ${JSON.stringify(text.slice(0, 60))}`);
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** SHA-256 in lower-case hex, for file names. */
export async function hexHash(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return toHex(new Uint8Array(digest));
}

/** A base64 digest in lower-case hex, for file names. */
export function base64ToHex(base64: string): string {
  return toHex(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function isDigest(base64: string, length: number): boolean {
  // Canonical only: two spellings of a digest would be two cache entries.
  return base64.length === Math.ceil(length / 3) * 4 &&
    atob(base64).length === length && btoa(atob(base64)) === base64;
}
