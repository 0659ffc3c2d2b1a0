import { FileSystemError, joinPath } from "../../runtime/mod.ts";
import type { FileSystem } from "../../runtime/types.ts";
import { PluginError } from "../errors.ts";
import { hexHash, verifyIntegrity } from "../manifest/integrity.ts";
import { isRelativePath } from "../manifest/schema.ts";

/** A plugin's folder among those that are kept with a project. */
export class VendoredPlugin {
  #fs: FileSystem;
  /** `<vendor>/<owner>/<name>/<version>`. */
  readonly folder: URL;

  /**
   * @param fs where it lies
   * @param vendor the folder of all of them
   * @param plugin which one
   */
  constructor(fs: FileSystem, vendor: URL, plugin: { id: string; version: string }) {
    this.#fs = fs;
    this.folder = joinPath(vendor, `${plugin.id}/${plugin.version}`);
  }

  /** Where a file of the plugin stands: as in its manifest; one of another server by a hash of its URL. */
  async place(path: string): Promise<URL> {
    return joinPath(this.folder, isRelativePath(path) ? path : `https/${await hexHash(path)}`);
  }

  /**
   * A file of the plugin.
   *
   * @param path as in its manifest
   * @returns undefined where it is missing
   * @throws PluginError `E_INTEGRITY` when it was changed
   */
  async read(path: string, integrity: string): Promise<Uint8Array | undefined> {
    const place = await this.place(path);
    try {
      const bytes = await this.#fs.readFile(place);
      await verifyIntegrity(bytes, integrity, place.href);
      return bytes;
    } catch (error) {
      if (error instanceof FileSystemError && error.code === "NotFound") return undefined;
      if (!(error instanceof PluginError)) throw error;
      throw new PluginError("E_INTEGRITY", `Cannot use ${place}: it was changed`, {
        url: place.href,
        expected: error.expected,
        actual: error.actual,
        hint: "take back the change, or run keepfit vendor again",
      });
    }
  }
}
