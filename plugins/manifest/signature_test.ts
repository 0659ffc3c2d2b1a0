import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { canonicalJson } from "../canonical_json.ts";
import { PluginError } from "../errors.ts";
import { toBase64 } from "./integrity.ts";
import { parseManifest } from "./parse.ts";
import type { PluginManifest } from "./format.ts";
import { checkSigners, signManifest, verifySignatures } from "./signature.ts";
import { generateKeyPair, parseKey } from "./signing_key.ts";

const url = "https://example.com/callback.plugin.json";
const example = new URL(
  "../../examples/plugins/keepfit/epoch-report/0.1.0/callback.plugin.json",
  import.meta.url,
);
const readExample = async () => parseManifest(await readFile(example, "utf8"), url);

async function refused(manifest: PluginManifest, named: string): Promise<void> {
  await assert.rejects(verifySignatures(manifest, url), (error) => {
    assert(error instanceof PluginError);
    assert.equal(error.code, "E_SIGNATURE");
    assert.ok(error.message.includes(named), error.message);
    return true;
  });
}

describe("A manifest's signature", () => {
  it("A manifest's signature is valid for the signed manifest, however it is formatted", async () => {
    const key = await generateKeyPair();
    const signed = await signManifest(await readExample(), key);
    assert.deepEqual(await verifySignatures(signed, url), [key.keyId]);
    const again = parseManifest(reordered(JSON.stringify(signed)), url);
    assert.notEqual(JSON.stringify(again), JSON.stringify(signed));
    assert.deepEqual(await verifySignatures(again, url), [key.keyId]);
  });

  it("A manifest's signature is the one that node:crypto creates and accepts", async () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const key = await parseKey(privateKey.export({ format: "pem", type: "pkcs8" }) as string);
    const manifest = await readExample();
    const { signatures } = await signManifest(manifest, key);
    const expected = sign(null, new TextEncoder().encode(canonicalJson(manifest)), privateKey);
    assert.deepEqual(signatures, [{ keyId: key.keyId, ed25519: expected.toString("base64") }]);
    const { x } = createPublicKey(createPrivateKey(await key.toPem())).export({ format: "jwk" });
    assert.equal(key.keyId, `ed25519:${Buffer.from(x as string, "base64url").toString("base64")}`);
  });

  it("A manifest's signature is invalid after any change", async () => {
    const key = await generateKeyPair();
    const signed = await signManifest(await readExample(), key);
    await refused({ ...signed, version: "0.1.1" }, key.keyId);
    await refused({ ...signed, "x-more": 1 }, key.keyId);
    const files = structuredClone(signed.files);
    files["index.js"].size++;
    await refused({ ...signed, files }, key.keyId);
    const [{ keyId, ed25519 }] = signed.signatures ?? [];
    const turned = ed25519.replace(/^./, (first) => first === "A" ? "B" : "A");
    await refused({ ...signed, signatures: [{ keyId, ed25519: turned }] }, keyId);
    const other = await generateKeyPair();
    await refused({ ...signed, signatures: [{ keyId: other.keyId, ed25519 }] }, other.keyId);
  });

  it("A manifest's signature must be valid among others, and each is reported", async () => {
    const [a, b] = [await generateKeyPair(), await generateKeyPair()];
    const twice = await signManifest(await signManifest(await readExample(), a), b);
    assert.deepEqual(await verifySignatures(twice, url), [a.keyId, b.keyId]);
    const [first, second] = twice.signatures ?? [];
    const wrong = { ...second, ed25519: first.ed25519 };
    await refused({ ...twice, signatures: [first, wrong] }, b.keyId);
  });

  it("A manifest's signature replaces an earlier one of the same key", async () => {
    const [a, b] = [await generateKeyPair(), await generateKeyPair()];
    const twice = await signManifest(await signManifest(await readExample(), a), b);
    const changed = await signManifest({ ...twice, title: "Another" }, a);
    assert.deepEqual(changed.signatures?.map(({ keyId }) => keyId), [b.keyId, a.keyId]);
    await refused(changed, b.keyId);
    assert.equal(twice.title, "Epoch report");
  });

  it("A manifest without signatures has no signers", async () => {
    assert.deepEqual(await verifySignatures(await readExample(), url), []);
  });

  it("A manifest's signature is rejected for an invalid key", async () => {
    const [{ ed25519 }] =
      (await signManifest(await readExample(), await generateKeyPair())).signatures ?? [];
    const manifest = await readExample();
    for (
      const keyId of [
        "",
        "ed25519:",
        "ed25519:AAAA",
        `rsa:${toBase64(new Uint8Array(32))}`,
        `ed25519:${toBase64(new Uint8Array(33))}`,
        // No point of the curve has this y.
        `ed25519:${toBase64(new Uint8Array(32).fill(2))}`,
      ]
    ) {
      await refused({ ...manifest, signatures: [{ keyId, ed25519 }] }, keyId);
    }
  });

  it("A manifest's signature is rejected for each key with which anyone can sign", async () => {
    const keys = smallOrderKeys();
    assert.equal(keys.length, 14);
    const manifest = await readExample();
    for (const raw of keys) {
      const keyId = `ed25519:${toBase64(raw)}`;
      // R the neutral element, S zero: holds wherever the key vanishes.
      const forged = new Uint8Array(64);
      forged[0] = 1;
      await refused({ ...manifest, signatures: [{ keyId, ed25519: toBase64(forged) }] }, keyId);
    }
  });
});

describe("Trusted signers", () => {
  it("Trusted signers include one of the actual signers", async () => {
    const [a, b] = [(await generateKeyPair()).keyId, (await generateKeyPair()).keyId];
    checkSigners([], undefined, url);
    checkSigners([a, b], [b], url);
    for (const [signers, trusted] of [[[a], [b]], [[], [a]], [[a], []]]) {
      assert.throws(() => checkSigners(signers, trusted, url), (error) => {
        assert(error instanceof PluginError);
        assert.equal(error.code, "E_SIGNATURE");
        assert.equal(error.actual, signers[0] ?? "no signature");
        return true;
      });
    }
    assert.throws(() => checkSigners([a], ["ada"], url), /Cannot trust signer "ada": expected/);
  });
});

describe("A signing key", () => {
  it("A signing key is the same after it was written and read", async () => {
    const key = await generateKeyPair();
    const pem = await key.toPem();
    assert.match(pem, /^-----BEGIN PRIVATE KEY-----\n[^\n]{64}\n-----END PRIVATE KEY-----\n$/);
    const again = await parseKey(`\n${pem.replaceAll("\n", "\r\n")}`);
    assert.equal(again.keyId, key.keyId);
    const bytes = new Uint8Array([1, 2, 3]);
    assert.deepEqual(await again.sign(bytes), await key.sign(bytes));
  });

  it("A signing key shows only its public half, however it is printed", async () => {
    const key = await generateKeyPair();
    const secret = (await key.toPem()).split("\n")[1].slice(-43);
    for (
      const text of [inspect(key, { depth: 9, showHidden: true }), JSON.stringify(key), `${key}`]
    ) {
      assert.ok(text.includes(key.keyId), text);
      assert.ok(!text.includes(secret), text);
    }
  });

  it("A signing key that is invalid is rejected without being quoted", async () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey
      .export({ format: "pem", type: "pkcs8" }) as string;
    const pem = (inside: string) =>
      `-----BEGIN PRIVATE KEY-----\n${inside}\n-----END PRIVATE KEY-----\n`;
    for (
      const text of ["", "s3cr3t", rsa, pem("s3cr3t+"), pem("s3cr3t++"), `x${pem("s3cr3t++")}`]
    ) {
      await assert.rejects(parseKey(text), (error) => {
        assert(error instanceof SyntaxError);
        assert.match(error.message, /^Cannot read signing key: expected an Ed25519 private key/);
        assert.doesNotMatch(error.message, /s3cr3t/);
        assert.equal(error.cause, undefined);
        return true;
      });
    }
  });
});

function reordered(text: string): string {
  const turn = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map(turn);
    return Object.fromEntries(Object.entries(value).reverse().map(([k, v]) => [k, turn(v)]));
  };
  return JSON.stringify(turn(JSON.parse(text)), null, 3);
}

/**
 * Every 32 bytes that decode to a point P of the curve with 8 P = 0, computed and not listed: y
 * below 2^255, both signs.
 */
function smallOrderKeys(): Uint8Array[] {
  const p = 2n ** 255n - 19n;
  const mod = (n: bigint) => (n % p + p) % p;
  const power = (base: bigint, exponent: bigint): bigint => {
    let result = 1n;
    for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = mod(b * b)) {
      if (e & 1n) result = mod(result * b);
    }
    return result;
  };
  const inverse = (n: bigint) => power(n, p - 2n);
  const d = mod(-121665n * inverse(121666n));
  const root = (n: bigint): bigint | undefined => {
    const first = power(n, (p + 3n) / 8n);
    return [first, mod(first * power(2n, (p - 1n) / 4n))].find((one) => mod(one * one) === mod(n));
  };
  // Doubling P to order 4 gives y = 0, so -x^2 + y^2 = 1 + d x^2 y^2 with y^2 = -x^2:
  // d y^4 + 2 y^2 - 1 = 0.
  const half = root(mod(1n + d)) ?? assert.fail();
  const squares = [half, -half].map((one) => mod((one - 1n) * inverse(d)));
  const eighth = squares.map(root).filter((one) => one !== undefined).flatMap((y) => [y, mod(-y)]);
  const ys = [0n, 1n, p - 1n, ...eighth];
  const spellings = ys.flatMap((y) => [y, y + p]).filter((y) => y < 2n ** 255n);
  return spellings.flatMap((y) => [0n, 1n << 255n].map((sign) => toBytes(y | sign)));
}

function toBytes(number: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number(number >> BigInt(8 * i) & 0xffn));
}
