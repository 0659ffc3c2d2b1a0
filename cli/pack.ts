import { Registry } from "../hub/mod.ts";
import { readGraph } from "../plugins/graph.ts";
import { computeIntegrity } from "../plugins/integrity.ts";
import { parseManifest, parseSourceManifest } from "../plugins/manifest.ts";
import { manifestName, type PluginFile } from "../plugins/manifest_format.ts";
import { isRelativePath } from "../plugins/manifest_schema.ts";
import { peerModules } from "../plugins/peers.ts";
import { directoryOf, joinPath, walk } from "../runtime/mod.ts";
import type { FileSystem } from "../runtime/types.ts";

/** Options of {@linkcode packPlugin}. */
export interface PackOptions {
  /** The folder that the plugin is written in: its files, and a manifest that need not list them. */
  source: string;
  /** The registry's folder; made when it is not there. */
  out: string;
  fs: FileSystem;
  /** Replace a version that is there with other bytes. */
  force?: boolean;
}

/** What was packed. */
export interface PackedPlugin {
  id: string;
  version: string;
  /** The manifest, relative to the registry, with its integrity: what goes behind the registry's URL. */
  reference: string;
  /** How many files, the manifest included. */
  files: number;
}

/**
 * Publish a plugin into a registry's folder: list its files with size and integrity, try that its
 * modules can be loaded, write the version and what is derived from it.
 *
 * Every file of the source folder goes along but hidden ones and `node_modules`.
 *
 * @throws PluginError when the plugin could not be loaded later
 * @throws Error when the version is there already and differs
 * @throws FileSystemError when a folder cannot be read or written
 */
export async function packPlugin(options: PackOptions): Promise<PackedPlugin> {
  const { source, out, fs, force = false } = options;
  const manifestPath = joinPath(source, manifestName);
  const draft = parseSourceManifest(await fs.readTextFile(manifestPath), manifestPath);

  const contents = new Map<string, Uint8Array>();
  const files: Record<string, PluginFile> = {};
  for (const path of await listFiles(source, fs)) {
    const bytes = await fs.readFile(joinPath(source, path));
    contents.set(path, bytes);
    files[path] = { integrity: await computeIntegrity(bytes), size: bytes.length };
  }
  const manifest = parseManifest({ ...draft, files }, manifestPath);
  const peers = peerModules(
    Object.fromEntries(Object.keys(manifest.peers ?? {}).map((name) => [name, {}])),
  );
  // The URL only serves to resolve relative imports.
  const base = new URL(`file:///${manifest.id}/${manifest.version}/`);
  await readGraph(
    manifest,
    base,
    (url) =>
      Promise.resolve(
        contents.get(decodeURIComponent(url.pathname.slice(base.pathname.length))) as Uint8Array,
      ),
    peers,
  );
  const manifestBytes = new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`);
  contents.set(manifestName, manifestBytes);

  const { id, version } = manifest;
  const folder = joinPath(out, `${id}/${version}`);
  if (!force) await refuseChange(contents, folder, fs);
  for (const [path, bytes] of contents) {
    const place = joinPath(folder, path);
    await fs.makeDir(directoryOf(place));
    await fs.writeFile(place, bytes);
  }
  await derive(out, id, fs);
  const integrity = await computeIntegrity(manifestBytes);
  return {
    id,
    version,
    reference: `${id}/${version}/${manifestName}#${integrity}`,
    files: contents.size,
  };
}

async function listFiles(source: string, fs: FileSystem): Promise<string[]> {
  const paths: string[] = [];
  const skip = [/(^|\/)\.[^/.][^/]*$/, /(^|\/)node_modules$/];
  for await (
    const entry of walk(source, { fs, includeDirs: false, includeSymlinks: false, skip })
  ) {
    const path = entry.path.slice(source.replace(/(?<=.)\/+$/, "").length + 1);
    if (path === manifestName) continue;
    if (!isRelativePath(path)) {
      throw new RangeError(`Cannot pack ${entry.path}: its name must not contain \\ % ? # or :`);
    }
    paths.push(path);
  }
  return paths.sort();
}

async function refuseChange(
  contents: ReadonlyMap<string, Uint8Array>,
  folder: string,
  fs: FileSystem,
): Promise<void> {
  for (const [path, bytes] of contents) {
    const place = joinPath(folder, path);
    const present = await fs.readFile(place).catch(() => undefined);
    if (present === undefined || equal(present, bytes)) continue;
    throw new Error(
      `Cannot pack into ${folder}: ${path} is there and differs; a published version never ` +
        `changes: raise the version, or use --force if nobody has it yet`,
    );
  }
}

/** Write what static hosts need and the hub makes itself. */
async function derive(out: string, id: string, fs: FileSystem): Promise<void> {
  const registry = new Registry(fs, out);
  const [owner, name] = id.split("/");
  const write = (path: string, data: unknown): Promise<void> =>
    fs.writeFile(joinPath(out, path), `${JSON.stringify(data, null, 2)}\n`);
  await write(`${id}/meta.json`, await registry.meta(owner, name));
  await write("index.json", await registry.index());
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
