import { HTTPException } from "hono/http-exception";
import { directoryOf, getRuntime, joinPath } from "../../runtime/mod.ts";
import type { FileInfo, FileSystem, Path } from "../../runtime/types.ts";

/**
 * Prefix of a version's folder while it is being written; followed by the process id and a UUID.
 */
const unfinished = ".publish-";

/** The files below a registry's folder. Nothing is reached through a symbolic link. */
export class FolderFiles {
  #fs: FileSystem;
  #directory: Path;

  /**
   * @param fs file system of the folder
   * @param directory the registry's folder
   */
  constructor(fs: FileSystem, directory: Path) {
    this.#fs = fs;
    this.#directory = directory;
  }

  /** Sorted names of the folders in a folder, without links; none in a missing folder. */
  async folders(parts: readonly string[]): Promise<string[]> {
    try {
      const entries = await this.#fs.readDir(this.#pathOf(parts));
      return entries.filter((entry) => entry.isDirectory && !entry.isSymlink)
        .map((entry) => entry.name).sort();
    } catch (error) {
      if (parts.length === 0) throw error;
      return [];
    }
  }

  /** Size and time of a file or folder, links followed; undefined when it cannot be inspected. */
  async stat(parts: readonly string[]): Promise<FileInfo | undefined> {
    try {
      return await this.#fs.stat(this.#pathOf(parts));
    } catch {
      return undefined;
    }
  }

  /**
   * Bytes of a file; undefined for a missing file and for one behind a link.
   *
   * @param checked number of leading parts that are known not to be links. Default: 0
   */
  async read(parts: readonly string[], checked = 0): Promise<Uint8Array | undefined> {
    try {
      if (await this.isLinked(parts, checked)) return undefined;
      return await this.#fs.readFile(this.#pathOf(parts));
    } catch {
      return undefined;
    }
  }

  /** Write a JSON file, and create its folder. */
  async writeJson(parts: readonly string[], data: unknown): Promise<void> {
    await this.writeText(parts, `${JSON.stringify(data, null, 2)}\n`);
  }

  /** Write a text file, and create its folder. */
  async writeText(parts: readonly string[], text: string): Promise<void> {
    await this.#refuseLinks(parts);
    const path = this.#pathOf(parts);
    await this.#fs.makeDir(directoryOf(path));
    await this.#fs.writeFile(path, text);
  }

  /** Append text to a file, and flush it to disk. */
  async appendText(parts: readonly string[], text: string): Promise<void> {
    await this.#refuseLinks(parts);
    const file = await this.#fs.open(this.#pathOf(parts), "append");
    try {
      await file.write(text);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /**
   * Add a whole folder atomically: it is written beside its target and renamed, so that a reader
   * sees all of it or nothing.
   *
   * @param contents bytes by relative path, in the order in which they are written
   * @param isFree returns whether an existing folder may be replaced
   * @returns false when the folder exists and may not be replaced
   */
  async putFolder(
    parts: readonly string[],
    contents: Iterable<readonly [string, Uint8Array]>,
    isFree: () => Promise<boolean>,
  ): Promise<boolean> {
    await this.#refuseLinks(parts);
    // The name is not a slug, so that it cannot be mistaken for an owner.
    const name = `${unfinished}${getRuntime().processId}-${crypto.randomUUID()}`;
    const beside = this.#pathOf([name]);
    const path = this.#pathOf(parts);
    try {
      for (const [name, bytes] of contents) {
        const file = joinPath(beside, name);
        await this.#fs.makeDir(directoryOf(file));
        await this.#fs.writeFile(file, bytes);
      }
      await this.#fs.makeDir(directoryOf(path));
      if (await isFree()) await this.#fs.remove(path, { recursive: true });
      await this.#fs.rename(beside, path);
      return true;
    } catch (error) {
      await this.#fs.remove(beside, { recursive: true }).catch(() => {});
      // Another process may have been faster.
      if (await isFree()) throw error;
      return false;
    }
  }

  /** Remove leftovers of processes that were killed while publishing. */
  async sweep(): Promise<void> {
    const hourAgo = Date.now() - 3_600_000;
    for (const name of await this.folders([]).catch(() => [])) {
      if (!name.startsWith(unfinished)) continue;
      const processId = Number.parseInt(name.slice(unfinished.length), 10);
      const isRunning = getRuntime().isRunning(processId);
      // The process belongs to another machine, or is unknown.
      const isOld = ((await this.stat([name]))?.modified ?? Infinity) < hourAgo;
      if (isRunning !== false && !isOld) continue;
      await this.#fs.remove(this.#pathOf([name]), { recursive: true }).catch(() => {});
    }
  }

  /**
   * Whether a part of the path is a link, which may lead out of the folder.
   *
   * @param checked number of leading parts that are known not to be links. Default: 0
   */
  async isLinked(parts: readonly string[], checked = 0): Promise<boolean> {
    for (let depth = checked; depth < parts.length; depth++) {
      const entries = await this.#fs.readDir(this.#pathOf(parts.slice(0, depth))).catch(() => []);
      const entry = entries.find((one) => one.name === parts[depth]);
      if (entry === undefined) return false;
      if (entry.isSymlink) return true;
    }
    return false;
  }

  async #refuseLinks(parts: readonly string[]): Promise<void> {
    if (!await this.isLinked(parts)) return;
    throw new HTTPException(409, {
      message: `Cannot publish ${parts.join("/")}: expected a folder in the registry, got a ` +
        `symbolic link`,
    });
  }

  #pathOf(parts: readonly string[]): Path {
    return parts.length === 0 ? this.#directory : joinPath(this.#directory, parts.join("/"));
  }
}
