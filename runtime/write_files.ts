import { directoryOf, isAbsolute, pathOf, showPath } from "./paths.ts";
import {
  type Attempt,
  errno,
  orMissing,
  type SystemCalls,
  type SystemFile,
  type SystemFileInfo,
  writeAll,
} from "./system_calls.ts";
import { temporaryName } from "./temporary_files.ts";
import type { FileSystem, Path } from "./types.ts";

/** Content of a file, whole or in parts. */
export type FileData = Parameters<FileSystem["writeFile"]>[1];

/** Writes a new file. */
export type AddFile = (path: Path, data: FileData) => Promise<void>;

/** Writes files with `add` and returns the content of the file that refers to them. */
export type WriteOthers = (add: AddFile) => Promise<FileData>;

/** Writes whole files. */
export interface FileWriter {
  writeFile: FileSystem["writeFile"];
  /** See the function {@linkcode writeTogether}. */
  writeTogether(path: Path, others: WriteOthers): Promise<void>;
}

/** Writers by their `writeFile`, which identifies them in a copy of a file system. */
const writers = new WeakMap<FileSystem["writeFile"], FileWriter>();

/**
 * Write a file and, in the same folder, other files that it refers to. They are on disk before the
 * file is renamed to `path`. All are synced at the same time, which takes as long as for one. After
 * a failure, the other files may remain.
 *
 * If a file system overrides `writeFile`, the files are written with it, one after another.
 *
 * @param path file that refers to the others
 * @param others writes them under names that do not exist yet, and returns the content of `path`
 * @throws FileSystemError if one cannot be written; the old file stays intact
 */
export async function writeTogether(
  fs: FileSystem,
  path: Path,
  others: WriteOthers,
): Promise<void> {
  const writer = writers.get(fs.writeFile);
  if (writer !== undefined) return await writer.writeTogether(path, others);
  await fs.writeFile(path, await others((path, data) => fs.writeFile(path, data)));
}

/** Write whole files with the system calls of a runtime. */
export function createFileWriter(calls: SystemCalls, attempt: Attempt): FileWriter {
  /** Open a new file beside `path`, to be renamed to it. */
  async function openBeside(path: Path, folder?: OpenFolder): Promise<FileBeside> {
    const { target, info } = await attempt("write", path, async () => {
      const found = await followLinks(calls, pathOf(path));
      if (found.info?.isDirectory || found.target.endsWith("/")) throw errno("EISDIR");
      return found;
    });
    if (info !== undefined && !info.isFile) {
      // A device or pipe must be written directly: a rename would replace it with a plain file.
      const device = await attempt("write", path, () => calls.open(target, "truncate"));
      return {
        file: device,
        sync: () => device.close(),
        rename: noWait,
        discard: () => device.close().catch(() => {}),
      };
    }
    const inFolder = directoryOf(target);
    if (folder?.path !== inFolder) folder = openFolder(calls, inFolder);
    const { name, release } = temporaryName();
    const beside = `${inFolder}/${name}`;
    let file: SystemFile | undefined;
    const end = () => {
      release();
      folder.close();
    };
    const discard = async () => {
      await file?.close().catch(() => {});
      if (file !== undefined) await calls.removeFile(beside).catch(() => {});
      end();
    };
    try {
      file = await attempt("write", path, () => calls.open(beside, "create"));
      if (info !== undefined && info.mode !== null) {
        const mode = info.mode & 0o7777;
        await attempt("write", path, () => calls.chmod(beside, mode));
      }
    } catch (error) {
      await discard();
      throw error;
    }
    return {
      file,
      sync: () => attempt("write", path, () => syncAndClose(file)),
      async rename() {
        await attempt("write", path, () => calls.rename(beside, target));
        await folder.sync();
        end();
      },
      discard,
    };
  }

  async function writeParts(file: SystemFile, path: Path, data: FileData): Promise<void> {
    const write = (part: Uint8Array) => attempt("write", path, () => writeAll(file, part));
    if (typeof data === "string") return await write(encoder.encode(data));
    if (data instanceof Uint8Array) return await write(data);
    // Small parts share a call. They are copied, because the source may reuse its buffer for the
    // next part.
    let buffer: Uint8Array | undefined;
    let size = 0;
    for await (const part of data) {
      if (!(part instanceof Uint8Array)) {
        throw new TypeError(
          `Cannot write ${showPath(path)} with a part of type ${typeof part}: ` +
            "every part must be a Uint8Array",
        );
      }
      const isLarge = part.length >= bufferBytes / 4;
      if (buffer !== undefined && size > 0 && (isLarge || size + part.length > bufferBytes)) {
        await write(buffer.subarray(0, size));
        size = 0;
      }
      if (isLarge) {
        await write(part);
        continue;
      }
      buffer ??= new Uint8Array(bufferBytes);
      buffer.set(part, size);
      size += part.length;
    }
    if (size > 0) await write((buffer as Uint8Array).subarray(0, size));
  }

  const writer: FileWriter = {
    async writeFile(path, data) {
      const beside = await openBeside(path);
      try {
        await writeParts(beside.file, path, data);
        await beside.sync();
        await beside.rename();
      } catch (error) {
        await beside.discard();
        throw error;
      }
    },

    async writeTogether(path, others) {
      const folder = openFolder(calls, directoryOf(pathOf(path)));
      const opening = openBeside(path, folder);
      // The error is thrown when the folder is needed.
      opening.catch(() => {});
      const syncs: Promise<void>[] = [];
      const add: AddFile = async (path, data) => {
        const file = await attempt("write", path, () => calls.open(pathOf(path), "create"));
        try {
          await writeParts(file, path, data);
        } catch (error) {
          await file.close().catch(() => {});
          throw error;
        }
        const sync = attempt("write", path, () => syncAndClose(file));
        sync.catch(() => {});
        syncs.push(sync);
      };
      try {
        const data = await others(add);
        const beside = await opening;
        await writeParts(beside.file, path, data);
        syncs.push(beside.sync(), folder.sync());
        await Promise.all(syncs);
        await beside.rename();
      } catch (error) {
        await Promise.allSettled(syncs);
        await opening.then((beside) => beside.discard(), () => {});
        throw error;
      } finally {
        folder.close();
      }
    },
  };
  writers.set(writer.writeFile, writer);
  return writer;
}

/** A file that is written beside its target. */
interface FileBeside {
  readonly file: SystemFile;
  /** Sync it and close it. */
  sync(): Promise<void>;
  /** Rename it to its target and sync that. */
  rename(): Promise<void>;
  /** Remove it. */
  discard(): Promise<void>;
}

async function noWait(): Promise<void> {}

async function syncAndClose(file: SystemFile): Promise<void> {
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** An open folder, to sync its entries. */
interface OpenFolder {
  readonly path: string;
  sync(): Promise<void>;
  /** May be called again. */
  close(): void;
}

function openFolder(calls: SystemCalls, path: string): OpenFolder {
  // Some platforms cannot sync a directory. The files are written nevertheless.
  const opened = calls.openDir(path).catch(() => undefined);
  let isOpen = true;
  return {
    path,
    sync: async () => void await (await opened)?.sync().catch(() => {}),
    close() {
      if (isOpen) opened.then((directory) => directory?.close()).catch(() => {});
      isOpen = false;
    },
  };
}

/** The file that a write to `path` reaches through links, and its information. */
async function followLinks(
  calls: SystemCalls,
  path: string,
): Promise<{ target: string; info: SystemFileInfo | undefined }> {
  for (let links = 0; links < 40; links++) {
    const info = await orMissing(calls.lstat(path));
    if (!info?.isSymlink) return { target: path, info };
    const target = await calls.readLink(path);
    path = isAbsolute(target) ? target : `${directoryOf(path)}/${target}`;
  }
  throw new TypeError("too many symbolic links");
}

/** Size of the buffer in which small parts of a file are joined. */
const bufferBytes = 65_536;

const encoder = new TextEncoder();
