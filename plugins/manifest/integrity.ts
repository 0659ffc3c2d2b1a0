import { PluginError } from "../errors.ts";

/** A hash that an integrity value may use, the strongest last. */
export type IntegrityAlgorithm = "sha256" | "sha384" | "sha512";

/** One part of an integrity value. */
interface IntegrityEntry {
  algorithm: IntegrityAlgorithm;
  /** Base64 of the digest. */
  digest: string;
}

const strongestFirst: readonly IntegrityAlgorithm[] = ["sha512", "sha384", "sha256"];
const digestBytes: Record<IntegrityAlgorithm, number> = { sha256: 32, sha384: 48, sha512: 64 };

/**
 * The parts of an integrity value that count: those of its strongest algorithm.
 *
 * Source: Subresource Integrity (W3C), stricter in one point: a part that cannot be read is an
 * error and not ignored, so that a typing mistake never means "anything goes".
 *
 * @param integrity one or more `algorithm-base64`, with spaces between them
 * @throws SyntaxError when a part is no such thing
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
        `Cannot read integrity ${JSON.stringify(part)}: wanted sha256-, sha384- or sha512- and ` +
          `the digest in base64`,
      );
    }
    return { algorithm: algorithm as IntegrityAlgorithm, digest };
  });
  const strongest = strongestFirst.find((one) => entries.some((entry) => entry.algorithm === one));
  return entries.filter((entry) => entry.algorithm === strongest);
}

/**
 * The integrity value of some bytes, in the form that manifests and references use.
 *
 * @param bytes the content
 * @param algorithm the hash; default `"sha384"`
 * @returns for example `sha384-…`, as browsers write it
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
 * Make sure that bytes are those that were promised.
 *
 * @param bytes the content
 * @param integrity the promise; of several algorithms the strongest counts, of several digests of
 *   that one any
 * @param url where the bytes come from, for the message
 * @throws PluginError `E_INTEGRITY`, with the actual value, when they are not
 * @throws SyntaxError when `integrity` cannot be read
 */
export async function verifyIntegrity(
  bytes: Uint8Array,
  integrity: string,
  url: string,
): Promise<void> {
  const wanted = parseIntegrity(integrity);
  const actual = await computeIntegrity(bytes, wanted[0].algorithm);
  if (wanted.some(({ algorithm, digest }) => `${algorithm}-${digest}` === actual)) return;
  throw new PluginError("E_INTEGRITY", `Cannot use ${url}: its content is not what was promised`, {
    url,
    expected: integrity,
    actual,
    hint: "load it again; if it stays so the file was changed: ask its author before you trust " +
      "the actual value",
  });
}

/** Base64 of bytes, whatever their number. */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  // In slices: one call with all of them as arguments overflows the stack.
  for (let i = 0; i < bytes.length; i += 8192) {
    binary += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return btoa(binary);
}

/**
 * The bytes of base64, in its one strict spelling: padded, no spaces, no bits left over.
 *
 * @throws SyntaxError for any other text
 */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  let binary: string | undefined;
  try {
    binary = atob(text);
  } catch {
    // Reported below, as what it is.
  }
  if (binary === undefined || btoa(binary) !== text) {
    throw new SyntaxError(`Cannot read base64 ${JSON.stringify(text.slice(0, 60))}`);
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** SHA-256 as lower-case hex, for file names. */
export async function hexHash(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return toHex(new Uint8Array(digest));
}

/** Lower-case hex of a base64 digest, for file names. */
export function base64ToHex(base64: string): string {
  return toHex(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function isDigest(base64: string, length: number): boolean {
  // The strict spelling only: two spellings of one digest would be two cache entries.
  return base64.length === Math.ceil(length / 3) * 4 &&
    atob(base64).length === length && btoa(atob(base64)) === base64;
}
