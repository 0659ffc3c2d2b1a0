import { getRuntime, joinPath } from "../../runtime/mod.ts";
import type { FileSystem, Path } from "../../runtime/types.ts";
import type { Peers } from "../modules/peers.ts";
import { fromLocked } from "../project/lock.ts";
import { readSettings, type Settings, type SettingsOptions } from "../project/settings.ts";
import { PluginCache } from "../sources/cache.ts";
import { createFetcher, type Fetcher, type FetchOptions } from "../sources/fetcher.ts";
import { findPackage } from "../sources/package.ts";
import { isLocalSource, parseReference, type PluginReference } from "../sources/reference.ts";
import { chooseVersion, readMeta, type RegistryMeta, registryUrl } from "../sources/registry.ts";
import { VendoredPlugin } from "../sources/vendored.ts";

/** Options for finding a plugin and fetching its files. */
export interface OpenPluginOptions extends FetchOptions, SettingsOptions {
  /** Integrity of the manifest, if the reference has none. */
  integrity?: string;
  /** File system for all files. Default: that of the runtime. */
  fs?: FileSystem;
  /**
   * Modules of this program that the plugin may import, `{ "@tensorflow/tfjs": tf }`. Default: only
   * `keepfit`.
   */
  peers?: Peers;
}

/** Location and expected identity of a plugin's manifest; nothing has been read. */
export interface PluginLocation extends ManifestLocation {
  reference: PluginReference;
  /** Settings from the project's files. */
  settings: Settings;
  fs: FileSystem;
  cache: PluginCache;
  /** Fetches everything that this load needs from the network. */
  fetcher: Fetcher;
  /** The copy of the plugin in the project's vendor folder. */
  vendored: VendoredPlugin | undefined;
}

interface ManifestLocation {
  url: URL;
  /** Expected integrity of the manifest; undefined if unknown. */
  integrity: string | undefined;
  /** Whether only the server of the manifest provides the integrity. */
  isUnverified: boolean;
  /** Whether the integrity comes from the lock file. */
  isLocked: boolean;
  /** Expected id and version, if a registry chose the manifest. */
  identity: { id: string; version: string } | undefined;
  /** The versions of the plugin, if its registry was queried. */
  meta: RegistryMeta | undefined;
}

/** Inputs of the lookup. */
type Sources = Pick<PluginLocation, "cache" | "fetcher" | "fs" | "reference" | "settings">;

/**
 * The first phase of loading a plugin: find the URL and the expected integrity of its manifest,
 * from the reference, the project's files and, if needed, a registry.
 *
 * @throws TypeError for a reference that is not a URL, or of a scheme that is not supported
 * @throws SyntaxError for a part of a reference that cannot be parsed
 * @throws PluginError `E_CONFIG`, `E_HTTP`, `E_LOCK`, `E_OFFLINE`, `E_REGISTRY`
 */
export async function locate(
  typed: string | URL,
  options: OpenPluginOptions = {},
): Promise<PluginLocation> {
  const reference = parseReference(typed, options.integrity);
  const { fs = getRuntime().fs, peers } = options;
  const settings = await readSettings(reference, fs, options);
  const sources: Sources = {
    reference,
    settings,
    fs,
    cache: new PluginCache(fs, cacheFolder(settings.cacheDir)),
    fetcher: createFetcher(fs, options),
  };
  const found = lockedLocation(reference, settings) ?? await findManifest(sources, peers);
  const { vendor, locked } = settings;
  const isVendored = found.isLocked && vendor !== undefined && locked !== undefined;
  return {
    ...sources,
    ...found,
    vendored: isVendored ? new VendoredPlugin(fs, vendor, locked) : undefined,
  };
}

/** The folder of the cache; undefined for none. */
export function cacheFolder(named: Path | false | undefined): Path | undefined {
  return named === false ? undefined : named ?? defaultCacheDir();
}

/** The default folder of the cache. */
export function defaultCacheDir(): Path | undefined {
  const userCache = getRuntime().cacheDir();
  return userCache === undefined ? undefined : joinPath(userCache, "plugins");
}

/** URL of the plugin in the lock file; undefined if the lock file does not determine it. */
function lockedLocation(
  reference: PluginReference,
  { locked, lockFile }: Settings,
): ManifestLocation | undefined {
  if (locked === undefined || lockFile === undefined || isLocalSource(reference)) return undefined;
  // The integrity in the reference takes precedence over the lock file's.
  const { integrity = locked.integrity } = reference;
  const isLocked = integrity === locked.integrity;
  if (reference.kind !== "url" && !isLocked) return undefined;
  const url = reference.kind === "url" ? reference.url : fromLocked(locked.url, lockFile.url);
  const identity = reference.kind === "registry"
    ? { id: reference.id, version: locked.version }
    : undefined;
  return { ...unnamed, url, integrity, isLocked, identity };
}

async function findManifest(sources: Sources, peers?: Peers): Promise<ManifestLocation> {
  const { reference, settings, fs, cache, fetcher } = sources;
  switch (reference.kind) {
    case "url":
      return { ...unnamed, url: reference.url, integrity: reference.integrity };
    case "package": {
      const { integrity = settings.locked?.integrity } = reference;
      return {
        ...unnamed,
        url: await findPackage(reference, fs),
        integrity,
        isLocked: integrity !== undefined && integrity === settings.locked?.integrity,
      };
    }
    case "registry": {
      const { id } = reference;
      const { minimumAge } = settings;
      const base = registryUrl(settings.registry);
      const meta = await readMeta(id, base, fetcher, cache);
      const { url, version, integrity } = chooseVersion(reference, base, meta, {
        peers,
        minimumAge,
      });
      return {
        url,
        integrity,
        isUnverified: reference.integrity === undefined,
        isLocked: false,
        identity: { id, version },
        meta,
      };
    }
  }
}

/** Identity of a manifest that no registry chose. */
const unnamed = { isUnverified: false, isLocked: false, identity: undefined, meta: undefined };
