import { PublishError, Registry } from "../hub/mod.ts";
import { computeIntegrity } from "../plugins/integrity.ts";
import { parseManifest, parseSourceManifest } from "../plugins/manifest.ts";
import { manifestName, type PluginFile } from "../plugins/manifest_format.ts";
import { isRelativePath } from "../plugins/manifest_schema.ts";
import { joinPath, walk } from "../runtime/mod.ts";
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
  // What a person wrote is told of by its own name, before the registry looks at all of it.
  const manifest = parseManifest({ ...draft, files }, manifestPath);
  const text = new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`);
  const registry = new Registry(fs, out);
  await fs.makeDir(out);
  try {
    const { id, version, integrity } = await registry.publish(
      { manifest: text, files: contents },
      { replace: force },
    );
    return {
      id,
      version,
      reference: `${id}/${version}/${manifestName}#${integrity}`,
      files: contents.size + 1,
    };
  } catch (error) {
    if (!(error instanceof PublishError) || error.status !== 409) throw error;
    throw new Error(`${error.message}, or use --force if nobody has it yet`, { cause: error });
  }
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
