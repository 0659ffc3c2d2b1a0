import { joinPath } from "../../runtime/mod.ts";
import type { FileSystem } from "../../runtime/types.ts";
import { PluginError } from "../errors.ts";
import { urlOfPath } from "../../runtime/find_upward.ts";
import { lockKey } from "../project/lock.ts";
import { manifestName } from "../manifest/format.ts";
import { parseReference, showReference } from "../sources/reference.ts";

/**
 * Resolve a typed reference, which may also be the path of a manifest or its folder, relative to
 * the working directory.
 *
 * @throws PluginError `E_HTTP` if the path has no manifest
 */
export async function typedReference(
  reference: string | URL,
  fs: FileSystem,
): Promise<string | URL> {
  if (typeof reference !== "string" || !isPath(reference)) return reference;
  const typed = reference.trim();
  // A # is part of the path if such a file exists.
  const parts = /^(.+)#(sha\d+-.*)$/s.exec(typed);
  const tried = parts === null ? [[typed, ""]] : [[typed, ""], [parts[1], `#${parts[2]}`]];
  let folder: URL | undefined;
  for (const [path, integrity] of tried) {
    const url = urlOfPath(path);
    const info = await infoOf(url, fs);
    if (info?.isFile) return url.href + integrity;
    if (!info?.isDirectory) continue;
    folder = url;
    const manifest = joinPath(url, manifestName);
    if ((await infoOf(manifest, fs))?.isFile) return manifest.href + integrity;
  }
  const isId = /^[a-z\d-]+\/[a-z\d-]+(@[^/]*)?$/.test(typed);
  throw new PluginError("E_HTTP", `Cannot find a plugin at ${showReference(typed)}`, {
    url: urlOfPath(typed).href,
    expected: `a ${manifestName}, a folder that contains one, or a reference such as ` +
      "https://…, registry:owner/name, npm:name",
    actual: folder === undefined ? "no such file or folder" : `a folder without ${manifestName}`,
    hint: isId ? `for a plugin of a registry write registry:${typed}` : undefined,
  });
}

/**
 * The keys that a typed reference may have in a lock file. Nothing is looked up, so the file of a
 * path need not exist.
 */
export function typedKeys(reference: string, lock: URL): string[] {
  if (!isPath(reference)) return [lockKey(parseReference(reference), lock)];
  const typed = reference.trim();
  return [typed, typed.replace(/(?<=.)#sha\d+-.*$/s, "")].flatMap((path) => {
    const url = urlOfPath(path);
    return [url, joinPath(url, manifestName)].map((one) => lockKey(parseReference(one), lock));
  });
}

/** Whether a text has no scheme; a drive letter is not a scheme. */
function isPath(reference: string): boolean {
  return !/^\s*[a-z][a-z\d+.-]+:/i.test(reference);
}

async function infoOf(url: URL, fs: FileSystem) {
  return await fs.stat(url).catch((error) => {
    if (error?.code === "PermissionDenied") throw error;
    return undefined;
  });
}
