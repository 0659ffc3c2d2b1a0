/**
 * The npm package: one JavaScript file and one declaration for each source file.
 *
 * ```sh
 * node --import tsx build/npm.ts          # or: deno run -A build/npm.ts; into dist/npm
 * ```
 */
import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import {
  compile,
  dependencies,
  manifest,
  packageOf,
  rewriteImports,
  root,
  targetFolder,
} from "./package.ts";
import { published } from "../plugins/manifest/version.ts";

const command = "cli/keepfit.js";
const folder = targetFolder("npm");
await rm(folder, { recursive: true, force: true });
compile(folder);
await rewriteImports(folder, ".js", onNpm);
await rewriteImports(folder, ".d.ts", (name) => onNpm(name).replace(/^(\..*)\.ts$/, "$1.js"));
await nameTypes();
await copyOtherFiles();
await markExecutable(command);
await writeFile(`${folder}/package.json`, `${JSON.stringify(packageJson(), null, 2)}\n`);
// Otherwise Deno takes imports from dist/npm for a part of this repository.
if (folder === resolve(root, "dist/npm")) await writeFile(`${root}dist/deno.json`, "{}\n");
console.log(`keepfit ${manifest.version} for npm: ${folder}`);

/** The name on npm of what a source file imports. */
function onNpm(specifier: string): string {
  const found = packageOf(specifier);
  return found === undefined ? specifier : found.name + found.path;
}

/** Pages and styles of the rooms, the JSON Schemas, and what a package carries at its root. */
async function copyOtherFiles(): Promise<void> {
  const built = (await readdir(folder, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const paths = (await readdir(root)).filter((name) => /^(README|CHANGELOG|LICENSE)/.test(name));
  for (const room of [...built, "schemas"]) {
    for (const entry of await readdir(root + room, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || entry.name.endsWith(".ts")) continue;
      paths.push(`${entry.parentPath}/${entry.name}`.slice(root.length));
    }
  }
  for (const path of paths) {
    await mkdir(dirname(`${folder}/${path}`), { recursive: true });
    await copyFile(root + path, `${folder}/${path}`);
  }
}

/** Deno finds the types of a file by this without a package.json. */
async function nameTypes(): Promise<void> {
  for (const path of await readdir(folder, { recursive: true })) {
    if (!path.endsWith(".js")) continue;
    const types = `./${basename(path, ".js")}.d.ts`;
    const text = await readFile(`${folder}/${path}`, "utf8");
    await writeFile(`${folder}/${path}`, `// @ts-self-types="${types}"\n${text}`);
  }
}

/** npm starts a command by its first line. */
async function markExecutable(path: string): Promise<void> {
  const text = await readFile(`${folder}/${path}`, "utf8");
  await writeFile(`${folder}/${path}`, `#!/usr/bin/env node\n${text}`);
  await chmod(`${folder}/${path}`, 0o755);
}

function packageJson(): Record<string, unknown> {
  const { name, version, description, license, engines } = manifest;
  // One tfjs per program: the user's, and backends only on request.
  const tfjs = dependencies.filter((one) => one.name.startsWith("@tensorflow/"));
  const others = dependencies.filter((one) => !tfjs.includes(one));
  // Only plugin authors bundle.
  const peers = [...tfjs, { name: "esbuild", version: manifest.devDependencies.esbuild }];
  return {
    name: published ?? name,
    version,
    // Prevents publishing by mistake.
    private: published === undefined ? true : undefined,
    description,
    license,
    type: "module",
    sideEffects: false,
    engines,
    bin: { keepfit: command },
    exports: Object.fromEntries(
      Object.entries(manifest.exports).map(([name, path]) => [name, path.replace(/\.ts$/, ".js")]),
    ),
    dependencies: Object.fromEntries(others.map((one) => [one.name, one.version])),
    peerDependencies: Object.fromEntries(peers.map((one) => [one.name, `^${one.version}`])),
    peerDependenciesMeta: Object.fromEntries(
      peers.filter((one) => one.name !== "@tensorflow/tfjs")
        .map((one) => [one.name, { optional: true }]),
    ),
  };
}
