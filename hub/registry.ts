import { computeIntegrity } from "../plugins/integrity.ts";
import { parseManifest } from "../plugins/manifest.ts";
import { manifestName, type PluginManifest } from "../plugins/manifest_format.ts";
import { compareVersions, parseVersion } from "../plugins/semver.ts";
import { joinPath } from "../runtime/mod.ts";
import type { FileSystem, Path } from "../runtime/types.ts";

/** `/index.json`: every plugin of a registry. */
export interface RegistryIndex {
  schemaVersion: 1;
  /** By id. */
  plugins: RegistryEntry[];
}

/** A plugin in the index, as its latest version describes it. */
export interface RegistryEntry {
  id: string;
  latest: string;
  title: string;
  description: string;
  keywords?: string[];
  categories?: PluginManifest["categories"];
  stage?: PluginManifest["stage"];
}

/** `/<owner>/<name>/meta.json`: every version of a plugin. */
export interface RegistryMeta {
  schemaVersion: 1;
  id: string;
  /** The newest version that is no prerelease and not withdrawn, where there is one. */
  latest: string;
  /** The newest first. */
  versions: Record<string, RegistryVersion>;
  /** Versions that nobody should newly choose. Kept when the rest is made anew. */
  yanked: string[];
}

/** What is to be known of a version before its manifest is fetched. */
export interface RegistryVersion {
  /** Of the manifest: what a reference carries as its fragment. */
  integrity: string;
  engines: PluginManifest["engines"];
}

/** A file of a published version. */
export interface PublishedFile {
  /** Relative to the version's folder. */
  path: string;
  bytes: Uint8Array;
}

const slug = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/**
 * A folder of published plugins, in the layout that any static host can serve:
 *
 * ```text
 * index.json                                      derived
 * <owner>/<name>/meta.json                        derived, but for `yanked`
 * <owner>/<name>/<version>/callback.plugin.json   stored, never changed
 * <owner>/<name>/<version>/...                    stored, as the manifest lists them
 * ```
 *
 * The versions are the truth. `keepfit pack` writes the derived files beside them for static hosts;
 * the hub makes them anew from what it finds and never reads a stored index. Only what a manifest
 * lists is ever given out, and nothing that is reached over a symbolic link.
 */
export class Registry {
  #fs: FileSystem;
  #directory: Path;
  #warned = new Set<string>();

  /**
   * @param fs where it lies
   * @param directory its folder
   */
  constructor(fs: FileSystem, directory: Path) {
    this.#fs = fs;
    this.#directory = directory;
  }

  /** What `/index.json` says. Folders that hold no plugin are left out. */
  async index(): Promise<RegistryIndex> {
    const plugins: RegistryEntry[] = [];
    for (const owner of await this.#folders([])) {
      for (const name of slug.test(owner) ? await this.#folders([owner]) : []) {
        const meta = await this.meta(owner, name);
        const published = meta && await this.#manifest(owner, name, meta.latest);
        if (published === undefined) continue;
        const { id, version: latest, title, description } = published.manifest;
        const { keywords, categories, stage } = published.manifest;
        plugins.push({ id, latest, title, description, keywords, categories, stage });
      }
    }
    return { schemaVersion: 1, plugins };
  }

  /** What a plugin's `meta.json` says; undefined where there is no such plugin. */
  async meta(owner: string, name: string): Promise<RegistryMeta | undefined> {
    if (!slug.test(owner) || !slug.test(name)) return undefined;
    const found: { version: string; entry: RegistryVersion }[] = [];
    for (const version of (await this.#folders([owner, name])).filter(isVersion)) {
      const published = await this.#manifest(owner, name, version);
      if (published === undefined) continue;
      const integrity = await computeIntegrity(published.bytes);
      found.push({ version, entry: { integrity, engines: published.manifest.engines } });
    }
    if (found.length === 0) return undefined;
    found.sort((a, b) => compareVersions(parseVersion(b.version), parseVersion(a.version)));
    const yanked = (await this.#yanked(owner, name))
      .filter((version) => found.some((one) => one.version === version));
    const usable = found.filter(({ version }) => !yanked.includes(version));
    const latest = usable.find(({ version }) => !version.includes("-")) ?? usable[0] ?? found[0];
    return {
      schemaVersion: 1,
      id: `${owner}/${name}`,
      latest: latest.version,
      versions: Object.fromEntries(found.map(({ version, entry }) => [version, entry])),
      yanked,
    };
  }

  /** A file of a version: its manifest, or what the manifest lists. Undefined for anything else. */
  async file(
    owner: string,
    name: string,
    version: string,
    path: string,
  ): Promise<PublishedFile | undefined> {
    if (!slug.test(owner) || !slug.test(name) || !isVersion(version)) return undefined;
    if (path !== manifestName) {
      const published = await this.#manifest(owner, name, version);
      if (published === undefined || !Object.hasOwn(published.manifest.files, path)) {
        return undefined;
      }
      // What lies elsewhere is fetched there.
      if (path.startsWith("https://")) return undefined;
    }
    const bytes = await this.#bytes([owner, name, version, ...path.split("/")]);
    return bytes && { path, bytes };
  }

  async #manifest(
    owner: string,
    name: string,
    version: string,
  ): Promise<{ manifest: PluginManifest; bytes: Uint8Array } | undefined> {
    const place = `${owner}/${name}/${version}/${manifestName}`;
    const bytes = await this.#bytes(place.split("/"));
    if (bytes === undefined) return undefined;
    try {
      const manifest = parseManifest(new TextDecoder().decode(bytes), place);
      if (manifest.id === `${owner}/${name}` && manifest.version === version) {
        return { manifest, bytes };
      }
      throw new TypeError(
        `Cannot publish ${place}: it says ${manifest.id} ${manifest.version}, its folder otherwise`,
      );
    } catch (error) {
      // One broken plugin must not hide the others.
      if (!this.#warned.has(place)) console.warn(`keepfit: ${(error as Error).message}`);
      this.#warned.add(place);
      return undefined;
    }
  }

  async #yanked(owner: string, name: string): Promise<string[]> {
    const bytes = await this.#bytes([owner, name, "meta.json"]);
    try {
      const { yanked } = JSON.parse(new TextDecoder().decode(bytes)) as { yanked?: unknown };
      return Array.isArray(yanked) ? yanked.filter((one) => typeof one === "string") : [];
    } catch {
      return [];
    }
  }

  /** Names of the folders below a place, sorted; none where there is no such place. */
  async #folders(parts: string[]): Promise<string[]> {
    try {
      const entries = await this.#fs.readDir(this.#place(parts));
      return entries.filter((entry) => entry.isDirectory && !entry.isSymlink)
        .map((entry) => entry.name).sort();
    } catch (error) {
      if (parts.length === 0) throw error;
      return [];
    }
  }

  async #bytes(parts: string[]): Promise<Uint8Array | undefined> {
    try {
      for (let depth = 0; depth < parts.length; depth++) {
        const entries = await this.#fs.readDir(this.#place(parts.slice(0, depth)));
        const entry = entries.find((one) => one.name === parts[depth]);
        // A link may lead out of the folder.
        if (entry === undefined || entry.isSymlink) return undefined;
      }
      return await this.#fs.readFile(this.#place(parts));
    } catch {
      return undefined;
    }
  }

  #place(parts: string[]): Path {
    return parts.length === 0 ? this.#directory : joinPath(this.#directory, parts.join("/"));
  }
}

function isVersion(text: string): boolean {
  try {
    parseVersion(text);
    return true;
  } catch {
    return false;
  }
}
