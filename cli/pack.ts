import { folderPluginStore, publishVersion } from "../hub/mod.ts";
import { manifestName } from "../plugins/manifest/format.ts";
import type { FileSystem } from "../runtime/types.ts";
import { packSource } from "../testing/pack_source.ts";

/** Options of {@linkcode packPlugin}. */
export interface PackOptions {
  /** Source folder of the plugin: its files, and a manifest that need not list them. */
  source: string;
  /** The registry's folder; created if missing. */
  out: string;
  fs: FileSystem;
  /** Bundle the module and its imports into one JavaScript module. Default: false. */
  bundle?: boolean;
  /** Replace an existing version. Default: false. */
  force?: boolean;
}

/** A packed plugin. */
export interface PackedPlugin {
  id: string;
  version: string;
  /** Reference relative to the registry: path and integrity of the manifest. */
  reference: string;
  /** Number of files, including the manifest. */
  files: number;
  /** Size of all files in bytes. */
  size: number;
  /** Whether the folder has the log of a hub, which does not have this version yet. */
  isUnlogged: boolean;
}

/**
 * Publish a plugin into a registry's folder: list its files with size and integrity, check that its
 * modules can be loaded, and write the version and the files derived from it.
 *
 * Every file of the source folder is included, except hidden ones, `node_modules` and those in `out`;
 * a bundle contains only the bundled module and the documents.
 *
 * @throws PluginError if the plugin could not be loaded
 * @throws RangeError if `out` is the source folder
 * @throws TypeError for TypeScript without `bundle`, or if esbuild is not installed
 * @throws Error for an existing version with other bytes
 * @throws FileSystemError when a folder cannot be read or written
 */
export async function packPlugin(options: PackOptions): Promise<PackedPlugin> {
  const { source, out, fs, bundle = false, force = false } = options;
  const { contents } = await packSource(source, { fs, bundle, out });
  const manifest = contents.get(manifestName) as Uint8Array;
  const files = new Map([...contents].filter(([path]) => path !== manifestName));
  await fs.makeDir(out);
  try {
    const store = folderPluginStore(out, { fs });
    const { id, version, integrity, isNew } = await publishVersion(
      store,
      { manifest, files },
      { replace: force },
    );
    return {
      id,
      version,
      reference: `${id}/${version}/${manifestName}#${integrity}`,
      files: contents.size,
      isUnlogged: isNew && (await store.log()).head !== undefined,
      size: [...contents.values()].reduce((sum, { length }) => sum + length, 0),
    };
  } catch (error) {
    if ((error as { status?: unknown }).status !== 409) throw error;
    throw new Error(`${(error as Error).message}, or use --force if it has no users yet`, {
      cause: error,
    });
  }
}
