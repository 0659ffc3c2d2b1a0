import { directoryOf, joinPath } from "../../runtime/mod.ts";
import type { FileSystem, Path } from "../../runtime/types.ts";
import { PublishError } from "../errors.ts";

/** The files below a registry's folder. Nothing is reached over a symbolic link. */
export class RegistryFiles {
  #fs: FileSystem;
  #directory: Path;

  /**
   * @param fs where it lies
   * @param directory the registry's folder
   */
  constructor(fs: FileSystem, directory: Path) {
    this.#fs = fs;
    this.#directory = directory;
  }

  /** Names of the folders below a place, sorted; none where there is no such place. */
  async folders(parts: readonly string[]): Promise<string[]> {
    try {
      const entries = await this.#fs.readDir(this.#place(parts));
      return entries.filter((entry) => entry.isDirectory && !entry.isSymlink)
        .map((entry) => entry.name).sort();
    } catch (error) {
      if (parts.length === 0) throw error;
      return [];
    }
  }

  /** The bytes of a file; undefined where there is none. */
  async read(parts: readonly string[]): Promise<Uint8Array | undefined> {
    try {
      return await this.#isLinked(parts) ? undefined : await this.#fs.readFile(this.#place(parts));
    } catch {
      return undefined;
    }
  }

  /** Put a file of JSON in place; its folder is made. */
  async writeJson(parts: readonly string[], data: unknown): Promise<void> {
    await this.#refuseLinks(parts);
    const place = this.#place(parts);
    await this.#fs.makeDir(directoryOf(place));
    await this.#fs.writeFile(place, `${JSON.stringify(data, null, 2)}\n`);
  }

  /**
   * Put a folder in place at once: written beside and renamed, so that who looks sees all of it or
   * nothing. What was there is gone then.
   *
   * @param contents bytes by relative path, in the order in which they are written
   * @param isStale tells whether what is there may go
   * @throws PublishError 409 when another process was faster
   */
  async putFolder(
    parts: readonly string[],
    contents: ReadonlyMap<string, Uint8Array>,
    isStale: () => Promise<boolean>,
  ): Promise<void> {
    await this.#refuseLinks(parts);
    // Not a slug, so never taken for an owner.
    const beside = this.#place([`.publish-${crypto.randomUUID()}`]);
    const place = this.#place(parts);
    try {
      for (const [path, bytes] of contents) {
        const file = joinPath(beside, path);
        await this.#fs.makeDir(directoryOf(file));
        await this.#fs.writeFile(file, bytes);
      }
      await this.#fs.makeDir(directoryOf(place));
      if (await isStale()) await this.#fs.remove(place, { recursive: true });
      await this.#fs.rename(beside, place);
    } catch (error) {
      await this.#fs.remove(beside, { recursive: true }).catch(() => {});
      if (await isStale()) throw error;
      throw new PublishError(409, `Cannot publish ${parts.join("/")}: somebody just did`);
    }
  }

  async #refuseLinks(parts: readonly string[]): Promise<void> {
    if (!await this.#isLinked(parts)) return;
    throw new PublishError(409, `Cannot publish ${parts.join("/")}: its place is a link elsewhere`);
  }

  /** True when a part of the way there is a link, which may lead out of the folder. */
  async #isLinked(parts: readonly string[]): Promise<boolean> {
    for (let depth = 0; depth < parts.length; depth++) {
      const entries = await this.#fs.readDir(this.#place(parts.slice(0, depth))).catch(() => []);
      const entry = entries.find((one) => one.name === parts[depth]);
      if (entry === undefined) return false;
      if (entry.isSymlink) return true;
    }
    return false;
  }

  #place(parts: readonly string[]): Path {
    return parts.length === 0 ? this.#directory : joinPath(this.#directory, parts.join("/"));
  }
}
