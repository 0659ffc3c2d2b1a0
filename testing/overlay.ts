import type { FileSystem, Path } from "../runtime/types.ts";

/**
 * A file system in which one folder is that of another file system.
 *
 * @param below file system of everything else
 * @param folder an absolute path
 * @param over file system of that folder, with the same paths
 */
export function overlay(below: FileSystem, folder: string, over: FileSystem): FileSystem {
  const at = (path: Path): FileSystem => {
    const text = path instanceof URL ? decodeURIComponent(path.pathname) : path;
    return text === folder || text.startsWith(`${folder}/`) ? over : below;
  };
  return {
    readFile: (path) => at(path).readFile(path),
    readTextFile: (path) => at(path).readTextFile(path),
    writeFile: (path, data) => at(path).writeFile(path, data),
    open: (path, mode) => at(path).open(path, mode),
    stat: (path) => at(path).stat(path),
    readDir: (path) => at(path).readDir(path),
    makeDir: (path) => at(path).makeDir(path),
    rename: (from, to) => at(from).rename(from, to),
    remove: (path, options) => at(path).remove(path, options),
  };
}
