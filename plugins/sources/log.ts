import * as v from "valibot";
import { PluginError } from "../errors.ts";
import {
  hashLine,
  isHash,
  type LogHead,
  logHeadName,
  logName,
  parseEntry,
  parseHead,
  parseProof,
  treeHead,
} from "../manifest/log.ts";
import { type Hash, MerkleTree, verifyConsistency, verifyInclusion } from "../manifest/merkle.ts";
import { parseJson } from "../manifest/schema_problems.ts";
import { isMissing } from "./answers.ts";
import type { PluginCache } from "./cache.ts";
import type { Fetcher } from "./fetcher.ts";

/** The state of a log when it was last seen. */
export interface SeenLog {
  /** Key that signs its heads. */
  keyId: string;
  /** Number of its entries. */
  size: number;
  /** Merkle root over its entries, in base64. */
  root: string;
}

/** A version in the log of its registry. */
export interface LogStanding {
  /** Key that signs the log; undefined if the registry has no log. */
  keyId: string | undefined;
  /** Number of entries of the log. */
  size: number;
  /** Index of the version's entry in the log, from 0; undefined if it has none. */
  index: number | undefined;
}

/** A version to find in the log. */
interface CheckedVersion {
  id: string;
  version: string;
  integrity: string;
}

/** An entry that the registry claims is in the log. */
interface ClaimedEntry {
  line: string;
  index: number;
  proof: Hash[];
}

interface OpenLog {
  /** Undefined if the registry has no log, or one that is not trusted. */
  head: LogHead | undefined;
  /** State to remember; undefined if there is a problem. */
  seen: SeenLog | undefined;
  problems: string[];
}

const maxHeadBytes = 64 * 1024;
const maxAnswerBytes = 4 * 1024 * 1024;
const maxLogBytes = 64 * 1024 * 1024;

const text = v.string();
const proof = v.pipe(v.array(v.pipe(text, v.check(isHash))), v.maxLength(128));
const entriesSchema = v.object({
  entries: v.array(v.object({ entry: text, index: v.number(), proof })),
});
const consistencySchema = v.object({ proof });

/**
 * The transparency log of a registry, as a client reads it: proofs from a hub, or the whole log
 * from a static host.
 */
export class RegistryLog {
  #registry: URL;
  #known: SeenLog | undefined;
  #fetcher: Fetcher;
  #cache: PluginCache;
  #opening: Promise<OpenLog> | undefined;
  #lines: Promise<{ lines: string[]; tree: MerkleTree }> | undefined;

  /** @param known the log in the lock file; undefined if it has none */
  constructor(registry: URL, known: SeenLog | undefined, fetcher: Fetcher, cache: PluginCache) {
    this.#registry = registry;
    this.#known = known;
    this.#fetcher = fetcher;
    this.#cache = cache;
  }

  /**
   * Check that a version is in the log, and that the log has only grown since it was last seen.
   *
   * @returns its position, and contradictions
   * @throws PluginError if the registry does not answer, or not in the format of a log
   */
  async check(checked: CheckedVersion): Promise<LogStanding & { problems: string[] }> {
    const { head, problems: found } = await this.#open();
    const problems = [...found];
    const standing = { keyId: head && keyOf(head, this.#known), size: head?.size ?? 0 };
    if (head === undefined || found.length > 0) return { ...standing, index: undefined, problems };
    let index: number | undefined;
    const contents = new Set<string>();
    for (const { line, index: at, proof } of await this.#entriesOf(checked, head)) {
      const { size, root } = treeHead(head);
      if (!await verifyInclusion(await hashLine(line), at, size, root, proof)) {
        problems.push(`entry ${at} does not match the head of the log`);
        continue;
      }
      const { type, id, version, integrity } = parseEntry(line, this.#url(logName).href);
      if (type !== "publish" || id !== checked.id || version !== checked.version) continue;
      contents.add(integrity);
      if (integrity === checked.integrity) index = at;
    }
    if (index === undefined && problems.length === 0) {
      const instead = contents.size === 0 ? "" : `, but ${[...contents].join(" and ")}`;
      problems.push(`the log does not have ${checked.integrity}${instead}`);
    } else if (contents.size > 1) {
      problems.push(
        `the log has two different contents of one version: ${[...contents].join(" and ")}`,
      );
    }
    return { ...standing, index, problems };
  }

  /** State of the log to remember; undefined if there is none, or it has a problem. */
  async seen(): Promise<SeenLog | undefined> {
    return (await this.#open()).seen;
  }

  #open(): Promise<OpenLog> {
    return this.#opening ??= this.#read();
  }

  async #read(): Promise<OpenLog> {
    const url = this.#url(logHeadName);
    const kept = await this.#kept();
    const known = [this.#known, kept].filter((one) => one !== undefined);
    const wrong = (problem: string, head?: LogHead): OpenLog => {
      return { head, seen: undefined, problems: [problem] };
    };
    let head: LogHead;
    try {
      const bytes = await this.#fetcher.read(url, maxHeadBytes);
      head = await parseHead(new TextDecoder().decode(bytes), url.href);
    } catch (error) {
      if (error instanceof PluginError && error.code === "E_SIGNATURE") return wrong(error.message);
      if (!isMissing(error, url)) throw error;
      if (known.length === 0) return { head: undefined, seen: undefined, problems: [] };
      return wrong(`the registry kept a log, signed by ${known[0].keyId}, but has none now`);
    }
    for (const before of known) {
      const problem = await this.#problemSince(before, head);
      if (problem !== undefined) return wrong(problem, head);
    }
    const { size, root } = head;
    const seen = { keyId: keyOf(head, known[0]), size, root };
    await this.#cache.writeAnswer(url, { etag: undefined, text: JSON.stringify(seen) });
    return { head, seen, problems: [] };
  }

  /** Why this head contradicts the log that was seen before. */
  async #problemSince(before: SeenLog, head: LogHead): Promise<string | undefined> {
    const keys = head.signatures.map(({ keyId }) => keyId);
    if (!keys.includes(before.keyId)) {
      return `the log is signed by ${keys.join(", ")}, and was signed by ${before.keyId}`;
    }
    if (before.size > head.size) {
      return `the log has ${head.size} entries, and had ${before.size}: entries are missing`;
    }
    let proof: Hash[] = [];
    if (before.size > 0 && before.size < head.size) {
      const path = `api/v1/log/consistency?first=${before.size}&second=${head.size}`;
      const answer = await this.#ask(path, consistencySchema);
      if (answer !== undefined) proof = parseProof(answer.proof);
      else {
        const { tree, lines } = await this.#all();
        if (lines.length < head.size) return tooShort(lines, head);
        proof = await tree.consistencyProof(before.size, head.size);
      }
    }
    if (await verifyConsistency(treeHead(before), treeHead(head), proof)) return undefined;
    return `the log of ${head.size} entries does not continue the one of ${before.size} that was ` +
      "seen before: an entry was changed, removed or hidden from some clients";
  }

  async #entriesOf({ id, version }: CheckedVersion, head: LogHead): Promise<ClaimedEntry[]> {
    const path = `api/v1/log/entries/${id}/${encodeURIComponent(version)}?size=${head.size}`;
    const answer = await this.#ask(path, entriesSchema);
    if (answer !== undefined) {
      return answer.entries.map(({ entry, index, proof }) => {
        return { line: entry, index, proof: parseProof(proof) };
      });
    }
    const { lines, tree } = await this.#all();
    const size = Math.min(head.size, lines.length);
    const found: ClaimedEntry[] = [];
    for (const [index, line] of lines.slice(0, size).entries()) {
      const entry = parseJson(line, "E_REGISTRY", "the log", this.#url(logName).href);
      const { id: itsId, version: itsVersion } = entry as Partial<CheckedVersion>;
      if (itsId !== id || itsVersion !== version) continue;
      found.push({ line, index, proof: await tree.inclusionProof(index, size) });
    }
    return found;
  }

  /** @returns undefined if the registry has no such route, as on a static host */
  async #ask<Data>(
    path: string,
    schema: v.GenericSchema<unknown, Data>,
  ): Promise<Data | undefined> {
    const url = this.#url(path);
    if (url.protocol === "file:") return undefined;
    let bytes: Uint8Array;
    try {
      bytes = await this.#fetcher.read(url, maxAnswerBytes);
    } catch (error) {
      if (isMissing(error, url)) return undefined;
      throw error;
    }
    const title = `the proofs ${url}`;
    const data = parseJson(new TextDecoder().decode(bytes), "E_REGISTRY", title, url.href);
    const result = v.safeParse(schema, data);
    if (result.success) return result.output;
    throw new PluginError("E_REGISTRY", `Cannot read ${title}: they have an invalid format`, {
      url: url.href,
      expected: "hashes in base64",
      actual: `${v.getDotPath(result.issues[0]) ?? "all"}: ${result.issues[0].received}`,
    });
  }

  /** The whole log, from a static host. */
  #all(): Promise<{ lines: string[]; tree: MerkleTree }> {
    return this.#lines ??= (async () => {
      const bytes = await this.#fetcher.read(this.#url(logName), maxLogBytes);
      const lines = new TextDecoder().decode(bytes).split("\n").slice(0, -1);
      const tree = new MerkleTree();
      for (const line of lines) await tree.append(await hashLine(line));
      return { lines, tree };
    })();
  }

  /** The log when a command last verified it. */
  async #kept(): Promise<SeenLog | undefined> {
    try {
      const kept = await this.#cache.readAnswer(this.#url(logHeadName));
      const { keyId, size, root } = JSON.parse(kept?.text as string) as SeenLog;
      return Number.isSafeInteger(size) && isHash(root) ? { keyId, size, root } : undefined;
    } catch {
      return undefined;
    }
  }

  #url(path: string): URL {
    return new URL(path, this.#registry);
  }
}

/** The known key, if it signed too. */
function keyOf({ signatures }: LogHead, known: SeenLog | undefined): string {
  const keys = signatures.map(({ keyId }) => keyId);
  return known !== undefined && keys.includes(known.keyId) ? known.keyId : keys[0];
}

function tooShort(lines: readonly string[], head: LogHead): string {
  return `the log has ${lines.length} entries, but its head counts ${head.size}: entries are ` +
    `missing`;
}
