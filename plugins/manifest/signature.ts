import { canonicalJson } from "../canonical_json.ts";
import { PluginError } from "../errors.ts";
import { fromBase64, toBase64 } from "./integrity.ts";
import type { PluginManifest } from "./format.ts";
import { isKeyId, keyIdPrefix } from "./values.ts";
import type { SigningKey } from "./signing_key.ts";

/**
 * Sign a manifest, and by its integrity values all files that it lists.
 *
 * What is signed is the canonical JSON (RFC 8785) of the manifest without `signatures`. Several keys
 * may sign, for example an old one and the one that comes after it.
 *
 * @param manifest a whole manifest; not changed
 * @param key who signs
 * @returns the manifest with the signature behind others, in place of an earlier one of this key
 * @throws PluginError `E_MANIFEST` when it is no plain data
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
 * Tell who signed a manifest. Every signature must hold: one that does not is a sign of a change,
 * whatever the others say.
 *
 * @param manifest as `parseManifest` gave it
 * @param url where it comes from, for messages
 * @returns the keys, `ed25519:` and the public key in base64; empty for a manifest that nobody signed
 * @throws PluginError `E_SIGNATURE` for a signature that does not hold, for what is no key, and for
 *   a key that anybody can sign with
 */
export async function verifySignatures(
  manifest: Pick<PluginManifest, "signatures">,
  url: string,
): Promise<string[]> {
  const { signatures = [] } = manifest;
  if (signatures.length === 0) return [];
  const bytes = signedBytes(manifest, url);
  return await Promise.all(signatures.map(async ({ keyId, ed25519 }) => {
    if (!await holds(bytes, keyId, ed25519)) {
      throw new PluginError("E_SIGNATURE", `Cannot use plugin ${url}: a signature does not hold`, {
        url,
        expected: `a signature of ${keyId} over this manifest`,
        actual: "one of something else, or a key that is none",
        hint: "it was changed after it was signed: get it anew, or ask its author",
      });
    }
    return keyId;
  }));
}

/**
 * Make sure that a plugin is signed by somebody who is trusted.
 *
 * @param signers who signed it
 * @param trusted the keys of which one is enough; undefined for anybody or nobody
 * @param url of the manifest, for messages
 * @throws PluginError `E_SIGNATURE` when none of them signed
 * @throws TypeError for a trusted key that is none
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
      `Cannot trust signer ${JSON.stringify(wrong)}: wanted ed25519: and a public key in base64`,
    );
  }
  if (trusted.some((one) => signers.includes(one))) return;
  throw new PluginError("E_SIGNATURE", `Cannot use plugin ${url}: nobody you trust signed it`, {
    url,
    expected: trusted.length === 0 ? "no signer at all is trusted" : trusted.join(" or "),
    actual: signers.length === 0 ? "no signature" : signers.join(", "),
    hint: "ask its author which key is theirs, over another way than this one",
  });
}

async function holds(bytes: Uint8Array, keyId: string, ed25519: string): Promise<boolean> {
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
    // Some runtimes refuse a point that is none when it is imported, some when it is used.
    return false;
  }
}

/** With such a key a signature can be made that holds for anything, without a private key. */
function isSmallOrder(raw: Uint8Array): boolean {
  const hex = Array.from(raw, (byte, i) =>
    // The last bit is the sign of x.
    (i === 31 ? byte & 0x7f : byte).toString(16).padStart(2, "0")).join("");
  return smallOrder.includes(hex);
}

/** The y of the eight points whose order divides 8, and the spellings above the field's prime. */
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
    throw new PluginError("E_MANIFEST", `Cannot read plugin manifest ${url}: it is no plain data`, {
      url,
      cause,
    });
  }
}
