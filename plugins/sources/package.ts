import { FileSystemError, getRuntime, joinPath } from "../../runtime/mod.ts";
import type { FileSystem } from "../../runtime/types.ts";
import { PluginError } from "../errors.ts";
import { textOf } from "../../runtime/change_file.ts";
import { findFile } from "../../runtime/find_upward.ts";
import { manifestName } from "../manifest/format.ts";
import type { PackageReference } from "./reference.ts";
import { satisfies } from "../manifest/semver.ts";

/**
 * Find the manifest in a package that the runtime's own package manager has installed: in
 * `node_modules` from the folder of the main script upward, then from the working directory.
 *
 * @returns its `file:` URL
 * @throws PluginError `E_REGISTRY` if the package is not installed, or has another version
 */
export async function findPackage(reference: PackageReference, fs: FileSystem): Promise<URL> {
  const { key, registry, name, range, path } = reference;
  // In node_modules, a JSR package has its npm name.
  const folder = registry === "jsr" ? `@jsr/${name.slice(1).replace("/", "__")}` : name;
  const found = await findFile(fs, `node_modules/${folder}/package.json`);
  if (found === undefined) {
    throw new PluginError("E_REGISTRY", `Cannot load plugin ${key}: ${name} is not installed`, {
      expected: `node_modules/${folder} beside the program or in a parent folder`,
      hint: installHint(reference),
    });
  }
  const version = await versionOf(found, fs);
  if (range !== undefined && !satisfies(version, range)) {
    throw new PluginError(
      "E_REGISTRY",
      `Cannot load plugin ${key}: the installed ${name} has another version`,
      {
        url: found.href,
        expected: range,
        actual: version,
        hint: installHint(reference),
      },
    );
  }
  const file = path === undefined
    ? manifestName
    : path.endsWith(".json")
    ? path
    : `${path}/${manifestName}`;
  return joinPath(new URL(".", found), file);
}

async function versionOf(path: URL, fs: FileSystem): Promise<string> {
  try {
    const text = await textOf(fs, path);
    const data: unknown = JSON.parse(text ?? "");
    const { version } = (data ?? {}) as { version?: unknown };
    if (typeof version === "string") return version;
  } catch (error) {
    if (error instanceof FileSystemError) throw error;
  }
  throw new PluginError("E_REGISTRY", `Cannot read ${path}: expected the version of a package`, {
    url: path.href,
    hint: "install the package again",
  });
}

function installHint({ registry, name, range }: PackageReference): string {
  const specifier = range === undefined ? name : `${name}@${range}`;
  const quoted = /[\s<>|*^]/.test(specifier) ? `"${specifier}"` : specifier;
  switch (getRuntime().name) {
    case "deno":
      return `run deno add ${quoted.replace(/^"?/, `$&${registry}:`)}, with "nodeModulesDir": ` +
        `"auto" in deno.json`;
    case "bun":
      return registry === "jsr" ? `run bunx jsr add ${quoted}` : `run bun add ${quoted}`;
    case "node":
      return registry === "jsr" ? `run npx jsr add ${quoted}` : `run npm install ${quoted}`;
  }
}
