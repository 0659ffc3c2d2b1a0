import * as v from "valibot";
import { canonicalJson } from "../canonical_json.ts";
import { PluginError } from "../errors.ts";
import { fromBase64, toBase64 } from "./integrity.ts";
import { type Hash, leafHash, type TreeHead } from "./merkle.ts";
import { id, integrity, object, optional, required, text, version } from "./schema.ts";
import { hasProblems, parseJson, schemaProblems } from "./schema_problems.ts";
import { signManifest, verifySignatures } from "./signature.ts";
import type { SigningKey } from "./signing_key.ts";
import { keyId, signature } from "./values.ts";

/** Name of a registry's log, at its root: one entry a line. */
export const logName = "log.jsonl";

/** Name of the signed head of a registry's log, at its root. */
export const logHeadName = "log.head.json";

/** An event in a registry, as recorded in its log. */
export interface LogEntry {
  /** Type of the event. */
  type: "publish" | "unyank" | "yank";
  /** `owner/name`. */
  id: string;
  /** Version of the plugin. */
  version: string;
  /** Integrity of the manifest. */
  integrity: string;
  /** Keys that signed the manifest. */
  signers: string[];
  /** When it was logged, as an ISO timestamp. */
  time: string;
  /** Reason of a yank. */
  reason?: string;
}

/** The signed head of a log: how many entries it has, and the Merkle root over all of them. */
export interface LogHead {
  /** Version of this format. */
  schemaVersion: 1;
  /** Distinguishes a head from other data that the key signs. */
  type: "keepfit-log-head";
  /** Number of entries. */
  size: number;
  /** Merkle root over the entries, SHA-256 in base64. */
  root: string;
  /** When it was signed, as an ISO timestamp. */
  time: string;
  /** Signatures over the canonical JSON of the head without them, as of manifests. */
  signatures: { keyId: string; ed25519: string }[];
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0, "0 or more"));
const time = v.pipe(v.string(), v.isoTimestamp("a time such as 2026-01-31T12:00Z"));
const hash = v.pipe(v.string(), v.check(isHash, "32 bytes in base64"));

const entrySchema: v.GenericSchema<unknown, unknown> = object(
  {
    type: required(v.picklist(["publish", "unyank", "yank"]), "What happened."),
    id: required(id, "Id of the plugin."),
    version: required(version, "Version of the plugin."),
    integrity: required(integrity, "Of the manifest."),
    signers: required(v.array(keyId), "Keys that signed the manifest."),
    time: required(time, "When it was logged."),
    reason: optional(text, "Reason of a yank."),
  } satisfies Record<keyof LogEntry, unknown>,
);

const headSchema: v.GenericSchema<unknown, unknown> = object(
  {
    schemaVersion: required(v.literal(1), "Version of this format."),
    type: required(v.literal("keepfit-log-head"), "What is signed."),
    size: required(count, "Number of entries."),
    root: required(hash, "Merkle root over the entries."),
    time: required(time, "When it was signed."),
    signatures: required(
      v.pipe(
        v.array(object({
          keyId: required(keyId, "Key of the registry."),
          ed25519: required(signature, "Signature over the head without signatures."),
        })),
        v.minLength(1, "one signature or more"),
        v.maxLength(16, "16 or fewer"),
      ),
      "Signatures of the registry.",
    ),
  } satisfies Record<keyof LogHead, unknown>,
);

/** The line of an entry, whose UTF-8 bytes are hashed. */
export function entryLine(entry: LogEntry): string {
  const { reason, ...rest } = entry;
  return canonicalJson(reason === undefined ? rest : entry);
}

/** The hash of an entry's line. */
export function hashLine(line: string): Promise<Hash> {
  return leafHash(new TextEncoder().encode(line));
}

/**
 * Parse a line of a log.
 *
 * @throws PluginError `E_REGISTRY` for any other text
 */
export function parseEntry(line: string, url: string): LogEntry {
  const title = `an entry of the log ${url}`;
  const data = parseJson(line, "E_REGISTRY", title, url);
  const problems = schemaProblems(entrySchema, data, "an entry", { ownKeys: true });
  if (problems.length > 0) throw hasProblems("E_REGISTRY", title, url, problems);
  return data as LogEntry;
}

/** Sign the head of a log. */
export async function signHead({ size, root }: TreeHead, key: SigningKey): Promise<LogHead> {
  return await signManifest({
    schemaVersion: 1,
    type: "keepfit-log-head",
    size,
    root: toBase64(root),
    time: new Date().toISOString(),
    signatures: [],
  }, key);
}

/**
 * Parse the head of a log, and verify its signatures.
 *
 * @throws PluginError `E_REGISTRY` for any other text, `E_SIGNATURE` for an invalid signature
 */
export async function parseHead(text: string, url: string): Promise<LogHead> {
  const title = `the head of the log ${url}`;
  const data = parseJson(text, "E_REGISTRY", title, url);
  const problems = schemaProblems(headSchema, data, "a head", { ownKeys: true });
  if (problems.length > 0) throw hasProblems("E_REGISTRY", title, url, problems);
  const head = data as LogHead;
  await verifySignatures(head, url).catch((cause) => {
    throw new PluginError("E_SIGNATURE", `Cannot use ${title}: a signature is invalid`, {
      url,
      expected: `a signature of ${head.signatures.map((one) => one.keyId).join(", ")} over it`,
      actual: "a signature of something else, or an invalid key",
      cause,
    });
  });
  return head;
}

/** Size and root of a head, for proofs. */
export function treeHead({ size, root }: Pick<LogHead, "root" | "size">): TreeHead {
  return { size, root: fromBase64(root) };
}

/** Hashes of a proof, from their base64. */
export function parseProof(proof: readonly string[]): Hash[] {
  return proof.map(fromBase64);
}

/** True for the base64 of a hash. */
export function isHash(text: string): boolean {
  try {
    return fromBase64(text).length === 32;
  } catch {
    return false;
  }
}
