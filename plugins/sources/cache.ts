import type { FileSystem, Path } from "../../runtime/types.ts";
import { joinPath, toFileUrl } from "../../runtime/mod.ts";
import { base64ToHex, hexHash, parseIntegrity, verifyIntegrity } from "../manifest/integrity.ts";

/** What a server said that may say otherwise the next time. */
export interface KeptAnswer {
  text: string;
  /** By which the server knows it again. */
  etag: string | undefined;
}

/** The folders that a cache consists of. */
export const cacheFolders: readonly string[] = ["answers", "mod", "src"];

/**
 * Files of plugins, kept by the hash of their content. There is no index that two processes could
 * disagree on: each entry is written whole or not at all, and its name says what must be in it.
 *
 * ```text
 * <directory>/src/sha384-<hex>             what a server sent, byte for byte
 * <directory>/mod/<graph>/<module>.mjs     what is imported, made from src
 * <directory>/answers/<hash of URL>.json   what a registry answered, with its ETag
 * ```
 *
 * A cache that cannot be read or written is an empty one: nothing here fails for its sake.
 */
export class PluginCache {
  #fs: FileSystem;
  #directory: URL | undefined;

  /**
   * @param fs where it lies
   * @param directory its folder, made when needed; undefined for no cache
   * @throws TypeError for a path that depends on the working directory: modules are imported by URL
   */
  constructor(fs: FileSystem, directory: Path | undefined) {
    this.#fs = fs;
    this.#directory = directory === undefined ? undefined : toFileUrl(directory);
  }

  /** The content that has this integrity; undefined where it is missing or was changed. */
  async read(integrity: string): Promise<Uint8Array | undefined> {
    for (const { algorithm, digest } of parseIntegrity(integrity)) {
      try {
        const bytes = await this.#fs.readFile(
          this.#path(`src/${algorithm}-${base64ToHex(digest)}`),
        );
        await verifyIntegrity(bytes, `${algorithm}-${digest}`, "the cache");
        return bytes;
      } catch {
        // Missing, unreadable or changed: all three mean that it must be fetched.
      }
    }
    return undefined;
  }

  /** Keep content under an integrity that it was found to have. */
  async write(integrity: string, bytes: Uint8Array): Promise<void> {
    // With several digests of one algorithm it is not known which one fits: not worth an entry.
    const [{ algorithm, digest }, another] = parseIntegrity(integrity);
    if (another !== undefined) return;
    try {
      await this.#fs.makeDir(this.#path("src"));
      await this.#fs.writeFile(this.#path(`src/${algorithm}-${base64ToHex(digest)}`), bytes);
    } catch {
      // Not kept, then.
    }
  }

  /** What a server answered the last time; undefined where that is not known. */
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

  /** Keep what a server answered, until it answers otherwise. */
  async writeAnswer(url: URL, answer: KeptAnswer): Promise<void> {
    try {
      await this.#fs.makeDir(this.#path("answers"));
      const path = this.#path(`answers/${await hexHash(url.href)}.json`);
      await this.#fs.writeFile(path, JSON.stringify(answer));
    } catch {
      // Not kept, then.
    }
  }

  /**
   * Put modules where they can be imported from.
   *
   * @param graph the folder's name, the same only for the same modules
   * @param modules texts by file name
   * @returns the folder, or undefined when that cannot be done here
   */
  async emit(graph: string, modules: ReadonlyMap<string, string>): Promise<URL | undefined> {
    try {
      const folder = this.#path(`mod/${graph}`);
      await this.#fs.makeDir(folder);
      for (const [name, text] of modules) {
        const path = joinPath(folder, name);
        // Compared and not trusted: somebody may have changed it since.
        const present = await this.#fs.readTextFile(path).catch(() => undefined);
        if (present === text) continue;
        await this.#fs.writeFile(path, text);
        // What may be written but not read cannot be imported.
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
