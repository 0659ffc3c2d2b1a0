import { PluginError } from "../../plugins/errors.ts";
import { manifestName } from "../../plugins/manifest/format.ts";
import { toBase64 } from "../../plugins/manifest/integrity.ts";
import {
  entryLine,
  hashLine,
  type LogEntry,
  type LogHead,
  logHeadName,
  logName,
  parseEntry,
  parseHead,
  signHead,
} from "../../plugins/manifest/log.ts";
import { MerkleTree } from "../../plugins/manifest/merkle.ts";
import { parseManifest } from "../../plugins/manifest/parse.ts";
import { verifySignatures } from "../../plugins/manifest/signature.ts";
import type { SigningKey } from "../../plugins/manifest/signing_key.ts";
import { queue } from "../stores/queue.ts";
import type { PluginStore, StoredLog } from "../stores/types.ts";

/** An entry, and the proof that it is in the log. */
export interface ProvenEntry {
  /** Line of the entry; its UTF-8 bytes are hashed. */
  entry: string;
  /** 0-based position in the log. */
  index: number;
  /** Hashes of the proof in base64. */
  proof: string[];
}

/** The entries of a log that its head covers. */
interface OpenLog {
  head: LogHead;
  headText: string;
  lines: readonly string[];
  tree: MerkleTree;
}

/**
 * The transparency log of a registry: a Merkle tree of publications and yanks, to which entries are
 * only appended. Its head is signed, so that anyone with two heads can prove that the registry has
 * changed or lost an entry.
 */
export class PluginLog {
  #store: PluginStore;
  #key: SigningKey | undefined;
  #tree = new MerkleTree();
  /** The lines in the tree. */
  #lines: string[] = [];
  /** Indices of the entries of each version, by `owner/name@version`. */
  #indices = new Map<string, number[]>();
  #read: StoredLog | undefined;
  #open: OpenLog | undefined;
  #started: Promise<void> | undefined;
  #inTurn = queue();

  /**
   * Create the log of a store.
   *
   * @param store where the log is kept
   * @param key key that signs heads. Default: none; the log is served as it is in the store
   */
  constructor(store: PluginStore, key?: SigningKey) {
    this.#store = store;
    this.#key = key;
  }

  /** Whether the log can be written. */
  get isWritten(): boolean {
    return this.#key !== undefined;
  }

  /**
   * Compare the log with its head, and log the versions of the registry that are missing from the
   * log because they are older than it or were copied by hand. Further calls do nothing.
   *
   * @throws PluginError `E_REGISTRY`, `E_SIGNATURE` for a log that cannot be continued
   */
  async start(): Promise<void> {
    if (this.#key === undefined) return;
    await (this.#started ??= this.#store.exclusive(() => this.#catchUp()).catch((error) => {
      this.#started = undefined;
      throw error;
    }));
  }

  /**
   * Log an event, unless it is already the last one of its version. Called inside `exclusive` of
   * the store, after `start`.
   */
  async record(entry: Omit<LogEntry, "signers" | "time">): Promise<void> {
    if (this.#key === undefined) return;
    await this.#write([entry]);
  }

  /** The text of the signed head; undefined if there is no log. */
  async head(): Promise<string | undefined> {
    return (await this.#current())?.headText;
  }

  /** All entries up to the head, one per line; undefined if there is no log. */
  async text(): Promise<string | undefined> {
    const log = await this.#current();
    return log && log.lines.map((line) => `${line}\n`).join("");
  }

  /**
   * The entries of a version, with proofs.
   *
   * @param size number of entries of the head that they are proven for
   * @returns undefined if there is no log of that size
   */
  async entriesOf(id: string, version: string, size: number): Promise<ProvenEntry[] | undefined> {
    const log = await this.#current();
    if (log === undefined || !isCount(size) || size > log.lines.length) return undefined;
    const found: ProvenEntry[] = [];
    for (const index of this.#indices.get(`${id}@${version}`) ?? []) {
      if (index >= size) break;
      const proof = (await log.tree.inclusionProof(index, size)).map(toBase64);
      found.push({ entry: log.lines[index], index, proof });
    }
    return found;
  }

  /**
   * The proof that the log with `first` entries is the beginning of the log with `second` entries.
   *
   * @returns hashes in base64; undefined if there is no log of these sizes
   */
  async consistency(first: number, second: number): Promise<string[] | undefined> {
    const log = await this.#current();
    if (log === undefined || !isCount(first) || !isCount(second)) return undefined;
    if (first > second || second > log.lines.length) return undefined;
    return (await log.tree.consistencyProof(first, second)).map(toBase64);
  }

  async #current(): Promise<OpenLog | undefined> {
    await this.start();
    return await this.#inTurn(() => this.#load());
  }

  /** The log as it is in the store. Another hub, or a copy, may have changed it. */
  async #load(): Promise<OpenLog | undefined> {
    const stored = await this.#store.log();
    if (stored === this.#read) return this.#open;
    this.#open = await this.#opened(stored);
    this.#read = stored;
    return this.#open;
  }

  async #opened({ lines, head: headText }: StoredLog): Promise<OpenLog | undefined> {
    if (headText === undefined) return undefined;
    const head = await parseHead(headText, logHeadName);
    if (head.size > lines.length) {
      throw damaged(`${head.size} entries, as its head says`, `${lines.length}`);
    }
    await this.#grow(lines);
    const root = toBase64(await this.#tree.root(head.size));
    if (root !== head.root) throw damaged(`the root ${head.root}, as its head says`, root);
    return { head, headText, lines: lines.slice(0, head.size), tree: this.#tree };
  }

  /** Add the new ones of these lines to the tree. */
  async #grow(lines: readonly string[]): Promise<void> {
    if (this.#lines.some((line, i) => line !== lines[i])) {
      this.#tree = new MerkleTree();
      this.#lines = [];
      this.#indices = new Map();
    }
    for (const line of lines.slice(this.#lines.length)) {
      const { id, version } = parseEntry(line, logName);
      await this.#tree.append(await hashLine(line));
      const key = `${id}@${version}`;
      this.#indices.set(key, [...this.#indices.get(key) ?? [], this.#lines.length]);
      this.#lines.push(line);
    }
  }

  /** Sign the entries that the head does not cover, and add the missing ones. */
  async #catchUp(): Promise<void> {
    const key = this.#key as SigningKey;
    const open = await this.#inTurn(() => this.#load());
    if (open !== undefined && !open.head.signatures.some(({ keyId }) => keyId === key.keyId)) {
      throw new PluginError("E_SIGNATURE", "Cannot continue the log: it has another key", {
        url: logHeadName,
        expected: open.head.signatures.map(({ keyId }) => keyId).join(" or "),
        actual: key.keyId,
        hint: `pass the file of its key with --log-key; if that is lost, remove ${logHeadName}: ` +
          "clients that know the old key then report that it has changed",
      });
    }
    const events: Omit<LogEntry, "signers" | "time">[] = [];
    for (const { id } of (await this.#store.index()).plugins) {
      const { versions = {}, yanked = [] } = await this.#store.meta(id) ?? {};
      for (const [version, { integrity, yankReason: reason }] of Object.entries(versions)) {
        events.push({ type: "publish", id, version, integrity });
        const isYanked = yanked.includes(version);
        events.push({
          type: isYanked ? "yank" : "unyank",
          id,
          version,
          integrity,
          ...(isYanked && reason !== undefined ? { reason } : {}),
        });
      }
    }
    await this.#write(events.reverse());
  }

  /** Add the missing ones of these events, and sign entries that a crash left without a head. */
  async #write(events: readonly Omit<LogEntry, "signers" | "time">[]): Promise<void> {
    const open = await this.#inTurn(() => this.#load());
    const missing = await this.#missing(events);
    const { lines } = await this.#store.log();
    if (open === undefined || missing.length > 0 || lines.length > open.head.size) {
      await this.#append(missing);
    }
  }

  /** The lines of the events that change the logged state of their version. */
  async #missing(events: readonly Omit<LogEntry, "signers" | "time">[]): Promise<string[]> {
    /** Logged integrity and yank state of each version. */
    const known = new Map<string, { integrity?: string; isYanked: boolean }>();
    const { lines: all } = await this.#store.log();
    await this.#inTurn(() => this.#grow(all));
    for (const { id, version } of events) {
      const standing: { integrity?: string; isYanked: boolean } = { isYanked: false };
      for (const index of this.#indices.get(`${id}@${version}`) ?? []) {
        const { type, integrity } = parseEntry(all[index], logName);
        if (type === "publish") standing.integrity = integrity;
        else standing.isYanked = type === "yank";
      }
      known.set(`${id}@${version}`, standing);
    }
    const lines: string[] = [];
    const order = { publish: 0, unyank: 1, yank: 1 };
    for (const event of [...events].sort((a, b) => order[a.type] - order[b.type])) {
      const { type, id, version, integrity } = event;
      const { integrity: logged, isYanked = false } = known.get(`${id}@${version}`) ?? {};
      const isKnown = type === "publish" ? logged === integrity : isYanked === (type === "yank");
      if (isKnown) continue;
      const signers = await this.#signersOf(id, version);
      lines.push(entryLine({ ...event, signers, time: new Date().toISOString() }));
    }
    return lines;
  }

  async #signersOf(id: string, version: string): Promise<string[]> {
    const bytes = await this.#store.file(id, version, manifestName);
    const manifest = parseManifest(new TextDecoder().decode(bytes), `${id} ${version}`);
    return (await verifySignatures(manifest, `${id} ${version}`).catch(() => [])).sort();
  }

  async #append(added: readonly string[]): Promise<void> {
    await this.#inTurn(async () => {
      const { lines } = await this.#store.log();
      const all = [...lines, ...added];
      await this.#grow(all);
      const head = await signHead(
        { size: all.length, root: await this.#tree.root() },
        this.#key as SigningKey,
      );
      await this.#store.appendToLog(added, `${JSON.stringify(head, null, 2)}\n`);
    });
  }
}

function damaged(expected: string, actual: string): PluginError {
  return new PluginError("E_REGISTRY", `Cannot use the log ${logName}: it has changed`, {
    url: logName,
    expected,
    actual,
    hint: `restore ${logName} and ${logHeadName} from a backup of the same time`,
  });
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
