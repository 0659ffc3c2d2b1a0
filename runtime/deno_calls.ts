import type { FileAction } from "./errors.ts";
import { shortBytes, type SystemCalls, type SystemFileInfo } from "./system_calls.ts";
import { directoryOf } from "./paths.ts";

/** The system calls of the `Deno` global. */
export function denoCalls(): SystemCalls {
  return {
    readFile: (path) => Deno.readFile(path),
    async open(path, how) {
      const isNew = how === "create" || how === "createPrivate";
      const options = {
        write: true,
        append: how === "append",
        create: !isNew,
        createNew: isNew,
        ...(how === "createPrivate" && { mode: 0o600 }),
        truncate: how === "truncate",
      };
      // A pipe waits for its reader.
      const file = isNew ? Deno.openSync(path, options) : await Deno.open(path, options);
      const { isFile } = file.statSync();
      return {
        write: async (bytes) =>
          isFile && bytes.length <= shortBytes ? file.writeSync(bytes) : await file.write(bytes),
        ...isFile && { writeNow: (bytes: Uint8Array) => file.writeSync(bytes) },
        sync: () => file.sync(),
        close: async () => file.close(),
      };
    },
    stat: async (path) => infoOf(await Deno.stat(path)),
    lstat: async (path) => infoOf(Deno.lstatSync(path)),
    readLink: (path) => Deno.readLink(path),
    readDir: async (path) => {
      const entries = [];
      for await (const entry of Deno.readDir(path)) entries.push(entry);
      return entries;
    },
    async openDir(path) {
      const directory = Deno.openSync(path);
      return { sync: () => directory.sync(), close: async () => directory.close() };
    },
    makeDir: async (path) => Deno.mkdirSync(path, { recursive: true }),
    rename: async (from, to) =>
      isShort(to) ? Deno.renameSync(from, to) : await Deno.rename(from, to),
    removeFile: async (path) => isShort(path) ? Deno.removeSync(path) : await Deno.remove(path),
    removeDir: (path, recursive) => Deno.remove(path, { recursive }),
    async chmod(path, mode) {
      if (Deno.build.os !== "windows") Deno.chmodSync(path, mode);
    },
    async lock(path) {
      const file = await Deno.open(path, { append: true, create: true });
      let isOurs = false;
      try {
        isOurs = await file.tryLock(true);
      } finally {
        if (!isOurs) file.close();
      }
      let isReleased = false;
      const release = () => {
        if (!isReleased) file.close();
        isReleased = true;
      };
      return isOurs ? release : undefined;
    },
    permissionHint,
  };
}

/** Whether a file is removed or replaced in a short call. */
function isShort(path: string): boolean {
  try {
    return Deno.lstatSync(path).size <= shortBytes;
  } catch {
    return true;
  }
}

function infoOf(info: Deno.FileInfo): SystemFileInfo {
  return {
    isFile: info.isFile,
    isDirectory: info.isDirectory,
    isSymlink: info.isSymlink,
    size: info.size,
    modified: info.mtime?.getTime() ?? null,
    owner: info.uid,
    mode: info.mode,
    ...info.nlink === null ? {} : { links: info.nlink },
  };
}

/** The flags to add. A write also needs to read the file it replaces. */
function permissionHint(error: unknown, action: FileAction, path: string): string | undefined {
  if (!(error instanceof Deno.errors.NotCapable)) return undefined;
  const reads = action === "read" || action === "list" || action === "inspect";
  // Listing or creating a directory needs a permission for it; a file is first written beside
  // itself.
  const target = reads || action === "create directory" ? path : directoryOf(path);
  const missing = (reads ? ["read"] as const : ["read", "write"] as const)
    .filter((name) => Deno.permissions.querySync({ name, path: target }).state !== "granted");
  const flags = missing.map((name) => `--allow-${name}=${target}`);
  return flags.length === 0 ? undefined : `run Deno again with ${flags.join(" ")}`;
}
