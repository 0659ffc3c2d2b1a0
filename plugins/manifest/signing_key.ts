import { toBase64 } from "./integrity.ts";
import { keyIdPrefix } from "./values.ts";

/** An Ed25519 key pair. Printing it shows the public half only. */
export class SigningKey {
  /** Key id: `ed25519:` and the public key in base64. */
  readonly keyId: string;
  #privateKey: CryptoKey;

  /**
   * Use {@linkcode generateKeyPair} or {@linkcode parseKey}.
   *
   * @param keyId key id of the public half
   * @param privateKey an extractable WebCrypto key
   */
  constructor(keyId: string, privateKey: CryptoKey) {
    this.keyId = keyId;
    this.#privateKey = privateKey;
  }

  /** Sign bytes. The signature has 64 bytes and is deterministic. */
  async sign(bytes: Uint8Array): Promise<Uint8Array> {
    const signature = await crypto.subtle.sign(
      "Ed25519",
      this.#privateKey,
      bytes as Uint8Array<ArrayBuffer>,
    );
    return new Uint8Array(signature);
  }

  /** Text of a key file: the private key as PKCS #8 in PEM, as used by OpenSSL. */
  async toPem(): Promise<string> {
    const bytes = new Uint8Array(await crypto.subtle.exportKey("pkcs8", this.#privateKey));
    return `${pemHead}\n${toBase64(bytes)}\n${pemFoot}\n`;
  }

  /** The `keyId`. */
  toString(): string {
    return this.keyId;
  }
}

const pemHead = "-----BEGIN PRIVATE KEY-----";
const pemFoot = "-----END PRIVATE KEY-----";

/**
 * Generate a key for signing plugins.
 *
 * @returns the key: keep `await key.toPem()` secret, publish `key.keyId`
 * @example
 * ```ts
 * import { generateKeyPair, parseKey } from "keepfit/plugins";
 * import assert from "node:assert/strict";
 *
 * const key = await generateKeyPair();
 * const again = await parseKey(await key.toPem());
 * assert.equal(again.keyId, key.keyId);
 * assert.match(key.keyId, /^ed25519:[A-Za-z0-9+/]{43}=$/);
 * ```
 */
export async function generateKeyPair(): Promise<SigningKey> {
  const { privateKey } = await crypto.subtle.generateKey("Ed25519", true, [
    "sign",
    "verify",
  ]) as CryptoKeyPair;
  return await toSigningKey(privateKey);
}

/**
 * Parse a key file: an Ed25519 private key as PKCS #8 in PEM. `openssl genpkey -algorithm ed25519`
 * generates one too.
 *
 * @param pem text of the file
 * @throws SyntaxError for any other text, which the message does not contain
 */
export async function parseKey(pem: string): Promise<SigningKey> {
  const [, base64] =
    /^\s*-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----\s*$/
      .exec(pem) ?? [];
  try {
    const bytes = Uint8Array.from(atob(base64.replace(/\s/g, "")), (char) => char.charCodeAt(0));
    return await toSigningKey(
      await crypto.subtle.importKey("pkcs8", bytes, "Ed25519", true, ["sign"]),
    );
  } catch {
    // No cause: it might quote the key.
    throw new SyntaxError(
      `Cannot read signing key: expected an Ed25519 private key that begins with ${pemHead}`,
    );
  }
}

async function toSigningKey(privateKey: CryptoKey): Promise<SigningKey> {
  const { x } = await crypto.subtle.exportKey("jwk", privateKey);
  const padded = `${(x as string).replaceAll("-", "+").replaceAll("_", "/")}=`;
  return new SigningKey(keyIdPrefix + padded, privateKey);
}
