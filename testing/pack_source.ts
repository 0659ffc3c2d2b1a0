import { readGraph } from "../plugins/modules/graph.ts";
import { computeIntegrity } from "../plugins/manifest/integrity.ts";
import { parseManifest, parseSourceManifest } from "../plugins/manifest/parse.ts";
import { manifestName, type PluginFile, type PluginManifest } from "../plugins/manifest/format.ts";
import { isRelativePath } from "../plugins/manifest/schema.ts";
import { peerModules } from "../plugins/modules/peers.ts";
import { joinPath, walk } from "../runtime/mod.ts";
import type { FileSystem } from "../runtime/types.ts";
import { bundleModule } from "./bundle_module.ts";

/** Options of {@linkcode packSource}. */
export interface PackSourceOptions {
  fs: FileSystem;
  /** Whether to bundle the module and its imports into one JavaScript module. */
  bundle: boolean;
}

/** A plugin in its published form, in memory. */
export interface PackedSource {
  manifest: PluginManifest;
  /** Every file by path, including the manifest. */
  contents: Map<string, Uint8Array>;
}

/**
 * Convert a source folder to its published form: list its files with size and integrity, and check
 * that its modules can be loaded.
 *
 * Without `bundle`, every file is included except hidden ones and `node_modules`, and TypeScript is
 * an error. With it, only the bundled module and README, LICENSE and CHANGELOG are included.
 *
 * @param source source folder; its manifest need not list files
 * @throws PluginError when the plugin could not be loaded
 * @throws TypeError for TypeScript without `bundle`, and without esbuild
 * @throws FileSystemError when the folder cannot be read
 */
export async function packSource(
  source: string,
  { fs, bundle }: PackSourceOptions,
): Promise<PackedSource> {
  const manifestPath = joinPath(source, manifestName);
  const draft = parseSourceManifest(await fs.readTextFile(manifestPath), manifestPath);
  const peers = ["keepfit", ...Object.keys(draft.peers ?? {})];

  const contents = new Map<string, Uint8Array>();
  const paths = await listSource(source, fs);
  const script = paths.find(isTypeScript);
  if (!bundle && script !== undefined) {
    throw new TypeError(
      `Cannot pack ${source}: found ${script}, which is TypeScript; expected JavaScript: ` +
        `bundle it into one module (--bundle)`,
    );
  }
  for (const path of paths) {
    if (bundle && !/^(README|LICENSE|CHANGELOG)[^/]*$/i.test(path)) continue;
    contents.set(path, await fs.readFile(joinPath(source, path)));
  }
  let { module } = draft;
  if (bundle) {
    const bytes = await bundleModule(source, module, peers);
    module = bundleName(module);
    contents.set(module, bytes);
  }
  const files: Record<string, PluginFile> = {};
  for (const path of [...contents.keys()].sort()) {
    const bytes = contents.get(path) as Uint8Array;
    files[path] = { integrity: await computeIntegrity(bytes), size: bytes.length };
  }
  const { $schema, ...rest } = draft;
  // A relative path would be broken where the manifest is published.
  const schema = /^https?:/.test($schema ?? "") ? { $schema } : {};
  const manifest = parseManifest({ ...schema, ...rest, module, files }, manifestPath);
  await tryGraph(manifest, contents, peers);
  contents.set(manifestName, new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`));
  return { manifest, contents };
}

/** Whether the module of a source folder is TypeScript, which must be bundled. */
export async function isTypeScriptSource(source: string, fs: FileSystem): Promise<boolean> {
  const manifestPath = joinPath(source, manifestName);
  const { module } = parseSourceManifest(await fs.readTextFile(manifestPath), manifestPath);
  return isTypeScript(module);
}

/** Sorted relative paths of the files in a source folder, without the manifest. */
export async function listSource(source: string, fs: FileSystem): Promise<string[]> {
  const paths: string[] = [];
  const skip = [/(^|\/)\.[^/.][^/]*$/, /(^|\/)node_modules$/];
  for await (
    const entry of walk(source, { fs, includeDirs: false, includeSymlinks: false, skip })
  ) {
    const path = source === "."
      ? entry.path
      : entry.path.slice(source.replace(/(?<=.)\/+$/, "").length + 1);
    if (path === manifestName) continue;
    if (!isRelativePath(path)) {
      throw new RangeError(`Cannot pack ${entry.path}: its name must not contain \\ % ? # or :`);
    }
    paths.push(path);
  }
  return paths.sort();
}

/** `src/mod.ts` becomes `mod.js`. */
function bundleName(module: string): string {
  return `${module.slice(module.lastIndexOf("/") + 1).replace(/\.[^.]*$/, "")}.js`;
}

function isTypeScript(path: string): boolean {
  return /\.[cm]?tsx?$/.test(path) && !/\.d\.[cm]?ts$/.test(path);
}

async function tryGraph(
  manifest: PluginManifest,
  contents: ReadonlyMap<string, Uint8Array>,
  peers: string[],
): Promise<void> {
  // The URL only resolves relative imports.
  const base = new URL(`file:///${manifest.id}/${manifest.version}/`);
  const read = (url: URL): Promise<Uint8Array> =>
    Promise.resolve(
      contents.get(decodeURIComponent(url.pathname.slice(base.pathname.length))) as Uint8Array,
    );
  const others = peers.filter((name) => name !== "keepfit").map((name) => [name, {}]);
  await readGraph(manifest, base, read, peerModules(Object.fromEntries(others)));
}
