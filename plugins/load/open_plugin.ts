import { getRuntime, joinPath } from "../../runtime/mod.ts";
import type { FileSystem, Path } from "../../runtime/types.ts";
import { PluginCache } from "../sources/cache.ts";
import { PluginError } from "../errors.ts";
import { createFetcher, type Fetcher, type FetchOptions } from "../sources/fetcher.ts";
import { fileUrl, type ReadFile } from "../modules/graph.ts";
import { computeIntegrity, verifyIntegrity } from "../manifest/integrity.ts";
import { fromLocked } from "../project/lock.ts";
import type { LockedPlugin } from "../project/lock_format.ts";
import { parseManifest } from "../manifest/parse.ts";
import { manifestName, type PluginManifest } from "../manifest/format.ts";
import { findPackage } from "../sources/package.ts";
import type { Peers } from "../modules/peers.ts";
import { isLocal, parseReference, type PluginReference } from "../sources/reference.ts";
import {
  checkIdentity,
  chooseVersion,
  readMeta,
  type RegistryMeta,
  registryUrl,
} from "../sources/registry.ts";
import {
  type LockFile,
  readSettings,
  type Settings,
  type SettingsOptions,
} from "../project/settings.ts";
import { VendoredPlugin } from "../sources/vendored.ts";
import { verifySignatures } from "../manifest/signature.ts";

/** Options of {@linkcode openPlugin}. */
export interface OpenPluginOptions extends FetchOptions, SettingsOptions {
  /** Integrity of the manifest, where the reference does not carry it. */
  integrity?: string;
  /** File system of all that is read and written here. Default: the runtime's. */
  fs?: FileSystem;
  /** Modules that the plugin may import as they are in this program, `{ "@tensorflow/tfjs": tf }`. */
  peers?: Peers;
}

/** Where a manifest was found. */
export type PluginSource = "cache" | "file" | "network" | "vendor";

/** A plugin whose manifest is verified and of which nothing has run. */
export interface OpenPlugin {
  reference: PluginReference;
  manifest: PluginManifest;
  /** The keys that signed the manifest, all verified. */
  signers: string[];
  /** The manifest, byte for byte. */
  bytes: Uint8Array;
  /** Of the manifest. */
  url: URL;
  /** Of the manifest. */
  integrity: string;
  source: PluginSource;
  /** True where it comes from this machine. */
  isLocal: boolean;
  /** The lock file, where it was read or there is a place for it. */
  lockFile: LockFile | undefined;
  /** What the lock file has for the reference. */
  locked: LockedPlugin | undefined;
  /** What its registry has of it, where that was asked. */
  meta: RegistryMeta | undefined;
  /** Gives the verified bytes of its files. */
  readFile: ReadFile;
  fs: FileSystem;
  cache: PluginCache;
}

const maxManifestBytes = 256 * 1024;

/**
 * Find a plugin's manifest and verify it.
 *
 * @throws TypeError for a reference that is no URL, or of a scheme that is not served
 * @throws SyntaxError for a part of a reference that cannot be read
 * @throws PluginError `E_CONFIG`, `E_HTTP`, `E_INTEGRITY`, `E_LIMIT`, `E_LOCK`, `E_MANIFEST`,
 *   `E_OFFLINE`, `E_REGISTRY`, `E_SIGNATURE`
 */
export async function openPlugin(
  given: string | URL,
  options: OpenPluginOptions = {},
): Promise<OpenPlugin> {
  const reference = parseReference(given, options.integrity);
  const runtime = getRuntime();
  const fs = options.fs ?? runtime.fs;
  const settings = await readSettings(reference, fs, options);
  const cache = new PluginCache(fs, settings.cacheDir ?? defaultCacheDir(runtime.cacheDir()));
  const found = await findManifest(reference, settings, fs, cache, options);
  const { url, integrity, fetcher } = found;
  const vendored = found.isLocked && settings.vendor && settings.locked
    ? new VendoredPlugin(fs, settings.vendor, settings.locked)
    : undefined;
  const { bytes, source } = await readManifest(found, cache, vendored, options);
  const manifest = parseManifest(new TextDecoder().decode(bytes), url.href);
  if (found.identity !== undefined) checkIdentity(manifest, found.identity, url.href);
  const actual = integrity ?? await computeIntegrity(bytes);
  if (options.frozen && actual !== settings.locked?.integrity) {
    throw new PluginError("E_LOCK", `Cannot load plugin ${reference.key}: the lock is frozen`, {
      url: url.href,
      expected: `a manifest of ${settings.locked?.integrity}, as the lock file says`,
      actual,
    });
  }
  return {
    reference,
    manifest,
    bytes,
    url,
    integrity: actual,
    signers: await verifySignatures(manifest, url.href),
    source,
    isLocal: isLocal(url),
    lockFile: settings.lockFile,
    locked: settings.locked,
    meta: found.meta,
    readFile: fileReader(manifest, url, cache, vendored, fetcher),
    fs,
    cache,
  };
}

/** Where the cache lies when nobody says so. */
export function defaultCacheDir(
  userCache: string | undefined = getRuntime().cacheDir(),
): Path | undefined {
  return userCache === undefined ? undefined : joinPath(userCache, "plugins");
}

/** Where a manifest is and what it must be. */
interface FoundManifest {
  url: URL;
  /** What its bytes must be; undefined where nothing says so. */
  integrity: string | undefined;
  /** True where the integrity is no more than what a server said beside it. */
  isHearsay: boolean;
  /** What its content must say, where a registry gave it out. */
  identity: { id: string; version: string } | undefined;
  /** True where the lock file is whose word counts. */
  isLocked: boolean;
  /** What the registry has of it, where that was asked. */
  meta?: RegistryMeta;
  fetcher: Fetcher;
}

async function findManifest(
  reference: PluginReference,
  { locked, lockFile, registry, minimumAge }: Settings,
  fs: FileSystem,
  cache: PluginCache,
  options: OpenPluginOptions,
): Promise<FoundManifest> {
  const known = { isHearsay: false, isLocked: false, identity: undefined };
  const isNear = reference.kind === "package" ||
    (reference.kind === "url" && reference.url.protocol === "file:");
  if (locked !== undefined && lockFile !== undefined && !isNear) {
    // What the reference says itself goes before what the lock says of it.
    const { integrity = locked.integrity } = reference;
    const isLocked = integrity === locked.integrity;
    const url = reference.kind === "url" ? reference.url : fromLocked(locked.url, lockFile.url);
    if (reference.kind === "url" || isLocked) {
      return {
        ...known,
        url,
        integrity,
        isLocked,
        fetcher: createFetcher(fs, url.origin, options),
      };
    }
  }
  switch (reference.kind) {
    case "url": {
      const { url, integrity } = reference;
      return { ...known, url, integrity, fetcher: createFetcher(fs, url.origin, options) };
    }
    case "package": {
      const url = await findPackage(reference, fs);
      const { integrity } = reference;
      return { ...known, url, integrity, fetcher: createFetcher(fs, url.origin, options) };
    }
    case "registry": {
      const { id } = reference;
      const base = registryUrl(registry);
      const fetcher = createFetcher(fs, base.origin, options);
      const meta = await readMeta(id, base, fetcher, cache, options);
      const chosen = chooseVersion(reference, base, meta, { ...options, minimumAge });
      return {
        url: chosen.url,
        integrity: chosen.integrity,
        isHearsay: reference.integrity === undefined,
        isLocked: false,
        identity: { id, version: chosen.version },
        meta,
        fetcher,
      };
    }
  }
}

async function readManifest(
  { url, integrity, isHearsay, isLocked, fetcher }: FoundManifest,
  cache: PluginCache,
  vendored: VendoredPlugin | undefined,
  options: OpenPluginOptions,
): Promise<{ bytes: Uint8Array; source: PluginSource }> {
  const own = integrity && await vendored?.read(manifestName, integrity);
  if (own) return { bytes: own, source: "vendor" };
  const isPromised = isLocal(url) || options.trustFirstUse === true ||
    (integrity !== undefined && !isHearsay);
  if (!isPromised && integrity !== undefined) throw notPromised(url, integrity);
  const isFile = url.protocol === "file:";
  const kept = integrity === undefined || isFile ? undefined : await cache.read(integrity);
  if (kept !== undefined) return { bytes: kept, source: "cache" };
  const bytes = await fetcher.read(url, maxManifestBytes);
  if (!isPromised) throw notPromised(url, await computeIntegrity(bytes));
  if (integrity !== undefined) {
    await verifyIntegrity(bytes, integrity, url.href).catch((error) => {
      throw isLocked && error instanceof PluginError ? notAsLocked(error, url) : error;
    });
    if (!isFile) await cache.write(integrity, bytes);
  } else if (!isFile && options.trustFirstUse) {
    // What is locked now is read from there the next time.
    await cache.write(await computeIntegrity(bytes), bytes);
  }
  return { bytes, source: isFile ? "file" : "network" };
}

function notPromised(url: URL, actual: string): PluginError {
  return new PluginError(
    "E_INTEGRITY",
    `Cannot load plugin ${url}: nothing says what its manifest must be`,
    {
      url: url.href,
      expected: "an integrity value in the reference or in a lock file",
      actual,
      hint: `look at it with keepfit explain, and if you trust it run keepfit add, or ` +
        `load ${url.href}#${actual}`,
    },
  );
}

function notAsLocked({ expected, actual }: PluginError, url: URL): PluginError {
  return new PluginError("E_INTEGRITY", `Cannot use ${url}: it is not what the lock file says`, {
    url: url.href,
    expected,
    actual,
    hint: "it was changed since: keepfit update shows what is different",
  });
}

/** Reads files from where they are nearest: the vendor folder, the cache, then where they come from. */
function fileReader(
  manifest: PluginManifest,
  manifestUrl: URL,
  cache: PluginCache,
  vendored: VendoredPlugin | undefined,
  { read }: Fetcher,
): ReadFile {
  const paths = new Map<string, string>();
  for (const path of Object.keys(manifest.files)) paths.set(fileUrl(path, manifestUrl).href, path);
  return async (url, { integrity, size }) => {
    const own = await vendored?.read(paths.get(url.href) as string, integrity);
    if (own !== undefined) return own;
    // A local file is as near as the cache.
    const isFile = url.protocol === "file:";
    const kept = isFile ? undefined : await cache.read(integrity);
    if (kept !== undefined) return kept;
    const bytes = await read(url, size);
    await verifyIntegrity(bytes, integrity, url.href);
    if (!isFile) await cache.write(integrity, bytes);
    return bytes;
  };
}
