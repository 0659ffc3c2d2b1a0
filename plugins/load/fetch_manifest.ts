import { PluginError } from "../errors.ts";
import { manifestName, type PluginManifest } from "../manifest/format.ts";
import { computeIntegrity, verifyIntegrity } from "../manifest/integrity.ts";
import { parseManifest } from "../manifest/parse.ts";
import { verifySignatures } from "../manifest/signature.ts";
import { fileUrl, type ReadFile } from "../modules/graph.ts";
import { isOwn, isServedHere } from "../sources/reference.ts";
import { checkIdentity } from "../sources/registry.ts";
import type { PluginLocation } from "./locate.ts";

/** Where a manifest was found. */
export type PluginSource = "cache" | "file" | "network" | "vendor";

/** A plugin whose manifest is verified and whose code has not run. */
export interface Candidate extends Omit<PluginLocation, "integrity"> {
  manifest: PluginManifest;
  /** The manifest, byte for byte. */
  bytes: Uint8Array;
  /** Of the manifest. */
  integrity: string;
  /** Keys that signed the manifest, verified. */
  signers: string[];
  source: PluginSource;
  /** Whether the plugin is the user's own. */
  isOwn: boolean;
  /** Reads and verifies a file that the manifest lists. */
  readFile: ReadFile;
}

/** Maximum size of a manifest in bytes. */
export const maxManifestBytes = 256 * 1024;

/**
 * The second phase of loading a plugin: read its manifest and verify integrity, identity and
 * signatures.
 *
 * @throws PluginError `E_HTTP`, `E_INTEGRITY`, `E_LIMIT`, `E_LOCK`, `E_MANIFEST`, `E_OFFLINE`,
 *   `E_REGISTRY`, `E_SIGNATURE`
 */
export async function fetchManifest(location: PluginLocation): Promise<Candidate> {
  const { reference, url, identity, settings: { frozen, locked } } = location;
  const { bytes, source } = await readManifest(location);
  const manifest = parseManifest(new TextDecoder().decode(bytes), url.href);
  if (identity !== undefined) checkIdentity(manifest, identity, url.href);
  const integrity = location.integrity ?? await computeIntegrity(bytes);
  if (frozen && integrity !== locked?.integrity) {
    throw new PluginError("E_LOCK", `Cannot load plugin ${reference.key}: the lock is frozen`, {
      url: url.href,
      expected: `a manifest with ${locked?.integrity}, as in the lock file`,
      actual: integrity,
    });
  }
  return {
    ...location,
    manifest,
    bytes,
    integrity,
    signers: await verifySignatures(manifest, url.href),
    source,
    isOwn: isOwn(reference),
    readFile: fileReader(manifest, location),
  };
}

async function readManifest(
  location: PluginLocation,
): Promise<{ bytes: Uint8Array; source: PluginSource }> {
  const { reference, url, integrity, isLocked, isUnverified, settings } = location;
  const { cache, fetcher, vendored } = location;
  const own = integrity && await vendored?.read(manifestName, integrity);
  if (own) return { bytes: own, source: "vendor" };
  const hasTrustedIntegrity = integrity !== undefined && !isUnverified;
  const isFile = url.protocol === "file:";
  // A list of versions in a local folder is sufficient for the files beside it.
  const isOfFolder = reference.kind === "registry" && isFile;
  const isTrusted = hasTrustedIntegrity || isOwn(reference) || isServedHere(reference) ||
    isOfFolder || settings.trustFirstUse;
  if (!isTrusted && integrity !== undefined) throw untrusted(location, integrity);
  const cached = integrity === undefined || isFile ? undefined : await cache.read(integrity);
  if (cached !== undefined) return { bytes: cached, source: "cache" };
  const bytes = await fetcher.read(url, maxManifestBytes);
  if (!isTrusted) throw untrusted(location, await computeIntegrity(bytes));
  if (integrity !== undefined) {
    await verifyIntegrity(bytes, integrity, url.href).catch((error) => {
      throw isLocked && error instanceof PluginError ? notAsLocked(error, url) : error;
    });
    if (!isFile) await cache.write(integrity, bytes);
  } else if (!isFile && settings.trustFirstUse) {
    // Once locked, the plugin is read from the cache.
    await cache.write(await computeIntegrity(bytes), bytes);
  }
  return { bytes, source: isFile ? "file" : "network" };
}

function untrusted({ reference, url }: PluginLocation, actual: string): PluginError {
  return new PluginError(
    "E_INTEGRITY",
    `Cannot load plugin ${url}: its manifest has no known integrity`,
    {
      url: url.href,
      expected: "an integrity value in the reference or in a lock file",
      actual,
      hint: `inspect it with keepfit explain; if you trust it, run keepfit add, or ` +
        `load ${reference.key}#${actual}`,
    },
  );
}

function notAsLocked({ expected, actual }: PluginError, url: URL): PluginError {
  return new PluginError("E_INTEGRITY", `Cannot use ${url}: it does not match the lock file`, {
    url: url.href,
    expected,
    actual,
    hint: "it has changed: keepfit update shows the differences",
  });
}

function tooLarge(url: URL, size: number): PluginError {
  return new PluginError("E_LIMIT", `Cannot use ${url}: it is larger than in the manifest`, {
    url: url.href,
    expected: `at most ${size} bytes`,
    hint: "it was changed: pack the plugin again if it is yours, else ask its author",
  });
}

/** Reads files from the vendor folder, the cache or their URL, in this order. */
function fileReader(
  manifest: PluginManifest,
  { url: manifestUrl, cache, vendored, fetcher }: PluginLocation,
): ReadFile {
  const paths = new Map<string, string>();
  for (const path of Object.keys(manifest.files)) paths.set(fileUrl(path, manifestUrl).href, path);
  return async (url, { integrity, size }) => {
    const own = await vendored?.read(paths.get(url.href) as string, integrity);
    if (own !== undefined) return own;
    // A local file is not copied to the cache.
    const isFile = url.protocol === "file:";
    const cached = isFile ? undefined : await cache.read(integrity);
    if (cached !== undefined) return cached;
    const bytes = await fetcher.read(url, size).catch((error) => {
      throw error instanceof PluginError && error.code === "E_LIMIT" ? tooLarge(url, size) : error;
    });
    await verifyIntegrity(bytes, integrity, url.href);
    if (!isFile) await cache.write(integrity, bytes);
    return bytes;
  };
}
