import type { FileSystem, Path } from "../../runtime/types.ts";
import { joinPath, toFileUrl } from "../../runtime/mod.ts";
import { base64ToHex, hexHash, parseIntegrity, verifyIntegrity } from "../manifest/integrity.ts";

/** A server's answer that may change. */
export interface KeptAnswer {
  text: string;
  /** ETag of the answer. */
  etag: string | undefined;
}

/** The folders of a cache. */
export const cacheFolders: readonly string[] = ["answers", "mod", "src"];

/**
 * Files of plugins by the hash of their content. There is no index that two processes could disagree
 * about: each entry is written completely or not at all, and its name says what must be in it.
 *
 * ```text
 * <directory>/src/sha384-<hex>             what a server sent, byte for byte
 * <directory>/mod/<graph>/<module>.mjs     what is imported, made from src
 * <directory>/answers/<hash of URL>.json   what a registry answered, with its ETag
 * ```
 *
 * A cache that cannot be read or written counts as empty; it never makes a load fail.
 */
export class PluginCache {
  #fs: FileSystem;
  #directory: URL | undefined;

  /**
   * @param fs file system of the cache
   * @param directory its folder, created when needed; undefined for no cache
   * @throws TypeError for a relative path: modules are imported by URL
   */
  constructor(fs: FileSystem, directory: Path | undefined) {
    this.#fs = fs;
    this.#directory = directory === undefined ? undefined : toFileUrl(directory);
  }

  /** The content with this integrity; undefined if it is missing or was changed. */
  async read(integrity: string): Promise<Uint8Array | undefined> {
    for (const { algorithm, digest } of parseIntegrity(integrity)) {
      try {
        const bytes = await this.#fs.readFile(
          this.#path(`src/${algorithm}-${base64ToHex(digest)}`),
        );
        await verifyIntegrity(bytes, `${algorithm}-${digest}`, "the cache");
        return bytes;
      } catch {
        // Missing, unreadable or changed: it must be fetched.
      }
    }
    return undefined;
  }

  /** Store content under its verified integrity. */
  async write(integrity: string, bytes: Uint8Array): Promise<void> {
    // With several digests of one algorithm, it is unknown which one matches.
    const [{ algorithm, digest }, another] = parseIntegrity(integrity);
    if (another !== undefined) return;
    try {
      await this.#fs.makeDir(this.#path("src"));
      await this.#fs.writeFile(this.#path(`src/${algorithm}-${base64ToHex(digest)}`), bytes);
    } catch {
      // The cache cannot be written.
    }
  }

  /** A server's last answer; undefined if there is none. */
  async readAnswer(url: URL): Promise<KeptAnswer | undefined> {
    try {
      const { text, etag } = JSON.parse(
        await this.#fs.readTextFile(this.#path(`answers/${await hexHash(url.href)}.json`)),
      );
      if (typeof text !== "string") return undefined;
      return { text, etag: typeof etag === "string" ? etag : undefined };
    } catch {
      return undefined;
    }
  }

  /** Store a server's answer in place of the last one. */
  async writeAnswer(url: URL, answer: KeptAnswer): Promise<void> {
    try {
      await this.#fs.makeDir(this.#path("answers"));
      const path = this.#path(`answers/${await hexHash(url.href)}.json`);
      await this.#fs.writeFile(path, JSON.stringify(answer));
    } catch {
      // The cache cannot be written.
    }
  }

  /**
   * Write modules to a folder from which they can be imported.
   *
   * @param graph name of the folder, unique to these modules
   * @param modules texts by file name
   * @returns the folder, or undefined if it cannot be written
   */
  async emit(graph: string, modules: ReadonlyMap<string, string>): Promise<URL | undefined> {
    try {
      const folder = this.#path(`mod/${graph}`);
      await this.#fs.makeDir(folder);
      for (const [name, text] of modules) {
        const path = joinPath(folder, name);
        // The file may have been changed since it was written.
        const present = await this.#fs.readTextFile(path).catch(() => undefined);
        if (present === text) continue;
        await this.#fs.writeFile(path, text);
        // A file that can be written but not read cannot be imported.
        await this.#fs.stat(path);
      }
      return folder;
    } catch {
      return undefined;
    }
  }

  #path(name: string): URL {
    if (this.#directory === undefined) throw new TypeError("there is no cache");
    return joinPath(this.#directory, name);
  }
}
