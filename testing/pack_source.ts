import { readGraph } from "../plugins/modules/graph.ts";
import { computeIntegrity } from "../plugins/manifest/integrity.ts";
import { parseManifest, parseSourceManifest } from "../plugins/manifest/parse.ts";
import ignore, { type Ignore } from "ignore";
import {
  manifestName,
  type PluginFile,
  type PluginManifest,
  type SourceManifest,
} from "../plugins/manifest/format.ts";
import { isRelativePath } from "../plugins/manifest/schema.ts";
import { peerModules } from "../plugins/modules/peers.ts";
import { textOf } from "../runtime/change_file.ts";
import { urlOfPath } from "../runtime/find_upward.ts";
import { joinPath, walk } from "../runtime/mod.ts";
import type { FileSystem } from "../runtime/types.ts";
import { bundleModule } from "./bundle_module.ts";

/** Options of {@linkcode packSource}. */
export interface PackSourceOptions {
  fs: FileSystem;
  /** Whether to bundle the module and its imports into one JavaScript module. */
  bundle: boolean;
  /** A folder whose files are not included, because the plugin is published into it. Default: none. */
  out?: string;
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
 * Without `bundle`, every file is included except hidden files, `node_modules`, files in `out`, and
 * files that `.npmignore` or, without one, `.gitignore` lists. The module and the files listed in
 * the manifest are always included. TypeScript is an error. With `bundle`, only the bundled module
 * and README, LICENSE and CHANGELOG are included.
 *
 * @param source source folder; its manifest need not list files
 * @throws PluginError if the plugin could not be loaded
 * @throws TypeError for TypeScript without `bundle`, for `bundle` without esbuild, and for a
 *   private key
 * @throws FileSystemError when the folder cannot be read
 */
export async function packSource(
  source: string,
  { fs, bundle, out }: PackSourceOptions,
): Promise<PackedSource> {
  const manifestPath = joinPath(source, manifestName);
  const draft = parseSourceManifest(await fs.readTextFile(manifestPath), manifestPath);
  const peers = ["keepfit", ...Object.keys(draft.peers ?? {})];

  const contents = new Map<string, Uint8Array>();
  const listed = withoutFolder(await listSource(source, fs), draft, source, out);
  const paths = await withoutIgnored(listed, draft, source, fs);
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
  for (const [path, bytes] of contents) refusePrivateKey(source, path, bytes);
  const files: Record<string, PluginFile> = {};
  for (const path of [...contents.keys()].sort()) {
    const bytes = contents.get(path) as Uint8Array;
    files[path] = { integrity: await computeIntegrity(bytes), size: bytes.length };
  }
  const { $schema, ...rest } = draft;
  // A relative path would be invalid in the published manifest.
  const schema = /^https?:/.test($schema ?? "") ? { $schema } : {};
  const manifest = parseManifest({ ...schema, ...rest, module, files }, manifestPath);
  await tryGraph(manifest, contents, peers);
  contents.set(manifestName, new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`));
  return { manifest, contents };
}

/**
 * The paths that are not in the folder `out`.
 *
 * @throws RangeError if `out` is the source folder itself
 */
function withoutFolder(
  paths: readonly string[],
  { module, files = {} }: SourceManifest,
  source: string,
  out = "",
): readonly string[] {
  if (out === "") return paths;
  const [root, folder] = [source, out].map((path) => urlOfPath(joinPath(path, "")).href);
  if (root === folder) {
    throw new RangeError(`Cannot pack ${source} into itself: expected another folder`);
  }
  if (!folder.startsWith(root)) return paths;
  return paths.filter((path) =>
    path === module || Object.hasOwn(files, path) ||
    !urlOfPath(joinPath(source, path)).href.startsWith(folder)
  );
}

/** The paths that neither `.npmignore` nor, without one, `.gitignore` lists, here or in a subfolder. */
async function withoutIgnored(
  paths: readonly string[],
  { module, files = {} }: SourceManifest,
  source: string,
  fs: FileSystem,
): Promise<string[]> {
  const folders = new Set(paths.flatMap((path) => foldersAbove(path)));
  const rules: { folder: string; ignored: Ignore }[] = [];
  for (const folder of folders) {
    for (const name of [".npmignore", ".gitignore"]) {
      const text = await textOf(fs, urlOfPath(joinPath(source, `${folder}${name}`)));
      if (text === undefined) continue;
      rules.push({ folder, ignored: ignore().add(text) });
      break;
    }
  }
  return paths.filter((path) =>
    path === module || Object.hasOwn(files, path) ||
    !rules.some(({ folder, ignored }) =>
      path.startsWith(folder) && ignored.ignores(path.slice(folder.length))
    )
  );
}

/** Of `a/b/c.js`: the source folder itself, `a/` and `a/b/`. */
function foldersAbove(path: string): string[] {
  const names = path.split("/").slice(0, -1);
  return ["", ...names.map((_, i) => `${names.slice(0, i + 1).join("/")}/`)];
}

/**
 * Refuse a private key, because a published version can never be changed.
 *
 * @throws TypeError for a file that contains a private key
 */
function refusePrivateKey(source: string, path: string, bytes: Uint8Array): void {
  // Latin-1 decodes any bytes without an error.
  const text = new TextDecoder("latin1").decode(bytes);
  if (!/-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----/.test(text)) return;
  throw new TypeError(
    `Cannot pack ${source}: ${path} contains a private key, which everybody could read; keep it in ` +
      `another folder, or list it in .gitignore`,
  );
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
    // Reading a pipe or a socket would wait for ever.
    if (path === manifestName || !entry.isFile) continue;
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
