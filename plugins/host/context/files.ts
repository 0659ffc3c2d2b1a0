import { directoryOf, FileSystemError, joinPath } from "../../../runtime/mod.ts";
import type { DirectoryEntry, FileSystem, Path } from "../../../runtime/types.ts";
import type { ContextParts, PluginContext } from "./mod.ts";
import { isProtected } from "./protected_files.ts";
import { shown } from "./shown.ts";
import { PluginError } from "../../errors.ts";
import { type Grant, isGranted } from "../../project/grants.ts";
import { isRelativePath } from "../../manifest/schema.ts";
import { Slots } from "../slots.ts";

type Files = Pick<PluginContext, "append" | "list" | "read" | "write">;

/** The file functions of a context: write to the output directory, read granted files. */
export function fileAccess(parts: ContextParts): Files {
  const { outputDir, grants: { read, write } } = parts;
  return {
    ...(outputDir !== undefined && write !== undefined && writing(parts, outputDir, write)),
    ...(read !== undefined && reading(parts, read)),
  };
}

function writing(
  { manifest: { id }, fs, limits, run }: ContextParts,
  outputDir: Path,
  grant: Grant,
): Files {
  // Writes to one file are applied in the order of the calls, awaited or not.
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  const put = (
    verb: "append to" | "write",
    name: string,
    data: string | Uint8Array,
    store: (target: Path, bytes: Uint8Array) => Promise<void>,
  ): Promise<void> =>
    run.track(`${verb} ${shown(name)}`, async () => {
      if (!isPath(name) || !isGranted(grant, name, matchesPath)) {
        throw new PluginError("E_PERMISSION", `Plugin ${id} may not ${verb} ${shown(name)}`, {
          expected: `one of ${grant.declared.join(", ")}, as its manifest declares`,
          actual: shown(name),
        });
      }
      if (isProtected(name)) {
        throw new PluginError("E_PERMISSION", `Plugin ${id} may not ${verb} ${name}`, {
          expected: "a file of data",
          actual:
            "a file that a runtime, a package manager or a shell would execute or read as configuration",
          hint: "grants never cover hidden files, project settings or code",
        });
      }
      const bytes = bytesOf(data);
      // Pending writes are held in memory.
      if (bytes.length > limits.bytes || waiting + bytes.length > 4 * limits.bytes) {
        throw new PluginError("E_LIMIT", `Plugin ${id} may not ${verb} ${name}: it is too large`, {
          expected: `at most ${limits.bytes} bytes per call, and four times that pending`,
          actual: `${bytes.length} bytes, and ${waiting} pending`,
        });
      }
      waiting += bytes.length;
      const done = last.then(async () => {
        await checkPath(id, fs, outputDir, name.split("/"), `${verb} ${name}`);
        const target = joinPath(outputDir, name);
        await fs.makeDir(directoryOf(target));
        await store(target, bytes);
      });
      last = done.catch(() => {});
      await done.finally(() => waiting -= bytes.length);
    }, true);
  return {
    write: async (name, data) =>
      put("write", name, data, (target, bytes) => fs.writeFile(target, bytes)),
    append: async (name, data) =>
      put("append to", name, data, async (target, bytes) => {
        await checkSingle(id, fs, target, name);
        const file = await fs.open(target, "append");
        await file.write(bytes).finally(() => file.close());
      }),
  };
}

const maxListed = 100_000;
const maxAtOnce = 4;
/** Maximum length of a path. */
const maxPath = 2000;
const homePrefix = "~/";

function reading(
  { manifest: { id }, fs, limits, run, runtime }: ContextParts,
  grant: Grant,
): Files {
  // Data stays in memory until the plugin receives it.
  const slots = new Slots(maxAtOnce);
  const refused = (path: unknown) =>
    new PluginError("E_PERMISSION", `Plugin ${id} may not read ${shown(path)}`, {
      expected: `a path in or below ${grantedPaths(grant).join(", ")}`,
      actual: shown(path),
    });
  /** A path with `~/` replaced by the user's home. */
  const expand = (path: string): string => {
    if (!path.startsWith(homePrefix)) return path;
    const home = runtime.env("HOME") || runtime.env("USERPROFILE");
    if (home) return joinPath(home.replaceAll("\\", "/"), path.slice(homePrefix.length));
    throw new PluginError("E_PERMISSION", `Plugin ${id} cannot reach ${shown(path)}`, {
      expected: "the environment variable HOME, or USERPROFILE",
      actual: "no readable value",
    });
  };
  /** The location of a path, below the nearest granted path that contains it. */
  const locate = async (path: string, action: string): Promise<string> => {
    const covers = (granted: string, one: string) => namesBelow(expand(granted), one) !== undefined;
    const isText = typeof path === "string" && path.length <= maxPath;
    const fullPath = isText ? expand(path) : "";
    if (!isText || !isGranted(grant, fullPath, covers)) throw refused(path);
    const roots = grantedPaths(grant).map(expand).flatMap((root) => {
      const names = namesBelow(root, fullPath);
      return names === undefined ? [] : [{ root, names }];
    }).sort((a, b) => a.names.length - b.names.length);
    const { root, names } = roots[0];
    await checkPath(id, fs, root, names, action);
    return fullPath;
  };
  const doing = <T>(
    verb: string,
    path: string,
    work: (fullPath: string) => Promise<T>,
  ): Promise<T> => {
    const action = `${verb} ${shown(path)}`;
    return run.track(action, () => slots.use(async () => await work(await locate(path, action))));
  };
  return {
    read: async (path) =>
      doing("read", path, async (fullPath) => {
        const { isFile, size } = await fs.stat(fullPath);
        // A device is endless and reports a size of 0.
        if (!isFile) throw refused(path);
        const bytes = size > limits.bytes ? undefined : await fs.readFile(fullPath);
        if (bytes !== undefined && bytes.length <= limits.bytes) return bytes;
        throw new PluginError("E_LIMIT", `Plugin ${id} may not read ${path}: it is too large`, {
          expected: `at most ${limits.bytes} bytes`,
          actual: `${bytes?.length ?? size} bytes`,
        });
      }),
    list: async (path) =>
      doing("list", path, async (fullPath) => {
        if ((await fs.stat(fullPath)).isFile) return [path];
        const found: string[] = [];
        for await (const file of filesBelow(fs, fullPath)) {
          // The path as requested, so that the message does not reveal the home directory.
          const shownPath = fullPath === path
            ? file
            : joinPath(path, file.slice(trimmed(fullPath).length + 1));
          if (found.push(shownPath) <= maxListed) continue;
          throw new PluginError(
            "E_LIMIT",
            `Plugin ${id} may not list ${path}: it has too many files`,
            {
              expected: `at most ${maxListed} files`,
            },
          );
        }
        return found.sort();
      }),
  };
}

async function* filesBelow(fs: FileSystem, directory: string): AsyncGenerator<string> {
  for (const entry of await fs.readDir(directory)) {
    const path = joinPath(directory, entry.name);
    if (entry.isSymlink || namesBelow(directory, path) === undefined) continue;
    if (entry.isDirectory) yield* filesBelow(fs, path);
    else if (entry.isFile) yield path;
  }
}

/**
 * Check that a path is below a folder: no part of it is a link, and an existing target is a file or
 * folder. The folder itself comes from the user and may be a link.
 */
async function checkPath(
  id: string,
  fs: FileSystem,
  root: Path,
  names: readonly string[],
  action: string,
): Promise<void> {
  for (let depth = 0; depth < names.length; depth++) {
    const folder = depth === 0 ? root : joinPath(root, names.slice(0, depth).join("/"));
    const entries = await entriesOf(fs, folder);
    const entry = entries.find(({ name }) => name === names[depth]) ??
      entries.find(({ name }) => folded(name) === folded(names[depth]));
    if (entry === undefined) return;
    if (!entry.isSymlink && (entry.isDirectory || entry.isFile)) continue;
    throw new PluginError("E_PERMISSION", `Plugin ${id} may not ${action}`, {
      expected: "files and folders",
      actual: `${names.slice(0, depth + 1).join("/")} is ${
        entry.isSymlink ? "a link, which may lead anywhere" : "neither"
      }`,
    });
  }
}

/** Reject files with hard links, because appended data would appear under each of their names. */
async function checkSingle(id: string, fs: FileSystem, path: Path, name: string): Promise<void> {
  const info = await fs.stat(path).catch((error) => {
    if (error instanceof FileSystemError && error.code === "NotFound") return undefined;
    throw error;
  });
  if ((info?.links ?? 1) === 1) return;
  throw new PluginError("E_PERMISSION", `Plugin ${id} may not append to ${name}`, {
    expected: "a file with one name",
    actual: `it has ${info?.links} hard links`,
  });
}

/** A name without differences that some file systems ignore: case, and encoding of accents. */
function folded(name: string): string {
  return name.normalize("NFC").toLowerCase();
}

async function entriesOf(fs: FileSystem, folder: Path): Promise<DirectoryEntry[]> {
  try {
    return await fs.readDir(folder);
  } catch (error) {
    if (error instanceof FileSystemError && error.code === "NotFound") return [];
    throw error;
  }
}

/** The folders and files that the user granted. */
function grantedPaths({ declared, agreed }: Grant): readonly string[] {
  return agreed === true ? declared : agreed;
}

/**
 * The names from a folder to a path, none for the folder itself; undefined if the path is not
 * below.
 */
function namesBelow(folder: string, path: unknown): string[] | undefined {
  if (typeof path !== "string") return undefined;
  const [root, target] = [trimmed(folder), trimmed(path)];
  if (target === root) return [];
  const prefix = root === "." ? "" : root.endsWith("/") ? root : `${root}/`;
  if (!target.startsWith(prefix)) return undefined;
  const names = target.slice(prefix.length).split("/");
  // Paths are not decoded: apart from `.`, `..` and Windows's special names, every name is literal.
  return names.some((name) => /^\.{0,2}$|^[A-Za-z]:|[\\\0]/.test(name)) ? undefined : names;
}

function trimmed(path: string): string {
  return path.replace(/^(?:\.\/)+(?=.)/, "").replace(/(?<=.)\/+$/, "");
}

function isPath(name: unknown): name is string {
  return typeof name === "string" && name.length <= maxPath && isRelativePath(name);
}

function bytesOf(data: unknown): Uint8Array {
  if (typeof data === "string") return new TextEncoder().encode(data);
  // Copied, because the plugin may change its data before the write.
  if (data instanceof Uint8Array) return data.slice();
  throw new TypeError(`Cannot write data of type ${typeof data}: it must be text or a Uint8Array`);
}

/** Match a pattern in polynomial time; `*` matches any characters except a slash. */
function matchesPath(pattern: string, path: string): boolean {
  const [patterns, names] = [pattern.split("/"), path.split("/")];
  return patterns.length === names.length &&
    patterns.every((one, i) => matchesName(one, names[i]));
}

function matchesName(pattern: string, name: string): boolean {
  const [first, ...others] = pattern.split("*");
  const last = others.pop();
  if (last === undefined) return pattern === name;
  let at = first.length;
  const end = name.length - last.length;
  if (at > end || !name.startsWith(first) || !name.endsWith(last)) return false;
  for (const part of others) {
    // The leftmost match leaves most room for the rest.
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
