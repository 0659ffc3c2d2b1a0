import { published, version } from "../plugins/manifest/version.ts";
import { exists, getRuntime, joinPath, toFileUrl } from "../runtime/mod.ts";
import type { FileSystem } from "../runtime/types.ts";

/** Where a new project gets keepfit from, as each of its files says it. */
export interface KeepfitSource {
  /** In words: `../keepfit/dist/npm`. */
  name: string;
  /** True where it comes from a registry, false for a package in a folder. */
  isPublished: boolean;
  /** The dependency in package.json. */
  dependency: string;
  /** Of deno.json: what makes `keepfit` and, as `keepfit/command`, the command known. */
  deno: Record<string, unknown>;
  /** Of the manifest: where editors find its schema. */
  schema: string;
}

/** What a project needs to know of the package.json of a built package. */
export interface BuiltPackage {
  bin: { keepfit: string };
  exports: Record<string, string>;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
}

const schemaFile = "schemas/callback.plugin.schema.json";

/**
 * Find out where a new project gets keepfit from: from npm when it is published, until then from the
 * package that this command belongs to, in a clone from the one that is built there.
 *
 * @param folder of the project; made when it is not there
 * @throws Error in a clone without a built package
 */
export async function findKeepfit(folder: string, fs: FileSystem): Promise<KeepfitSource> {
  if (published !== undefined) return fromRegistry(published);
  const isClone = import.meta.url.endsWith(".ts");
  const home = new URL(isClone ? "../dist/npm/" : "../", import.meta.url);
  const manifest = new URL("package.json", home);
  if (!await exists(manifest, { fs })) {
    throw new Error(
      `Cannot begin a plugin: expected keepfit's package in ${pathOf(home)}, got none; ` +
        `build it with npm run build or deno task build in ${
          pathOf(new URL("../", import.meta.url))
        }`,
    );
  }
  await fs.makeDir(folder);
  const location = await locate(home, folder, fs);
  return fromFolder(location, JSON.parse(await fs.readTextFile(manifest)) as BuiltPackage);
}

/** keepfit of npm, by the name that it has there. */
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
 * keepfit of a folder.
 *
 * @param location of the folder, as a relative or absolute URL with no slash at the end
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
      // Deno makes a link of a folder in package.json, and installs nothing that it depends on.
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

/** The way from a folder to the package: relative, or absolute where that does not lead there. */
async function locate(home: URL, folder: string, fs: FileSystem): Promise<string> {
  const relative = relativeUrl(urlOf(folder), home);
  // On another drive it leads nowhere, and through a link elsewhere.
  const leadsThere = await exists(joinPath(folder, `${pathOf(relative)}/package.json`), { fs });
  return leadsThere ? relative : home.href.slice(0, -1);
}

function urlOf(folder: string): URL {
  const here = getRuntime().workingDirectory();
  const isAbsolute = here === undefined || /^([a-z]:)?[/\\]/i.test(folder);
  return joinPath(isAbsolute ? toFileUrl(folder) : joinPath(here, folder), "");
}

/** From one folder's `file:` URL to that of another, with no slash at the end. */
function relativeUrl(from: URL, to: URL): string {
  const [start, end] = [from, to].map((url) => url.pathname.split("/").slice(1, -1));
  const different = start.findIndex((part, index) => part !== end[index]);
  const shared = different < 0 ? start.length : different;
  const up = start.slice(shared).map(() => "..");
  return [...up.length === 0 ? ["."] : up, ...end.slice(shared)].join("/");
}

/** The path that a URL means, relative as it may be. */
function pathOf(url: URL | string): string {
  const path = decodeURIComponent(String(url).replace(/^file:\/\//, ""));
  return path.replace(/^\/(?=[A-Za-z]:)/, "").replace(/(?<=.)\/$/, "");
}
