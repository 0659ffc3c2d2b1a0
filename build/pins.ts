/**
 * Updates the hashes of the example plugins: packs each plugin again, and writes the hash of its
 * manifest wherever a program or page refers to it.
 *
 * ```sh
 * node --import tsx build/pins.ts      # or: deno run -A build/pins.ts
 * ```
 *
 * A plugin with a `source/` folder is bundled from it; others are packed from the folder of their
 * version.
 */
import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { getRuntime } from "keepfit/runtime";
import { packPlugin } from "../cli/pack.ts";
import type { RegistryMeta } from "../hub/registry/format.ts";
import { computeIntegrity } from "../plugins/manifest/integrity.ts";
import { manifestName, type PluginManifest } from "../plugins/manifest/format.ts";
import { packSource } from "../testing/pack_source.ts";
import { listFiles, root } from "../tests/files.ts";

const registry = "examples/plugins";
const pinned =
  /([a-z0-9-]+\/[a-z0-9-]+\/\d+\.\d+\.\d+\/callback\.plugin\.json)#(sha384-[\w+/=]{64})/g;

/** A hash that does not match its bytes. */
export interface StalePin {
  /** File that contains it, relative to the repository. */
  file: string;
  /** Path that the hash refers to: a file of a plugin, or a manifest. */
  of: string;
}

/** Source folder of each example plugin, relative to the repository. */
function sources(): string[] {
  const files = listFiles();
  return files.filter((path) =>
    path.startsWith(`${registry}/`) && path.endsWith(`/${manifestName}`)
  )
    .map((path) => path.slice(0, -manifestName.length - 1))
    .filter((folder) => {
      const source = folder.replace(/[^/]+$/, "source");
      return folder === source || !files.includes(`${source}/${manifestName}`);
    });
}

/** Every outdated hash in manifests, programs and pages. */
export async function findStalePins(): Promise<StalePin[]> {
  const { fs } = getRuntime();
  const stale: StalePin[] = [];
  for (const source of sources()) {
    const { manifest, contents } = await packSource(root + source, {
      fs,
      bundle: isBundled(source),
    });
    const file = `${registry}/${manifest.id}/${manifest.version}/${manifestName}`;
    const stored: PluginManifest = JSON.parse(await readFile(root + file, "utf8"));
    const paths = new Set([...Object.keys(stored.files), ...contents.keys()]);
    paths.delete(manifestName);
    for (const of of paths) {
      if (stored.files[of]?.integrity !== manifest.files[of]?.integrity) stale.push({ file, of });
    }
    const meta = `${registry}/${manifest.id}/meta.json`;
    const { versions }: RegistryMeta = JSON.parse(await readFile(root + meta, "utf8"));
    const of = `${manifest.id}/${manifest.version}/${manifestName}`;
    if (versions[manifest.version]?.integrity !== await manifestIntegrity(of)) {
      stale.push({ file: meta, of });
    }
  }
  for (const file of pages()) {
    for (const [, of, integrity] of (await readFile(root + file, "utf8")).matchAll(pinned)) {
      if (integrity !== await manifestIntegrity(of)) stale.push({ file, of });
    }
  }
  return stale;
}

/** Pack every example plugin and update its hash everywhere. */
async function writePins(): Promise<void> {
  const { fs } = getRuntime();
  for (const source of sources()) {
    const bundle = isBundled(source);
    const { reference } = await packPlugin({
      source: root + source,
      out: root + registry,
      fs,
      bundle,
      force: true,
    });
    console.log(reference);
  }
  for (const file of pages()) {
    const text = await readFile(root + file, "utf8");
    let changed = text;
    for (const [pin, of, integrity] of text.matchAll(pinned)) {
      const actual = await manifestIntegrity(of);
      if (actual !== undefined) changed = changed.replace(pin, pin.replace(integrity, actual));
    }
    if (changed === text) continue;
    await writeFile(root + file, changed);
    console.log(`changed ${file}`);
  }
}

const isBundled = (source: string): boolean => source.endsWith("/source");

/** Files that may refer to an example plugin. */
function pages(): string[] {
  return listFiles().filter((path) =>
    /\.(ts|md)$/.test(path) && !path.endsWith("_test.ts") &&
    /^(README|docs\/|examples\/)/.test(path)
  );
}

/** The hash of an example plugin's manifest; undefined for an unknown name. */
async function manifestIntegrity(path: string): Promise<string | undefined> {
  const bytes = await readFile(`${root}${registry}/${path}`).catch(() => undefined);
  return bytes && await computeIntegrity(bytes);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await writePins();
