/**
 * Builds the modules to import by URL: self-contained, with types, without a config file.
 *
 * ```sh
 * node --import tsx build/web.ts          # or: deno run -A build/web.ts; into dist/web
 * ```
 */
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import type { PluginBuild } from "esbuild";
import { bundle } from "./bundle.ts";
import { compile, manifest, packageOf, rewriteImports, root, targetFolder } from "./package.ts";

// The hub, the command and the testing tools need a local project, so only the npm package has
// them.
const modules = Object.fromEntries(
  Object.entries(manifest.exports)
    .filter(([name]) => !["./cli", "./hub", "./testing"].includes(name))
    .map(([name, path]) => [name === "." ? "mod" : name.slice(2), path]),
);

const folder = targetFolder("web");
await rm(folder, { recursive: true, force: true });
compile(folder, "--emitDeclarationOnly");
await rewriteImports(folder, ".d.ts", published);
await bundle({
  absWorkingDir: root,
  entryPoints: modules,
  main: "mod",
  outdir: folder,
  chunkNames: "chunks/[name]-[hash]",
  platform: "neutral",
  mainFields: ["module", "main"],
  target: "es2022",
  external: ["node:*"],
  plugins: [
    { name: "one tfjs", setup: keepTfjsOut },
    { name: "node's modules", setup: nameNodeModules },
  ],
});
for (const [name, path] of Object.entries(modules)) {
  const file = `${folder}/${name}.js`;
  const up = "../".repeat(name.split("/").length - 1) || "./";
  const types = up + path.slice(2).replace(/\.ts$/, ".d.ts");
  await writeFile(file, `// @ts-self-types="${types}"\n${await readFile(file, "utf8")}`);
}
await cp(`${root}schemas`, `${folder}/schemas`, { recursive: true });
console.log(`keepfit ${manifest.version} for the web: ${folder}`);

/**
 * Reject imports of tfjs, which the user's program already has; only backends may be imported late.
 */
function keepTfjsOut(build: PluginBuild): void {
  build.onResolve({ filter: /^@tensorflow\// }, ({ path, kind, importer }) => {
    if (kind === "dynamic-import") return { path: published(path), external: true };
    const text = `${importer} would bring a second tfjs: import ${path} late, or only its types`;
    return { errors: [{ text }] };
  });
}

/** Add the prefix `node:` to imports of packages that lack it. */
function nameNodeModules(build: PluginBuild): void {
  build.onResolve({ filter: /^module$/ }, ({ path }) => ({ path: `node:${path}`, external: true }));
}

/** The specifier of a module or declaration that is read without a config file. */
function published(specifier: string): string {
  if (specifier.startsWith(".")) return specifier.replace(/\.ts$/, ".d.ts");
  const found = packageOf(specifier);
  return found === undefined ? specifier : `npm:${found.name}@${found.version}${found.path}`;
}
