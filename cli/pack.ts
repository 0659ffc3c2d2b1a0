import { Registry } from "../hub/mod.ts";
import { computeIntegrity } from "../plugins/integrity.ts";
import { manifestName } from "../plugins/manifest_format.ts";
import { directoryOf, joinPath } from "../runtime/mod.ts";
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
  const { manifest: { id, version }, contents } = await packSource(source, { fs, bundle });
  const folder = joinPath(out, `${id}/${version}`);
  if (!force) await refuseChange(contents, folder, fs);
  for (const [path, bytes] of contents) {
    const place = joinPath(folder, path);
    await fs.makeDir(directoryOf(place));
    await fs.writeFile(place, bytes);
  }
  await derive(out, id, fs);
  const integrity = await computeIntegrity(contents.get(manifestName) as Uint8Array);
  return {
    id,
    version,
    reference: `${id}/${version}/${manifestName}#${integrity}`,
    files: contents.size,
    size: [...contents.values()].reduce((sum, { length }) => sum + length, 0),
  };
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
