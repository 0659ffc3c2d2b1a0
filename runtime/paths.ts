import type { Path } from "./types.ts";

const onWindows = /^win/i.test(
  (globalThis as { Deno?: { build: { os: string } } }).Deno?.build.os ??
    (globalThis as { process?: { platform?: string } }).process?.platform ?? "",
);

/**
 * Convert `path` for a system call.
 *
 * @throws TypeError for an empty string, a NUL character or a URL that is not `file:`
 */
export function pathOf(path: Path): string {
  const text = path instanceof URL ? pathOfUrl(path) : path;
  if (typeof text !== "string") {
    throw new TypeError(`expected a string or a file: URL as path, got ${typeof text}`);
  }
  if (text === "") throw new TypeError("a path must not be empty");
  if (text.includes("\0")) throw new TypeError("a path must not contain NUL");
  return text;
}

function pathOfUrl(url: URL): string {
  if (url.protocol !== "file:") {
    throw new TypeError(`expected a file: URL, got ${url.protocol}`);
  }
  if (/%2f/i.test(url.pathname) || (onWindows && /%5c/i.test(url.pathname))) {
    throw new TypeError("a file: URL must not contain an encoded slash");
  }
  let path: string;
  try {
    path = decodeURIComponent(url.pathname);
  } catch (cause) {
    throw new TypeError("a file: URL must be UTF-8, percent-encoded", { cause });
  }
  if (onWindows) return url.host === "" ? path.slice(1) : `//${url.host}${path}`;
  if (url.host !== "") {
    throw new TypeError(`expected a file: URL of this machine, got one of ${url.host}`);
  }
  return path;
}

/** A path as messages show it, even one that {@linkcode pathOf} rejects. */
export function showPath(path: Path): string {
  try {
    return pathOf(path);
  } catch {
    return path === "" ? "''" : String(path);
  }
}

/** A normalized path: equal for `./runs//a/` and `runs/b/../a`. */
export function comparablePath(path: Path): string {
  const text = showPath(path);
  const steps: string[] = [];
  for (const step of (onWindows ? text.replaceAll("\\", "/") : text).split("/")) {
    if (step === "" || step === ".") continue;
    if (step === ".." && steps.length > 0 && steps.at(-1) !== "..") steps.pop();
    else steps.push(step);
  }
  return (text.startsWith("/") ? "/" : "") + steps.join("/");
}

/**
 * The path of `name` in a directory. `name` is taken literally, even in a URL (`"50%"` and `"a?b"`
 * are names).
 *
 * @param directory a directory, with or without a slash at its end
 * @param name a name, or several joined by slashes
 * @returns a URL for a URL, a string for a string
 * @throws TypeError for an empty directory, which would become the root
 * @example
 * ```ts
 * import { joinPath } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * assert.equal(joinPath("runs", "1/log.csv"), "runs/1/log.csv");
 * assert.equal(String(joinPath(new URL("file:///runs"), "50%.csv")), "file:///runs/50%25.csv");
 * ```
 */
export function joinPath<P extends Path>(directory: P, name: string): P extends URL ? URL : string;
export function joinPath(directory: Path, name: string): Path {
  if (directory instanceof URL) {
    const parent = new URL(directory);
    if (!parent.pathname.endsWith("/")) parent.pathname += "/";
    return new URL(parent.href + name.split("/").map(encodeURIComponent).join("/"));
  }
  if (directory === "") {
    throw new TypeError(`Cannot use '' as a directory for ${name}: a path must not be empty`);
  }
  const hasSlash = directory.endsWith("/") || (onWindows && directory.endsWith("\\"));
  return hasSlash ? directory + name : `${directory}/${name}`;
}

/**
 * The directory of a file or directory: `"."` for a bare name.
 *
 * @param path with or without a slash at its end
 * @returns a URL for a URL, a string for a string
 * @example
 * ```ts
 * import { directoryOf } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * assert.equal(directoryOf("runs/1/log.csv"), "runs/1");
 * assert.equal(String(directoryOf(new URL("file:///runs/log.csv"))), "file:///runs/");
 * ```
 */
export function directoryOf<P extends Path>(path: P): P extends URL ? URL : string;
export function directoryOf(path: Path): Path {
  if (path instanceof URL) return new URL(path.pathname.endsWith("/") ? ".." : ".", path);
  const bare = path.replace(onWindows ? /[/\\]+$/ : /\/+$/, "");
  const end = Math.max(bare.lastIndexOf("/"), onWindows ? bare.lastIndexOf("\\") : -1);
  if (bare === "") return "/";
  if (end < 0) return ".";
  return end === 0 ? "/" : bare.slice(0, end);
}

/**
 * The `file:` URL of a path, which is taken literally: `"50%"` and `"a?b"` are names.
 *
 * @param path absolute, or relative to `folder`; a URL is returned as it is
 * @param folder URL of a folder, with a trailing slash. Default: none; the path must be absolute
 * @throws TypeError for a relative path without a folder, or an empty path, which would become the
 *   folder
 * @example
 * ```ts
 * import { toFileUrl } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * assert.equal(toFileUrl("50%.csv", new URL("file:///runs/")).href, "file:///runs/50%25.csv");
 * assert.throws(() => toFileUrl("runs"), TypeError);
 * ```
 */
export function toFileUrl(path: Path, folder?: URL): URL {
  if (path instanceof URL) return path;
  if (path === "") throw new TypeError("Cannot use '': a path must not be empty");
  const parts = (onWindows ? path.replaceAll("\\", "/") : path).split("/").map(encodeURIComponent);
  if (!isAbsolute(path)) {
    // The ./ keeps a name with a colon from being parsed as a scheme.
    if (folder !== undefined) return new URL(`./${parts.join("/")}`, folder);
    throw new TypeError(
      `Cannot use ${showPath(path)}: expected an absolute path or a file: URL, got a relative path`,
    );
  }
  const encoded = parts.join("/").replace(/^\/?([A-Za-z])%3A/, "/$1:");
  return new URL(`file:${encoded.startsWith("//") ? "" : "//"}${encoded}`);
}

/** Whether a path is independent of the working directory. */
export function isAbsolute(path: string): boolean {
  return path.startsWith("/") || (onWindows && /^([A-Za-z]:)?[/\\]/.test(path));
}
