import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** Root of the repository, with a trailing slash. */
export const root: string = fileURLToPath(new URL("..", import.meta.url));

/** Keys of package.json that the build uses. */
export interface Manifest {
  name: string;
  version: string;
  description: string;
  license: string;
  exports: Record<string, string>;
  engines: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

/** The repository's package.json. */
export const manifest: Manifest = JSON.parse(readFileSync(`${root}package.json`, "utf8"));

/** A published package, or a path in it. */
export interface PackageName {
  name: string;
  version: string;
  /** Path after the name, with a leading slash; empty for the package. */
  path: string;
}

/** Packages by the name in imports; parts of a package follow it. */
const packages: Record<string, PackageName> = {
  ...Object.fromEntries(
    Object.entries(manifest.dependencies).map((
      [name, version],
    ) => [name, { name, version, path: "" }]),
  ),
  // Names used only in this repository; on npm they are in deno-std.
  "@std/csv": { name: "deno-std", version: stdVersion("csv"), path: "/csv/mod.js" },
  "@std/csv/parse": { name: "deno-std", version: stdVersion("csv"), path: "/csv/parse.js" },
  "@std/csv/stringify": { name: "deno-std", version: stdVersion("csv"), path: "/csv/stringify.js" },
  "@std/semver": { name: "deno-std", version: stdVersion("semver"), path: "/semver/mod.js" },
};

/** The published packages that keepfit depends on. */
export const dependencies: PackageName[] = Object.values(packages);

/** The published package of a specifier; undefined for files and built-in modules. */
export function packageOf(specifier: string): PackageName | undefined {
  const used = Object.keys(packages)
    .findLast((name) => specifier === name || specifier.startsWith(`${name}/`));
  if (used === undefined) return undefined;
  const { name, version, path } = packages[used];
  return { name, version, path: path + specifier.slice(used.length) };
}

/** Output folder: the first argument, or `dist/<name>`. */
export function targetFolder(name: string): string {
  return resolve(process.argv[2] ?? `${root}dist/${name}`);
}

/**
 * Compile all rooms with TypeScript, without type errors, which `deno check` finds.
 *
 * @throws Error if the compiler fails
 */
export function compile(folder: string, ...options: string[]): void {
  const { status } = runCompiler(
    ["--project", `${root}build/tsconfig.json`, "--outDir", folder, ...options],
    "inherit",
  );
  if (status !== 0) throw new Error(`Cannot build ${folder}: tsc ended with exit code ${status}`);
}

/** Run the TypeScript compiler and wait for it. */
export function runCompiler(
  options: string[],
  stdio: "inherit" | "pipe",
): { status: number | null; stdout: string } {
  const script = `${root}node_modules/typescript/bin/tsc`;
  const runtime = process.versions.deno === undefined ? [] : ["run", "-A"];
  return spawnSync(process.execPath, [...runtime, script, ...options], {
    stdio,
    encoding: "utf8",
  });
}

/**
 * Change the specifier of every import in files of a folder that end in `ending`, and in the
 * examples of their comments.
 */
export async function rewriteImports(
  folder: string,
  ending: string,
  rewrite: (specifier: string) => string,
): Promise<void> {
  const specifiers = /(\bfrom\s*|\bimport\s*\(?\s*)"([^"\n]+)"/g;
  for (const path of await readdir(folder, { recursive: true })) {
    if (!path.endsWith(ending)) continue;
    const text = await readFile(`${folder}/${path}`, "utf8");
    const changed = text.replace(specifiers, (_, head, name) => `${head}"${rewrite(name)}"`);
    if (changed !== text) await writeFile(`${folder}/${path}`, changed);
  }
}

function stdVersion(name: "csv" | "semver"): string {
  const text = readFileSync(`${root}std/${name}/package.json`, "utf8");
  return JSON.parse(text).dependencies["deno-std"];
}
