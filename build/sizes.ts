/**
 * Measures the import size of each public name: modules and minified bytes of keepfit, without
 * packages and late imports.
 *
 * ```sh
 * node --import tsx build/sizes.ts      # or: deno run -A build/sizes.ts; into build/sizes.json
 * ```
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { build, type Metafile, type PluginBuild } from "esbuild";
import { manifest, root } from "./package.ts";

/** Cost of an import. */
export interface Size {
  modules: number;
  /** Minified size in bytes, not compressed. */
  bytes: number;
}

/** Committed sizes by public name. */
export function committedSizes(): Record<string, Size> {
  return JSON.parse(readFileSync(`${root}build/sizes.json`, "utf8"));
}

/** Sizes of every export, and of the README's smallest program. */
export async function measureSizes(): Promise<Record<string, Size>> {
  const sizes: Record<string, Size> = {};
  for (const [name, path] of Object.entries(manifest.exports)) {
    sizes[name] = await sizeOf(`export * from ${JSON.stringify(path)};`);
  }
  sizes["{ EarlyStopping, fit }"] = await sizeOf(`export { EarlyStopping, fit } from "./mod.ts";`);
  return sizes;
}

/** Paths of the modules of keepfit in the bundle of a program. */
export async function modulesOf(contents: string): Promise<string[]> {
  return Object.keys((await outputOf(contents)).inputs).filter((path) => path !== "entry");
}

async function sizeOf(contents: string): Promise<Size> {
  const { bytes, inputs } = await outputOf(contents);
  return { modules: Object.keys(inputs).length - 1, bytes };
}

async function outputOf(contents: string): Promise<Metafile["outputs"][string]> {
  const { metafile } = await build({
    absWorkingDir: root,
    stdin: { contents, resolveDir: root, loader: "ts", sourcefile: "entry" },
    outfile: "entry.js",
    bundle: true,
    minify: true,
    format: "esm",
    platform: "neutral",
    packages: "external",
    plugins: [{ name: "late imports", setup: leaveOutLate }],
    metafile: true,
    write: false,
  });
  return Object.values(metafile.outputs)[0];
}

function leaveOutLate(build: PluginBuild): void {
  build.onResolve(
    { filter: /./ },
    ({ kind, path }) => kind === "dynamic-import" ? { path, external: true } : undefined,
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const sizes = await measureSizes();
  writeFileSync(`${root}build/sizes.json`, `${JSON.stringify(sizes, null, 2)}\n`);
  console.table(sizes);
}
