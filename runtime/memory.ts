import { createFileSystem } from "./file_system.ts";
import { errno, type SystemCalls, type SystemFileInfo } from "./system_calls.ts";
import type { DirectoryEntry, FileSystem, OpenMode } from "./types.ts";

/**
 * Create an empty file system in memory, for tests and for runs that must not leave files. It has
 * the rules and error codes of a real one: directories must be created, a name has at most 255
 * bytes, an open file survives a rename. Relative paths begin at `/`. It has no symbolic links and
 * no permissions.
 *
 * @returns a new file system
 * @example
 * ```ts
 * import { memoryFileSystem } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const fs = memoryFileSystem();
 * await fs.makeDir("runs/1");
 * await fs.writeFile("runs/1/log.csv", "epoch,loss\n");
 * assert.equal(await fs.readTextFile("/runs/1/log.csv"), "epoch,loss\n");
 * ```
 */
export function memoryFileSystem(): FileSystem {
  return createFileSystem(memoryCalls());
}

interface MemoryFile {
  kind: "file";
  /** May be longer than the content. */
  bytes: Uint8Array;
  size: number;
  modified: number;
}

interface MemoryDirectory {
  kind: "directory";
  entries: Map<string, MemoryNode>;
  modified: number;
}

type MemoryNode = MemoryFile | MemoryDirectory;

/** System calls on new memory. */
export function memoryCalls(): SystemCalls {
  const root = newDirectory();

  /** The directories from the root to a path, and its name; the root has no name. */
  function locate(path: string): { parents: MemoryDirectory[]; name: string | undefined } {
    const names = path.split("/").filter((name) => name !== "" && name !== ".");
    const parents = [root];
    let name: string | undefined;
    for (const next of names) {
      if (name !== undefined) parents.push(asDirectory(found(parents.at(-1)!.entries.get(name))));
      name = next === ".." ? undefined : next;
      if (next === ".." && parents.length > 1) parents.pop();
      if (encoder.encode(next).length > 255) throw errno("ENAMETOOLONG");
    }
    return { parents, name };
  }

  function lookUp(path: string): MemoryNode {
    const { parents, name } = locate(path);
    const parent = parents.at(-1)!;
    const node = name === undefined ? parent : found(parent.entries.get(name));
    return path.endsWith("/") ? asDirectory(node) : node;
  }

  function readFile(path: string): Uint8Array {
    const file = asFile(lookUp(path));
    return file.bytes.slice(0, file.size);
  }

  function open(path: string, how: OpenMode): MemoryFile {
    const { parents, name } = locate(path);
    const parent = parents.at(-1)!;
    if (name === undefined || path.endsWith("/")) throw errno("EISDIR");
    const present = parent.entries.get(name);
    if (present === undefined) {
      const file = newFile();
      parent.entries.set(name, file);
      touch(parent);
      return file;
    }
    if (how === "create" || how === "createPrivate") throw errno("EEXIST");
    const file = asFile(present);
    if (how === "truncate") {
      file.size = 0;
      touch(file);
    }
    return file;
  }

  function makeDir(path: string): void {
    let made = "";
    for (const name of path.split("/")) {
      made += `${name}/`;
      const target = locate(made);
      if (target.name === undefined) continue;
      const parent = target.parents.at(-1)!;
      if (parent.entries.has(target.name)) continue;
      parent.entries.set(target.name, newDirectory());
      touch(parent);
    }
    if (lookUp(path.replace(/\/+$/, "") || "/").kind === "file") throw errno("EEXIST");
  }

  function rename(from: string, to: string): void {
    const source = locate(from);
    const target = locate(to);
    if (source.name === undefined || target.name === undefined) throw errno("EBUSY");
    const [sourceParent, targetParent] = [source.parents.at(-1)!, target.parents.at(-1)!];
    const moved = found(sourceParent.entries.get(source.name));
    const replaced = targetParent.entries.get(target.name);
    if (moved === replaced) return;
    if (moved.kind === "directory") {
      if (target.parents.includes(moved)) throw errno("EINVAL");
      if (replaced !== undefined && asDirectory(replaced).entries.size > 0) {
        throw errno("ENOTEMPTY");
      }
    } else if (replaced !== undefined) {
      asFile(replaced);
    }
    sourceParent.entries.delete(source.name);
    targetParent.entries.set(target.name, moved);
    touch(sourceParent);
    touch(targetParent);
  }

  function remove(path: string, recursive: boolean): void {
    const node = lookUp(path);
    const { parents, name } = locate(path);
    if (name === undefined) throw errno("EBUSY");
    if (node.kind === "directory" && node.entries.size > 0 && !recursive) throw errno("ENOTEMPTY");
    parents.at(-1)!.entries.delete(name);
    touch(parents.at(-1)!);
  }

  return {
    readFile: async (path) => readFile(path),
    async open(path, how) {
      const file = open(path, how);
      let at = 0;
      const write = (bytes: Uint8Array) => {
        if (how === "append") at = file.size;
        writeAt(file, at, bytes);
        at += bytes.length;
        return bytes.length;
      };
      return {
        write: async (bytes) => write(bytes),
        writeNow: write,
        async sync() {},
        async close() {},
      };
    },
    stat: async (path) => infoOf(lookUp(path)),
    lstat: async (path) => infoOf(lookUp(path)),
    readLink: async () => {
      throw errno("EINVAL");
    },
    readDir: async (path) => [...asDirectory(lookUp(path)).entries].map(entryOf),
    openDir: async (path) => {
      asDirectory(lookUp(path));
      return { async sync() {}, async close() {} };
    },
    makeDir: async (path) => makeDir(path),
    rename: async (from, to) => rename(from, to),
    removeFile: async (path) => remove(path, false),
    removeDir: async (path, recursive) => remove(path, recursive),
    async chmod() {},
  };
}

const encoder = new TextEncoder();

function newFile(): MemoryFile {
  return { kind: "file", bytes: new Uint8Array(0), size: 0, modified: Date.now() };
}

function newDirectory(): MemoryDirectory {
  return { kind: "directory", entries: new Map(), modified: Date.now() };
}

function touch(node: MemoryNode): void {
  node.modified = Date.now();
}

function found(node: MemoryNode | undefined): MemoryNode {
  if (node === undefined) throw errno("ENOENT");
  return node;
}

function asFile(node: MemoryNode): MemoryFile {
  if (node.kind === "directory") throw errno("EISDIR");
  return node;
}

function asDirectory(node: MemoryNode): MemoryDirectory {
  if (node.kind === "file") throw errno("ENOTDIR");
  return node;
}

/**
 * Write bytes at an offset. The buffer doubles its size, so that small appends are cheap. A gap is
 * filled with zeros.
 */
function writeAt(file: MemoryFile, at: number, bytes: Uint8Array): void {
  const end = at + bytes.length;
  if (end > file.bytes.length) {
    const grown = new Uint8Array(Math.max(end, 2 * file.bytes.length));
    grown.set(file.bytes.subarray(0, file.size));
    file.bytes = grown;
  }
  if (at > file.size) file.bytes.fill(0, file.size, at);
  file.bytes.set(bytes, at);
  file.size = Math.max(file.size, end);
  touch(file);
}

function infoOf(node: MemoryNode): SystemFileInfo {
  return {
    isFile: node.kind === "file",
    isDirectory: node.kind === "directory",
    isSymlink: false,
    size: node.kind === "file" ? node.size : 0,
    modified: node.modified,
    links: 1,
    mode: null,
  };
}

function entryOf([name, node]: [string, MemoryNode]): DirectoryEntry {
  const isFile = node.kind === "file";
  return { name, isFile, isDirectory: !isFile, isSymlink: false };
}
