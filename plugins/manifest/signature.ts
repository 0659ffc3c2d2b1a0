import { canonicalJson } from "../canonical_json.ts";
import { PluginError } from "../errors.ts";
import { fromBase64, toBase64 } from "./integrity.ts";
import type { PluginManifest } from "./format.ts";
import { isKeyId, keyIdPrefix } from "./values.ts";
import type { SigningKey } from "./signing_key.ts";

/**
 * Sign a manifest and, through its integrity values, all files that it lists.
 *
 * The signed text is the canonical JSON (RFC 8785) of the manifest without `signatures`. Several
 * keys may sign, for example an old key and its successor.
 *
 * @param manifest a complete manifest; not changed
 * @param key key of the signer
 * @returns a manifest with the signature added, or replaced if this key had signed
 * @throws PluginError `E_MANIFEST` when it is not plain data
 * @example
 * ```ts
 * import { generateKeyPair, type PluginManifest, signManifest, verifySignatures } from "keepfit/plugins";
 * import assert from "node:assert/strict";
 * import { readFile } from "node:fs/promises";
 *
 * const path = "examples/plugins/keepfit/epoch-report/0.1.0/callback.plugin.json";
 * const manifest: PluginManifest = JSON.parse(await readFile(path, "utf8"));
 * const key = await generateKeyPair();
 * const signed = await signManifest(manifest, key);
 * assert.deepEqual(await verifySignatures(signed, path), [key.keyId]);
 * ```
 */
export async function signManifest<Manifest extends Pick<PluginManifest, "signatures">>(
  manifest: Manifest,
  key: SigningKey,
): Promise<Manifest> {
  const signature = await key.sign(signedBytes(manifest, "the manifest to sign"));
  const others = (manifest.signatures ?? []).filter(({ keyId }) => keyId !== key.keyId);
  return {
    ...manifest,
    signatures: [...others, { keyId: key.keyId, ed25519: toBase64(signature) }],
  };
}

/**
 * Verify the signatures of a manifest. All must be valid: an invalid one shows a change, whatever
 * the others say.
 *
 * @param manifest manifest from `parseManifest`
 * @param url its URL, for messages
 * @returns the signers, `ed25519:` and the public key in base64; empty for an unsigned manifest
 * @throws PluginError `E_SIGNATURE` for an invalid signature or key, and for a key that anyone can
 *   sign with
 */
export async function verifySignatures(
  manifest: Pick<PluginManifest, "signatures">,
  url: string,
): Promise<string[]> {
  const { signatures = [] } = manifest;
  if (signatures.length === 0) return [];
  const bytes = signedBytes(manifest, url);
  return await Promise.all(signatures.map(async ({ keyId, ed25519 }) => {
    if (!await isValid(bytes, keyId, ed25519)) {
      throw new PluginError("E_SIGNATURE", `Cannot use plugin ${url}: a signature is invalid`, {
        url,
        expected: `a signature of ${keyId} over this manifest`,
        actual: "a signature of something else, or an invalid key",
        hint: "it was changed after it was signed: download it again, or ask its author",
      });
    }
    return keyId;
  }));
}

/**
 * Check that a plugin has a trusted signer.
 *
 * @param signers its signers
 * @param trusted keys of which one is enough; undefined to accept any plugin, even an unsigned one
 * @param url URL of the manifest, for messages
 * @throws PluginError `E_SIGNATURE` without a trusted signer
 * @throws TypeError for an invalid trusted key
 */
export function checkSigners(
  signers: readonly string[],
  trusted: readonly string[] | undefined,
  url: string,
): void {
  if (trusted === undefined) return;
  const wrong = trusted.find((one) => !isKeyId(one));
  if (wrong !== undefined) {
    throw new TypeError(
      `Cannot trust signer ${JSON.stringify(wrong)}: expected ed25519: and a public key in base64`,
    );
  }
  if (trusted.some((one) => signers.includes(one))) return;
  throw new PluginError(
    "E_SIGNATURE",
    `Cannot use plugin ${url}: it has no signature of a trusted signer`,
    {
      url,
      expected: trusted.length === 0 ? "no signer is trusted" : trusted.join(" or "),
      actual: signers.length === 0 ? "no signature" : signers.join(", "),
      hint: "ask its author for their key, over another channel",
    },
  );
}

async function isValid(bytes: Uint8Array, keyId: string, ed25519: string): Promise<boolean> {
  try {
    if (!isKeyId(keyId)) return false;
    const raw = fromBase64(keyId.slice(keyIdPrefix.length));
    const signature = fromBase64(ed25519);
    if (isSmallOrder(raw)) return false;
    const key = await crypto.subtle.importKey(
      "raw",
      raw as Uint8Array<ArrayBuffer>,
      "Ed25519",
      false,
      ["verify"],
    );
    return await crypto.subtle.verify(
      "Ed25519",
      key,
      signature as Uint8Array<ArrayBuffer>,
      bytes as Uint8Array<ArrayBuffer>,
    );
  } catch {
    // Some runtimes reject an invalid point on import, some on use.
    return false;
  }
}

/** With such a key, a signature valid for any message can be made without a private key. */
function isSmallOrder(raw: Uint8Array): boolean {
  const hex = Array.from(raw, (byte, i) =>
    // The last bit is the sign of x.
    (i === 31 ? byte & 0x7f : byte).toString(16).padStart(2, "0")).join("");
  return smallOrder.includes(hex);
}

/**
 * The y coordinates of the eight points whose order divides 8, and their spellings above the prime
 * of the field.
 */
const smallOrder: readonly string[] = [
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  `ec${"ff".repeat(30)}7f`,
  `ed${"ff".repeat(30)}7f`,
  `ee${"ff".repeat(30)}7f`,
];

function signedBytes(manifest: object, url: string): Uint8Array {
  const { signatures: _, ...signed } = manifest as Pick<PluginManifest, "signatures">;
  try {
    return new TextEncoder().encode(canonicalJson(signed));
  } catch (cause) {
    throw new PluginError(
      "E_MANIFEST",
      `Cannot read plugin manifest ${url}: it is not plain data`,
      {
        url,
        cause,
      },
    );
  }
}
