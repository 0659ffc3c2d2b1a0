import { getRuntime, joinPath } from "../runtime/mod.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import { PluginCache } from "./cache.ts";
import { PluginError } from "./errors.ts";
import { createReader, type FetchOptions, isLoopback, type ReadUrl } from "./fetcher.ts";
import type { ReadFile } from "./graph.ts";
import { computeIntegrity, verifyIntegrity } from "./integrity.ts";
import { parseManifest } from "./manifest.ts";
import type { PluginManifest } from "./manifest_format.ts";
import { parseReference } from "./reference.ts";
import { verifySignatures } from "./signature.ts";

/** Options of {@linkcode openPlugin}. */
export interface OpenPluginOptions extends FetchOptions {
  /** Integrity of the manifest, where the reference does not carry it. */
  integrity?: string;
  /** Where the cache lies. An absolute path or a `file:` URL. Default: in the user's cache folder. */
  cacheDir?: Path;
  /** File system of the cache, of `file:` references and of `outputDir`. Default: the runtime's. */
  fs?: FileSystem;
}

/** A plugin whose manifest is verified and of which nothing has run. */
export interface OpenPlugin {
  manifest: PluginManifest;
  /** The keys that signed the manifest, all verified. */
  signers: string[];
  /** Of the manifest. */
  url: URL;
  /** Of the manifest. */
  integrity: string;
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
 * @throws PluginError `E_HTTP`, `E_INTEGRITY`, `E_LIMIT`, `E_MANIFEST`, `E_SIGNATURE`
 */
export async function openPlugin(
  reference: string | URL,
  options: OpenPluginOptions = {},
): Promise<OpenPlugin> {
  const { url, integrity } = parseReference(reference, options.integrity);
  const runtime = getRuntime();
  const fs = options.fs ?? runtime.fs;
  const cache = new PluginCache(fs, options.cacheDir ?? defaultCacheDir(runtime.cacheDir()));
  const read = createReader(fs, url.origin, options);
  const bytes = await readManifest(url, integrity, cache, read);
  const manifest = parseManifest(new TextDecoder().decode(bytes), url.href);
  return {
    manifest,
    signers: await verifySignatures(manifest, url.href),
    url,
    integrity: integrity ?? await computeIntegrity(bytes),
    readFile: (file, listed) => readFile(file, listed, cache, read),
    fs,
    cache,
  };
}

function defaultCacheDir(userCache: string | undefined): Path | undefined {
  return userCache === undefined ? undefined : joinPath(userCache, "plugins");
}

async function readManifest(
  url: URL,
  integrity: string | undefined,
  cache: PluginCache,
  read: ReadUrl,
): Promise<Uint8Array> {
  const kept = integrity === undefined ? undefined : await cache.read(integrity);
  if (kept !== undefined) return kept;
  const bytes = await read(url, maxManifestBytes);
  if (integrity !== undefined) {
    await verifyIntegrity(bytes, integrity, url.href);
    await cache.write(integrity, bytes);
  } else if (url.protocol !== "file:" && !isLoopback(url)) {
    const actual = await computeIntegrity(bytes);
    throw new PluginError(
      "E_INTEGRITY",
      `Cannot load plugin ${url}: nothing says what its manifest must be`,
      {
        url: url.href,
        expected: "an integrity value in the reference",
        actual,
        hint: `look at what it does, and if you trust it load ${url.href}#${actual}`,
      },
    );
  }
  return bytes;
}

async function readFile(
  url: URL,
  { integrity, size }: PluginManifest["files"][string],
  cache: PluginCache,
  read: ReadUrl,
): Promise<Uint8Array> {
  // A local file is as near as the cache.
  const isLocal = url.protocol === "file:";
  const kept = isLocal ? undefined : await cache.read(integrity);
  if (kept !== undefined) return kept;
  const bytes = await read(url, size);
  await verifyIntegrity(bytes, integrity, url.href);
  if (!isLocal) await cache.write(integrity, bytes);
  return bytes;
}
