/**
 * The npm package: a file and a declaration for each export, and their code in shared chunks, because
 * a program that loads some hundred small files starts a tenth of a second later.
 *
 * ```sh
 * node --import tsx build/npm.ts          # or: deno run -A build/npm.ts; into dist/npm
 * ```
 */
import { chmod, copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, relative, resolve } from "node:path";
import { build, type PluginBuild } from "esbuild";
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
/** Sources that find files beside them. Their code is in a chunk, at another place. */
const located =
  /\/(cli\/keepfit_source|cli\/check\/check_runtimes|hub\/registry\/schema_routes)\.js$/;

const folder = targetFolder("npm");
await rm(folder, { recursive: true, force: true });
compile(folder);
await rewriteImports(folder, ".js", onNpm);
await rewriteImports(folder, ".d.ts", (name) => onNpm(name).replace(/^(\..*)\.ts$/, "$1.js"));
await bundle();
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

/** Replace the modules by files for the exports and chunks that they share. */
async function bundle(): Promise<void> {
  const entries = [
    ...Object.values(manifest.exports).map((path) => path.slice(2).replace(/\.ts$/, ".js")),
    command,
  ];
  await build({
    absWorkingDir: folder,
    nodePaths: [`${root}node_modules`],
    entryPoints: entries.map((path) => ({ in: path, out: chunkOf(path) })),
    outdir: `${folder}/chunks`,
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "es2022",
    keepNames: true,
    plugins: [
      { name: "places of modules", setup: placeModules },
      { name: "packages", setup: keepPackagesOut },
    ],
  });
  for (const path of await readdir(folder, { recursive: true })) {
    if (!path.endsWith(".js") || path.startsWith("chunks")) continue;
    const up = "../".repeat(path.split("/").length - 1) || "./";
    const chunk = `${up}chunks/${chunkOf(path)}.js`;
    // Deno finds the types by the first line, without a package.json.
    const types = `// @ts-self-types="./${basename(path, ".js")}.d.ts"\n`;
    if (path === command) await writeFile(`${folder}/${path}`, `import "${chunk}";\n`);
    else if (entries.includes(path)) {
      await writeFile(`${folder}/${path}`, `${types}export * from "${chunk}";\n`);
    } else {
      // The declarations name it; its code is in a chunk.
      await writeFile(`${folder}/${path}`, `${types}export {};\n`);
    }
  }
}

/** Name of the chunk with the code of an export. */
function chunkOf(path: string): string {
  return path.replace(/\.js$/, "").replaceAll("/", "-");
}

/** Those of many small files are the exception: a chunk gets what is used of them. */
function keepPackagesOut(build: PluginBuild): void {
  build.onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
    const isInside = kind === "entry-point" || path.startsWith("deno-std/");
    return isInside ? undefined : { path, external: true };
  });
}

function placeModules(build: PluginBuild): void {
  build.onLoad({ filter: located }, async ({ path }) => {
    const place = `new URL("../${relative(folder, path)}", import.meta.url).href`;
    const text = await readFile(path, "utf8");
    return { contents: text.replaceAll("import.meta.url", place) };
  });
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
