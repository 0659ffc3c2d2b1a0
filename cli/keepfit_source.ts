import { published, version } from "../plugins/manifest/version.ts";
import { exists, getRuntime, joinPath, toFileUrl } from "../runtime/mod.ts";
import type { FileSystem } from "../runtime/types.ts";

/** Where a new project gets keepfit from, as its files specify it. */
export interface KeepfitSource {
  /** Description: `../keepfit/dist/npm`. */
  name: string;
  /** Whether it comes from a registry rather than a folder. */
  isPublished: boolean;
  /** Dependency in package.json. */
  dependency: string;
  /** Imports of deno.json that define `keepfit` and, as `keepfit/command`, the command. */
  deno: Record<string, unknown>;
  /** Schema in the manifest, for editors. */
  schema: string;
}

/** The part of a built package's package.json that is used here. */
export interface BuiltPackage {
  bin: { keepfit: string };
  exports: Record<string, string>;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
}

const schemaFile = "schemas/callback.plugin.schema.json";

/**
 * Find out where a new project installs keepfit from: npm once it is published; until then the
 * package of this command, or in a clone the package that was built there.
 *
 * @param folder folder of the project; created if missing
 * @throws Error in a clone without a built package
 */
export async function findKeepfit(folder: string, fs: FileSystem): Promise<KeepfitSource> {
  if (published !== undefined) return fromRegistry(published);
  const isClone = import.meta.url.endsWith(".ts");
  const home = new URL(isClone ? "../dist/npm/" : "../", import.meta.url);
  const manifest = new URL("package.json", home);
  if (!await exists(manifest, { fs })) {
    throw new Error(
      `Cannot create a plugin: expected keepfit's package in ${pathOf(home)}, got none; ` +
        `build it with npm run build or deno task build in ${
          pathOf(new URL("../", import.meta.url))
        }`,
    );
  }
  await fs.makeDir(folder);
  const location = await locate(home, folder, fs);
  return fromFolder(location, JSON.parse(await fs.readTextFile(manifest)) as BuiltPackage);
}

/** keepfit on npm, under its published name. */
export function fromRegistry(name: string): KeepfitSource {
  const specifier = `npm:${name}@^${version}`;
  return {
    name: specifier,
    isPublished: true,
    dependency: name === "keepfit" ? `^${version}` : specifier,
    deno: {
      imports: {
        "keepfit": specifier,
        "keepfit/": specifier.replace(":", ":/") + "/",
        "keepfit/command": specifier,
      },
    },
    schema: `./node_modules/keepfit/${schemaFile}`,
  };
}

/**
 * keepfit in a folder.
 *
 * @param location relative or absolute URL of the folder, without a trailing slash
 */
export function fromFolder(location: string, built: BuiltPackage): KeepfitSource {
  const { bin, exports, dependencies, peerDependencies } = built;
  const needed = Object.entries({ ...dependencies, ...peerDependencies });
  const at = (path: string): string => `${location}/${path.replace(/^\.\//, "")}`;
  const path = pathOf(location);
  return {
    name: path,
    isPublished: false,
    dependency: `file:${path}`,
    deno: {
      // Deno links a folder in package.json without installing its dependencies.
      nodeModulesDir: "none",
      imports: {
        ...Object.fromEntries(
          Object.entries(exports).map(([name, path]) => [name.replace(".", "keepfit"), at(path)]),
        ),
        "keepfit/command": at(bin.keepfit),
      },
      scopes: {
        [at("")]: Object.fromEntries(needed.flatMap(([name, range]) => [
          [name, `npm:${name}@${range}`],
          [`${name}/`, `npm:/${name}@${range}/`],
        ])),
      },
    },
    schema: at(schemaFile),
  };
}

/** The path from a folder to the package: relative, or absolute if no relative path leads there. */
async function locate(home: URL, folder: string, fs: FileSystem): Promise<string> {
  const relative = relativeUrl(urlOf(folder), home);
  // A relative path does not work across drives and links.
  const leadsThere = await exists(joinPath(folder, `${pathOf(relative)}/package.json`), { fs });
  return leadsThere ? relative : home.href.slice(0, -1);
}

function urlOf(folder: string): URL {
  const here = getRuntime().workingDirectory();
  const isAbsolute = here === undefined || /^([a-z]:)?[/\\]/i.test(folder);
  return joinPath(isAbsolute ? toFileUrl(folder) : joinPath(here, folder), "");
}

/** The path from one folder's `file:` URL to another's, without a trailing slash. */
function relativeUrl(from: URL, to: URL): string {
  const [start, end] = [from, to].map((url) => url.pathname.split("/").slice(1, -1));
  const different = start.findIndex((part, index) => part !== end[index]);
  const shared = different < 0 ? start.length : different;
  const up = start.slice(shared).map(() => "..");
  return [...up.length === 0 ? ["."] : up, ...end.slice(shared)].join("/");
}

/** The path of a URL, which may be relative. */
function pathOf(url: URL | string): string {
  const path = decodeURIComponent(String(url).replace(/^file:\/\//, ""));
  return path.replace(/^\/(?=[A-Za-z]:)/, "").replace(/(?<=.)\/$/, "");
}
