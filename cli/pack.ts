import { folderPluginStore, publishVersion } from "../hub/mod.ts";
import { manifestName } from "../plugins/manifest/format.ts";
import type { FileSystem } from "../runtime/types.ts";
import { packSource } from "../testing/pack_source.ts";

/** Options of {@linkcode packPlugin}. */
export interface PackOptions {
  /** The folder that the plugin is written in: its files, and a manifest that need not list them. */
  source: string;
  /** The registry's folder; made when it is not there. */
  out: string;
  fs: FileSystem;
  /** Make the module and all that it imports one JavaScript module. Default: false. */
  bundle?: boolean;
  /** Replace a version that is there with other bytes. Default: false. */
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
  /** Bytes of all of them. */
  size: number;
}

/**
 * Publish a plugin into a registry's folder: list its files with size and integrity, try that its
 * modules can be loaded, write the version and what is derived from it.
 *
 * Every file of the source folder goes along but hidden ones and `node_modules`; of a bundle only
 * the one module and what people read.
 *
 * @throws PluginError when the plugin could not be loaded later
 * @throws TypeError for TypeScript without `bundle`, and when there is no esbuild to bundle with
 * @throws Error when the version is there already and differs
 * @throws FileSystemError when a folder cannot be read or written
 */
export async function packPlugin(options: PackOptions): Promise<PackedPlugin> {
  const { source, out, fs, bundle = false, force = false } = options;
  const { contents } = await packSource(source, { fs, bundle });
  const manifest = contents.get(manifestName) as Uint8Array;
  const files = new Map([...contents].filter(([path]) => path !== manifestName));
  await fs.makeDir(out);
  try {
    const { id, version, integrity } = await publishVersion(
      folderPluginStore(out, { fs }),
      { manifest, files },
      { replace: force },
    );
    return {
      id,
      version,
      reference: `${id}/${version}/${manifestName}#${integrity}`,
      files: contents.size,
      size: [...contents.values()].reduce((sum, { length }) => sum + length, 0),
    };
  } catch (error) {
    if ((error as { status?: unknown }).status !== 409) throw error;
    throw new Error(`${(error as Error).message}, or use --force if nobody has it yet`, {
      cause: error,
    });
  }
}
