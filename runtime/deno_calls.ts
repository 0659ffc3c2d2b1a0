import type { FileAction } from "./errors.ts";
import type { SystemCalls, SystemFileInfo } from "./file_system.ts";
import { directoryOf } from "./paths.ts";

/** The system calls of the `Deno` global. */
export function denoCalls(): SystemCalls {
  return {
    readFile: (path) => Deno.readFile(path),
    async open(path, how) {
      const file = await Deno.open(path, {
        write: true,
        append: how === "append",
        create: how === "append" || how === "truncate",
        createNew: how === "create" || how === "createPrivate",
        ...(how === "createPrivate" && { mode: 0o600 }),
        truncate: how === "truncate",
      });
      return {
        write: (bytes) => file.write(bytes),
        sync: () => file.sync(),
        close: async () => file.close(),
      };
    },
    stat: async (path) => infoOf(await Deno.stat(path)),
    lstat: async (path) => infoOf(await Deno.lstat(path)),
    readLink: (path) => Deno.readLink(path),
    readDir: async (path) => {
      const entries = [];
      for await (const entry of Deno.readDir(path)) entries.push(entry);
      return entries;
    },
    makeDir: (path) => Deno.mkdir(path, { recursive: true }),
    rename: (from, to) => Deno.rename(from, to),
    removeFile: (path) => Deno.remove(path),
    removeDir: (path, recursive) => Deno.remove(path, { recursive }),
    async chmod(path, mode) {
      if (Deno.build.os !== "windows") await Deno.chmod(path, mode);
    },
    async syncDir(path) {
      // Not `using`: Node 22 strips types and does not know the keyword.
      const directory = await Deno.open(path);
      try {
        await directory.sync();
      } finally {
        directory.close();
      }
    },
    permissionHint,
  };
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

/** All flags to add: a write also reads what it replaces. */
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
