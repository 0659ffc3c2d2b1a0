/**
 * Builds the npm package: a file and a declaration for each export, with their code in shared
 * chunks, because loading a hundred small files would delay a program by a tenth of a second.
 *
 * ```sh
 * node --import tsx build/npm.ts          # or: deno run -A build/npm.ts; into dist/npm
 * ```
 */
import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, relative, resolve } from "node:path";
import type { PluginBuild } from "esbuild";
import { bundle } from "./bundle.ts";
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
/** Sources that locate files beside them; in the package their code is in a chunk elsewhere. */
const located =
  /\/(cli\/keepfit_source|cli\/check\/check_runtimes|hub\/registry\/schema_routes)\.js$/;

const folder = targetFolder("npm");
await rm(folder, { recursive: true, force: true });
compile(folder);
await rewriteImports(folder, ".js", onNpm);
await rewriteImports(folder, ".d.ts", (name) => onNpm(name).replace(/^(\..*)\.ts$/, "$1.js"));
// Before the bundle, which leaves out what its `sideEffects` allow.
await writeFile(`${folder}/package.json`, `${JSON.stringify(packageJson(), null, 2)}\n`);
await bundleModules();
await copyOtherFiles();
await markExecutable(command);
// Otherwise Deno treats imports from dist/npm as part of this repository.
if (folder === resolve(root, "dist/npm")) await writeFile(`${root}dist/deno.json`, "{}\n");
console.log(`keepfit ${manifest.version} for npm: ${folder}`);

/** The npm name of an import in a source file. */
function onNpm(specifier: string): string {
  const found = packageOf(specifier);
  return found === undefined ? specifier : found.name + found.path;
}

/** Copy pages and styles of the rooms, JSON Schemas, and the files at the root of the package. */
async function copyOtherFiles(): Promise<void> {
  const built = (await readdir(folder, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && entry.name !== "chunks").map((entry) => entry.name);
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

/** Replace the modules by files for the exports and shared chunks. */
async function bundleModules(): Promise<void> {
  const entries = [
    ...Object.values(manifest.exports).map((path) => path.slice(2).replace(/\.ts$/, ".js")),
    command,
  ];
  await bundle({
    absWorkingDir: folder,
    nodePaths: [`${root}node_modules`],
    entryPoints: Object.fromEntries(entries.map((path) => [chunkOf(path), path])),
    main: "mod",
    outdir: `${folder}/chunks`,
    chunkNames: "[name]-[hash]",
    platform: "node",
    target: "es2022",
    plugins: [
      { name: "module paths", setup: locateModules },
      { name: "packages", setup: keepPackagesOut },
    ],
  });
  for (const path of await readdir(folder, { recursive: true })) {
    if (!path.endsWith(".js") || path.startsWith("chunks")) continue;
    const up = "../".repeat(path.split("/").length - 1) || "./";
    const chunk = `${up}chunks/${chunkOf(path)}.js`;
    // Without a package.json, Deno finds the types by the first line.
    const types = `// @ts-self-types="./${basename(path, ".js")}.d.ts"\n`;
    if (path === command) await writeFile(`${folder}/${path}`, `import "${chunk}";\n`);
    else if (entries.includes(path)) {
      await writeFile(`${folder}/${path}`, `${types}export * from "${chunk}";\n`);
    } else {
      // Declarations refer to this file; its code is in a chunk.
      await writeFile(`${folder}/${path}`, `${types}export {};\n`);
    }
  }
}

/** Name of the chunk with the code of an export. */
function chunkOf(path: string): string {
  return path.replace(/\.js$/, "").replaceAll("/", "-");
}

/** Keep packages as imports, except those of many small files, whose used parts are bundled. */
function keepPackagesOut(build: PluginBuild): void {
  build.onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
    const isInside = kind === "entry-point" || path.startsWith("deno-std/");
    return isInside ? undefined : { path, external: true };
  });
}

function locateModules(build: PluginBuild): void {
  build.onLoad({ filter: located }, async ({ path }) => {
    const url = `new URL("../${relative(folder, path)}", import.meta.url).href`;
    const text = await readFile(path, "utf8");
    return { contents: text.replaceAll("import.meta.url", url) };
  });
}

/** Add the first line that npm needs to start a command. */
async function markExecutable(path: string): Promise<void> {
  const text = await readFile(`${folder}/${path}`, "utf8");
  await writeFile(`${folder}/${path}`, `#!/usr/bin/env node\n${text}`);
  await chmod(`${folder}/${path}`, 0o755);
}

function packageJson(): Record<string, unknown> {
  const { name, version, description, license, engines } = manifest;
  // A program has one tfjs, that of the user; backends are optional.
  const tfjs = dependencies.filter((one) => one.name.startsWith("@tensorflow/"));
  const others = dependencies.filter((one) => !tfjs.includes(one));
  // Only plugin authors use esbuild.
  const peers = [...tfjs, { name: "esbuild", version: manifest.devDependencies.esbuild }];
  return {
    name: published ?? name,
    version,
    // Prevents accidental publishing.
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
