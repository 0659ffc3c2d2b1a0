import { FileSystemError, joinPath } from "../../runtime/mod.ts";
import type { FileSystem } from "../../runtime/types.ts";
import { PluginError } from "../errors.ts";
import { hexHash, verifyIntegrity } from "../manifest/integrity.ts";
import { isRelativePath } from "../manifest/schema.ts";

/** The copy of a plugin in a project's vendor folder. */
export class VendoredPlugin {
  #fs: FileSystem;
  /** `<vendor>/<owner>/<name>/<version>`. */
  readonly folder: URL;

  /**
   * @param fs file system of the folder
   * @param vendor the vendor folder
   * @param plugin id and version of the plugin
   */
  constructor(fs: FileSystem, vendor: URL, plugin: { id: string; version: string }) {
    this.#fs = fs;
    this.folder = joinPath(vendor, `${plugin.id}/${plugin.version}`);
  }

  /**
   * The path of a copy: the path in the manifest, or for another server's file the hash of its URL.
   */
  async pathOf(path: string): Promise<URL> {
    return joinPath(this.folder, isRelativePath(path) ? path : `https/${await hexHash(path)}`);
  }

  /**
   * A file of the plugin.
   *
   * @param path as in its manifest
   * @returns undefined if it is missing
   * @throws PluginError `E_INTEGRITY` when it has changed
   */
  async read(path: string, integrity: string): Promise<Uint8Array | undefined> {
    const copy = await this.pathOf(path);
    try {
      const bytes = await this.#fs.readFile(copy);
      await verifyIntegrity(bytes, integrity, copy.href);
      return bytes;
    } catch (error) {
      if (error instanceof FileSystemError && error.code === "NotFound") return undefined;
      if (!(error instanceof PluginError)) throw error;
      throw new PluginError("E_INTEGRITY", `Cannot use ${copy}: it has changed`, {
        url: copy.href,
        expected: error.expected,
        actual: error.actual,
        hint: "revert the change, or run keepfit vendor again",
      });
    }
  }
}
