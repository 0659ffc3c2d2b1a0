import { computeIntegrity } from "../../plugins/manifest/integrity.ts";
import { parseManifest } from "../../plugins/manifest/parse.ts";
import { manifestName, type PluginManifest } from "../../plugins/manifest/format.ts";
import { compareVersions, parseVersion } from "../../plugins/manifest/semver.ts";
import { verifySignatures } from "../../plugins/manifest/signature.ts";
import type { FileSystem, Path } from "../../runtime/types.ts";
import { PublishError } from "../errors.ts";
import type { RegistryEntry, RegistryIndex, RegistryMeta } from "./format.ts";
import { RegistryFiles } from "../stores/folder_files.ts";
import { type NewVersion, type VerifiedVersion, verifyVersion } from "./verify.ts";

/** A file of a published version. */
export interface PublishedFile {
  /** Relative to the version's folder. */
  path: string;
  bytes: Uint8Array;
}

/** What {@linkcode Registry.publish} did. */
export interface PublishedVersion {
  id: string;
  version: string;
  /** Of the manifest. */
  integrity: string;
  /** False when it was there already, with the same bytes. */
  isNew: boolean;
}

/** A version that is there. */
interface StoredVersion {
  manifest: PluginManifest;
  /** Of the manifest. */
  bytes: Uint8Array;
}

const slug = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/**
 * A folder of published plugins, in the layout that any static host can serve:
 *
 * ```text
 * index.json                                      derived
 * <owner>/<name>/meta.json                        derived, but for yanks and dates
 * <owner>/<name>/<version>/callback.plugin.json   stored, never changed
 * <owner>/<name>/<version>/...                    stored, as the manifest lists them
 * ```
 *
 * The versions are the truth. `keepfit pack` writes the derived files beside them for static hosts;
 * the hub makes them anew from what it finds and never reads a stored index. Only what a manifest
 * lists is ever given out, and nothing that is reached over a symbolic link.
 */
export class Registry {
  #files: RegistryFiles;
  #warned = new Set<string>();
  #lastChange: Promise<unknown> = Promise.resolve();

  /**
   * @param fs where it lies
   * @param directory its folder
   */
  constructor(fs: FileSystem, directory: Path) {
    this.#files = new RegistryFiles(fs, directory);
  }

  /** What `/index.json` says. Folders that hold no plugin are left out. */
  async index(): Promise<RegistryIndex> {
    const plugins: RegistryEntry[] = [];
    for (const owner of await this.#files.folders([])) {
      for (const name of slug.test(owner) ? await this.#files.folders([owner]) : []) {
        const meta = await this.meta(owner, name);
        if (meta === undefined) continue;
        const { latest } = meta;
        const shown = latest ?? Object.keys(meta.versions)[0];
        const published = await this.#manifest(owner, name, shown);
        if (published === undefined) continue;
        const { id, title, description, keywords, categories, stage } = published.manifest;
        const standing = latest === undefined ? { yanked: true } as const : { latest };
        plugins.push({ id, ...standing, title, description, keywords, categories, stage });
      }
    }
    return { schemaVersion: 1, plugins };
  }

  /** What a plugin's `meta.json` says; undefined where there is no such plugin. */
  async meta(owner: string, name: string): Promise<RegistryMeta | undefined> {
    const found = await this.#versions(owner, name);
    if (found.length === 0) return undefined;
    const kept = await this.#kept(owner, name);
    const versions: RegistryMeta["versions"] = {};
    for (const { manifest: { version, engines }, bytes } of found) {
      versions[version] = {
        integrity: await computeIntegrity(bytes),
        engines,
        published: kept.published.get(version),
        yankReason: kept.yanked.includes(version) ? kept.reasons.get(version) : undefined,
      };
    }
    const numbers = Object.keys(versions);
    const yanked = kept.yanked.filter((one) => numbers.includes(one));
    const usable = numbers.filter((one) => !yanked.includes(one));
    const latest = usable.find((one) => !one.includes("-")) ?? usable[0];
    return { schemaVersion: 1, id: `${owner}/${name}`, latest, versions, yanked };
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
    const bytes = await this.#files.read([owner, name, version, ...path.split("/")]);
    return bytes && { path, bytes };
  }

  /**
   * Add a version, when all of it holds, and write what is derived. It is there as a whole or not at
   * all, and never changes from then on. Who signed the newest version that is signed has to sign
   * this one too, or one of them where they were several.
   *
   * @param wanted manifest and files
   * @param options `id` and `version` that it must have; `replace` for a version that nobody has
   *   yet: what is there may change, and who signed is not looked at; `published`: when it was
   *   taken, written down where it is new
   * @throws PluginError when it could not be loaded later
   * @throws PublishError 400 for another id or version, 403 for other signers, 409 when it is there
   *   and differs
   * @throws FileSystemError when the folder cannot be written
   */
  publish(
    wanted: NewVersion,
    options: { id?: string; version?: string; replace?: boolean; published?: Date } = {},
  ): Promise<PublishedVersion> {
    return this.#change(async () => {
      const verified = await verifyVersion(wanted);
      const { id, version } = verified.manifest;
      const { id: wantedId = id, version: wantedVersion = version, replace = false } = options;
      if (id !== wantedId || version !== wantedVersion) {
        throw new PublishError(
          400,
          `Cannot publish ${wantedId} ${wantedVersion}: its manifest says ${id} ${version}`,
        );
      }
      const [owner, name] = id.split("/");
      const integrity = await computeIntegrity(wanted.manifest);
      const present = () => this.#manifest(owner, name, version);
      const stored = await present();
      const isSame = stored !== undefined && await computeIntegrity(stored.bytes) === integrity;
      if (!isSame && !replace) {
        if (stored !== undefined) {
          throw new PublishError(
            409,
            `Cannot publish ${id} ${version}: it is there and differs; a published version never ` +
              `changes: raise the version`,
          );
        }
        await this.#checkSigners(verified);
      }
      if (!isSame) {
        await this.#files.putFolder(
          [owner, name, version],
          new Map([...wanted.files, [manifestName, wanted.manifest]]),
          async () => replace || await present() === undefined,
        );
        if (options.published) await this.#date(owner, name, version, options.published);
      }
      await this.#derive(owner, name);
      return { id, version, integrity, isNew: !isSame };
    });
  }

  /**
   * Yank a version, or undo that. Its files stay for projects that have it locked; nobody should
   * newly choose it.
   *
   * @param reason why it is yanked, one line of at most 500 characters
   * @throws PublishError 400 for a reason that is not such a line, 404 when there is no such version
   * @throws FileSystemError when the folder cannot be written
   */
  setYanked(
    owner: string,
    name: string,
    version: string,
    isYanked: boolean,
    reason?: string,
  ): Promise<RegistryMeta> {
    return this.#change(async () => {
      if (reason !== undefined && !/^\S(?:\P{Cc}{0,498}\S)?$/u.test(reason)) {
        throw new PublishError(
          400,
          `Cannot yank ${owner}/${name} ${version}: the reason must be one line of 1 to 500 ` +
            `characters`,
        );
      }
      const meta = await this.meta(owner, name);
      if (meta === undefined || !Object.hasOwn(meta.versions, version)) {
        throw new PublishError(404, `Cannot change ${owner}/${name} ${version}: it is not there`);
      }
      const yanked = meta.yanked.filter((one) => one !== version);
      if (isYanked) yanked.push(version);
      meta.versions[version].yankReason = isYanked
        ? reason ?? meta.versions[version].yankReason
        : undefined;
      await this.#files.writeJson([owner, name, "meta.json"], { ...meta, yanked });
      await this.#derive(owner, name);
      return await this.meta(owner, name) as RegistryMeta;
    });
  }

  /** One change after the other. */
  #change<Result>(change: () => Promise<Result>): Promise<Result> {
    const result = this.#lastChange.then(change);
    this.#lastChange = result.catch(() => {});
    return result;
  }

  async #checkSigners({ manifest: { id, version }, signers }: VerifiedVersion): Promise<void> {
    const [owner, name] = id.split("/");
    for (const { manifest } of await this.#versions(owner, name)) {
      const before = await verifySignatures(manifest, `${id} ${manifest.version}`).catch(() => []);
      if (before.length === 0) continue;
      if (before.some((one) => signers.includes(one))) return;
      throw new PublishError(
        403,
        `Cannot publish ${id} ${version}: ${manifest.version} is signed by ${before.join(", ")}, ` +
          `this one by ${
            signers.join(", ") || "nobody"
          }; sign it with that key, and with the new ` +
          `one beside it if the key is to change`,
      );
    }
  }

  /** Write what static hosts need; the hub itself makes it anew. */
  async #derive(owner: string, name: string): Promise<void> {
    await this.#files.writeJson([owner, name, "meta.json"], await this.meta(owner, name));
    await this.#files.writeJson(["index.json"], await this.index());
  }

  /** All versions of a plugin that can be read, the newest first. */
  async #versions(owner: string, name: string): Promise<StoredVersion[]> {
    if (!slug.test(owner) || !slug.test(name)) return [];
    const found: StoredVersion[] = [];
    for (const version of (await this.#files.folders([owner, name])).filter(isVersion)) {
      const stored = await this.#manifest(owner, name, version);
      if (stored !== undefined) found.push(stored);
    }
    return found.sort((a, b) =>
      compareVersions(parseVersion(b.manifest.version), parseVersion(a.manifest.version))
    );
  }

  async #manifest(
    owner: string,
    name: string,
    version: string,
  ): Promise<StoredVersion | undefined> {
    const place = `${owner}/${name}/${version}/${manifestName}`;
    const bytes = await this.#files.read(place.split("/"));
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

  /** Write down when a version was taken. */
  async #date(owner: string, name: string, version: string, published: Date): Promise<void> {
    const meta = await this.meta(owner, name);
    if (meta === undefined || !Object.hasOwn(meta.versions, version)) return;
    meta.versions[version].published = published.toISOString();
    await this.#files.writeJson([owner, name, "meta.json"], meta);
  }

  /** What `meta.json` alone knows. */
  async #kept(
    owner: string,
    name: string,
  ): Promise<
    { yanked: string[]; published: Map<string, string>; reasons: Map<string, string> }
  > {
    const bytes = await this.#files.read([owner, name, "meta.json"]);
    const kept = {
      yanked: [] as string[],
      published: new Map<string, string>(),
      reasons: new Map<string, string>(),
    };
    try {
      const { yanked, versions } = JSON.parse(new TextDecoder().decode(bytes)) as {
        yanked?: unknown;
        versions?: Record<string, { published?: unknown; yankReason?: unknown } | null>;
      };
      if (Array.isArray(yanked)) kept.yanked = yanked.filter((one) => typeof one === "string");
      for (const [version, entry] of Object.entries(versions ?? {})) {
        if (typeof entry?.published === "string") kept.published.set(version, entry.published);
        if (typeof entry?.yankReason === "string") kept.reasons.set(version, entry.yankReason);
      }
    } catch {
      // There is none yet, or it is no longer readable and is made anew.
    }
    return kept;
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
