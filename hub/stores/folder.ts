import { computeIntegrity } from "../../plugins/manifest/integrity.ts";
import { parseManifest } from "../../plugins/manifest/parse.ts";
import { manifestName, type PluginManifest } from "../../plugins/manifest/format.ts";
import { logHeadName, logName } from "../../plugins/manifest/log.ts";
import { isVersion } from "../../plugins/manifest/semver.ts";
import { getRuntime } from "../../runtime/mod.ts";
import type { FileSystem, Path } from "../../runtime/types.ts";
import {
  entryOf,
  indexOf,
  metaOf,
  recordOf,
  type VersionRecord,
  withYank,
} from "../registry/derive.ts";
import type { RegistryEntry, RegistryIndex, RegistryMeta } from "../registry/format.ts";
import { isPluginId, isSlug } from "../registry/owners.ts";
import { FolderFiles } from "./folder_files.ts";
import { queue } from "./queue.ts";
import type { PluginStore, StoredLog, StoredVersion, VersionYank } from "./types.ts";

/** Options of {@linkcode folderPluginStore}. */
export interface FolderStoreOptions {
  /** File system of the folder. Default: the runtime's. */
  fs?: FileSystem;
  /**
   * Interval in milliseconds at which the index is compared with the folder, to find versions that
   * were copied into it by hand. Default: 60 000.
   */
  checkEvery?: number;
}

/**
 * Create a {@linkcode PluginStore} in a folder, in the layout that any static host can serve:
 *
 * ```text
 * index.json                                      derived
 * advisories.json                                 written by its operator
 * log.jsonl, log.head.json                        the transparency log, which only grows
 * <owner>/<name>/meta.json                        derived, except for yanks and dates
 * <owner>/<name>/<version>/callback.plugin.json   stored, never changed
 * <owner>/<name>/<version>/...                    stored, as the manifest lists them
 * ```
 *
 * The folders of the versions are authoritative; `index.json` and `meta.json` are derived from
 * them. The store reads each plugin once, and again when the modification time of its folder or of
 * its `meta.json` has changed: `meta` and `file` compare these two times and detect every change.
 * `index` compares the modification time of the registry's folder, which every publication by
 * keepfit changes, in any process. Versions that are copied by hand are listed within `checkEvery`,
 * after a read of their plugin, or after a `touch` of the folder. Files of an existing version are
 * not compared: a version never changes.
 *
 * Only files that a manifest lists are served, and nothing is reached through a symbolic link.
 * `exclusive` is effective within this process only; let one process write at a time.
 *
 * @param directory the registry's folder
 * @param options file system, and interval of comparison
 * @returns the store; its methods throw FileSystemError when the folder cannot be read or written
 */
export function folderPluginStore(
  directory: Path,
  options: FolderStoreOptions = {},
): PluginStore {
  return new FolderPluginStore(directory, options);
}

/** The data of a plugin in memory. */
interface KeptPlugin {
  /** Times of its folder and `meta.json`; undefined when it must be read again. */
  stamp: string | undefined;
  versions: ReadonlyMap<string, KeptVersion>;
}

interface KeptVersion {
  record: VersionRecord;
  /** Paths that may be served. */
  paths: ReadonlySet<string>;
}

/**
 * Resolution of file times in milliseconds, at worst. A change more recent than that could hide
 * another one.
 */
const clockStep = 2000;

class FolderPluginStore implements PluginStore {
  #files: FolderFiles;
  #checkEvery: number;
  #plugins = new Map<string, KeptPlugin>();
  #entries = new Map<string, RegistryEntry>();
  /** Undefined when entries have changed. */
  #index: RegistryIndex | undefined;
  /** Time of the registry's folder; undefined when everything must be compared again. */
  #modified: number | undefined;
  #checked = -Infinity;
  #checking: Promise<void> | undefined;
  /** Removal of leftovers; runs once, before the first result. */
  #sweeping: Promise<void> | undefined;
  #log: { stamp: string | undefined; log: StoredLog } | undefined;
  /** Integrity of manifests that cannot be used, by path. */
  #broken = new Map<string, string>();
  readonly exclusive: PluginStore["exclusive"] = queue();

  constructor(directory: Path, { fs = getRuntime().fs, checkEvery = 60_000 }: FolderStoreOptions) {
    this.#files = new FolderFiles(fs, directory);
    this.#checkEvery = checkEvery;
  }

  async index(): Promise<RegistryIndex> {
    await (this.#sweeping ??= this.#files.sweep());
    const modified = (await this.#files.stat([]))?.modified;
    const isDue = performance.now() - this.#checked >= this.#checkEvery;
    if (isDue || this.#modified === undefined || this.#modified !== modified) {
      this.#checking ??= this.#check().finally(() => this.#checking = undefined);
      await this.#checking;
    }
    return this.#index ??= indexOf(this.#entries.values());
  }

  async meta(id: string): Promise<RegistryMeta | undefined> {
    await (this.#sweeping ??= this.#files.sweep());
    return metaOf(id, recordsOf(await this.#plugin(id)));
  }

  async file(id: string, version: string, path: string): Promise<Uint8Array | undefined> {
    const plugin = await this.#plugin(id);
    if (!plugin?.versions.get(version)?.paths.has(path)) return undefined;
    return await this.#files.read([...id.split("/"), version, ...path.split("/")], 3);
  }

  advisories(): Promise<Uint8Array | undefined> {
    return this.#files.read(["advisories.json"]);
  }

  async add(
    { manifest: { id, version }, bytes, files, published }: StoredVersion,
    { replace = false }: { replace?: boolean } = {},
  ): Promise<boolean> {
    const exists = async () => (await this.#plugin(id))?.versions.has(version) ?? false;
    const isAdded = (replace || !await exists()) && await this.#files.putFolder(
      [...id.split("/"), version],
      [...files, [manifestName, bytes]],
      async () => replace || !await exists(),
    );
    await this.#derive(id, version, (record) => ({
      ...record,
      published: record.published ?? published,
    }));
    return isAdded;
  }

  async yank(
    id: string,
    version: string,
    yank: VersionYank | undefined,
  ): Promise<RegistryMeta | undefined> {
    return await this.#derive(id, version, (record) => withYank(record, yank));
  }

  async log(): Promise<StoredLog> {
    const stamp = await this.#logStamp();
    if (this.#log !== undefined && stamp !== undefined && this.#log.stamp === stamp) {
      return this.#log.log;
    }
    // The head is read first: entries that are added meanwhile are not covered by it.
    const head = await this.#logText(logHeadName);
    const entries = await this.#logText(logName);
    // An incomplete last line was interrupted while it was written.
    const lines = (entries ?? "").split("\n").slice(0, -1);
    const before = this.#log?.log;
    const isSame = before !== undefined && before.head === head &&
      before.lines.length === lines.length && lines.every((line, i) => line === before.lines[i]);
    const log = isSame ? before : { lines, head };
    this.#log = { stamp, log };
    return log;
  }

  async appendToLog(lines: readonly string[], head: string): Promise<void> {
    const { lines: before } = await this.log();
    const text = (all: readonly string[]) => all.map((line) => `${line}\n`).join("");
    const entries = await this.#logText(logName);
    if (entries !== undefined && entries !== text(before)) {
      await this.#files.writeText([logName], text(before));
    }
    await this.#files.appendText([logName], text(lines));
    await this.#files.writeText([logHeadName], head);
    this.#log = undefined;
  }

  async #logText(name: string): Promise<string | undefined> {
    const bytes = await this.#files.read([name]);
    return bytes && new TextDecoder().decode(bytes);
  }

  /** The state of the log's files; undefined while another change could have the same time. */
  async #logStamp(): Promise<string | undefined> {
    const found = [await this.#files.stat([logName]), await this.#files.stat([logHeadName])];
    const newest = Math.max(...found.map((one) => one?.modified ?? 0));
    if (newest >= Date.now() - clockStep) return undefined;
    return found.map((one) => `${one?.modified} ${one?.size}`).join(" ");
  }

  /** Change a record, and write the files that are derived from it. */
  async #derive(
    id: string,
    version: string,
    change: (record: VersionRecord) => VersionRecord,
  ): Promise<RegistryMeta | undefined> {
    const plugin = await this.#read(id);
    const found = plugin?.versions.get(version);
    if (found === undefined) return undefined;
    const versions = new Map(plugin?.versions);
    versions.set(version, { ...found, record: change(found.record) });
    const derived: KeptPlugin = { stamp: undefined, versions };
    const meta = metaOf(id, recordsOf(derived));
    await this.#files.writeJson([...id.split("/"), "meta.json"], meta);
    this.#keep(id, derived);
    await this.#files.writeJson(["index.json"], await this.index());
    return meta;
  }

  /** Compare all plugins in memory with the folder. */
  async #check(): Promise<void> {
    const checked = performance.now();
    const latestTrusted = Date.now() - clockStep;
    const modified = (await this.#files.stat([]))?.modified ?? Infinity;
    const ids = new Set<string>();
    for (const owner of (await this.#files.folders([])).filter(isSlug)) {
      for (const name of (await this.#files.folders([owner])).filter(isSlug)) {
        ids.add(`${owner}/${name}`);
        await this.#plugin(`${owner}/${name}`, true);
      }
    }
    for (const id of this.#plugins.keys()) if (!ids.has(id)) this.#keep(id, undefined);
    this.#checked = checked;
    this.#modified = modified < latestTrusted ? modified : undefined;
  }

  /** A plugin from memory, or from its folder if that has changed. */
  async #plugin(id: string, isChecked = false): Promise<KeptPlugin | undefined> {
    if (!isPluginId(id)) return undefined;
    const kept = this.#plugins.get(id);
    if (kept?.stamp !== undefined && kept.stamp === (await this.#stampOf(id))?.text) return kept;
    return await this.#read(id, isChecked);
  }

  /**
   * Read the versions of a plugin. A manifest that has been read before is not parsed again.
   *
   * @param isChecked whether its folder is known not to be reached through a link
   */
  async #read(id: string, isChecked = false): Promise<KeptPlugin | undefined> {
    const path = id.split("/");
    const latestTrusted = Date.now() - clockStep;
    const stamp = await this.#stampOf(id);
    if (stamp === undefined || (!isChecked && await this.#files.isLinked(path))) {
      this.#keep(id, undefined);
      return undefined;
    }
    const before = this.#plugins.get(id)?.versions;
    const folders = (await this.#files.folders(path)).filter(isVersion);
    const meta = await this.#readMeta(path);
    const versions = new Map<string, KeptVersion>();
    for (const version of folders) {
      const found = await this.#readVersion(id, version, before?.get(version));
      if (found === undefined) continue;
      const { published, yankReason } = meta.versions.get(version) ?? {};
      const isYanked = meta.yanked.has(version);
      const record = { ...found.record, published, isYanked };
      versions.set(version, {
        ...found,
        record: withYank({ ...record, yankReason }, isYanked ? {} : undefined),
      });
    }
    // A version without a usable manifest may still be being copied.
    const isWhole = versions.size === folders.length;
    const plugin: KeptPlugin = {
      stamp: isWhole && stamp.newest < latestTrusted ? stamp.text : undefined,
      versions,
    };
    this.#keep(id, plugin);
    return plugin;
  }

  #keep(id: string, plugin: KeptPlugin | undefined): void {
    const entry = entryOf(id, recordsOf(plugin));
    if (plugin === undefined) this.#plugins.delete(id);
    else this.#plugins.set(id, plugin);
    if (entry === undefined) this.#entries.delete(id);
    else this.#entries.set(id, entry);
    this.#index = undefined;
  }

  async #stampOf(id: string): Promise<{ text: string; newest: number } | undefined> {
    const path = id.split("/");
    const folder = await this.#files.stat(path);
    if (!folder?.isDirectory) return undefined;
    const meta = await this.#files.stat([...path, "meta.json"]);
    return {
      text: `${folder.modified} ${meta?.modified} ${meta?.size}`,
      newest: Math.max(folder.modified ?? Infinity, meta?.modified ?? 0),
    };
  }

  async #readVersion(
    id: string,
    version: string,
    before: KeptVersion | undefined,
  ): Promise<KeptVersion | undefined> {
    const path = `${id}/${version}/${manifestName}`;
    const bytes = await this.#files.read(path.split("/"), 3);
    if (bytes === undefined) return undefined;
    const integrity = await computeIntegrity(bytes);
    if (before?.record.integrity === integrity) return before;
    // One broken plugin must not hide the others.
    if (this.#broken.get(path) === integrity) return undefined;
    try {
      const manifest = parseManifest(new TextDecoder().decode(bytes), path);
      if (manifest.id !== id || manifest.version !== version) {
        throw new TypeError(
          `Cannot publish ${path}: expected ${id} ${version}, got ${manifest.id} ` +
            `${manifest.version}`,
        );
      }
      return { record: recordOf(manifest, integrity), paths: pathsOf(manifest) };
    } catch (error) {
      console.warn(`keepfit: ${(error as Error).message}`);
      this.#broken.set(path, integrity);
      return undefined;
    }
  }

  /** The data that only `meta.json` contains. */
  async #readMeta(path: readonly string[]): Promise<{
    yanked: ReadonlySet<unknown>;
    versions: ReadonlyMap<string, { published?: string; yankReason?: string }>;
  }> {
    const textOf = (value: unknown) => typeof value === "string" ? value : undefined;
    try {
      const bytes = await this.#files.read([...path, "meta.json"], 2);
      const { yanked, versions } = JSON.parse(new TextDecoder().decode(bytes)) as {
        yanked?: unknown;
        versions?: Record<string, { published?: unknown; yankReason?: unknown } | null>;
      };
      return {
        yanked: new Set(Array.isArray(yanked) ? yanked : []),
        versions: new Map(
          Object.entries(versions ?? {}).map(([version, entry]) => [
            version,
            { published: textOf(entry?.published), yankReason: textOf(entry?.yankReason) },
          ]),
        ),
      };
    } catch {
      // Missing or unreadable: it is derived again.
      return { yanked: new Set(), versions: new Map() };
    }
  }
}

function recordsOf(plugin: KeptPlugin | undefined): VersionRecord[] {
  return [...plugin?.versions.values() ?? []].map(({ record }) => record);
}

/** Files with a URL are fetched from there. */
function pathsOf({ files }: PluginManifest): ReadonlySet<string> {
  return new Set([
    manifestName,
    ...Object.keys(files).filter((path) => !path.startsWith("https://")),
  ]);
}
