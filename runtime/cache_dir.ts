/** What decides where caches belong. */
export interface CachePlace {
  os: "darwin" | "windows" | "other";
  env(name: string): string | undefined;
}

/**
 * Where keepfit's caches of this user belong: `XDG_CACHE_HOME` where it is set to an absolute path
 * (as its specification asks), else the system's own place.
 *
 * @returns a directory that may not exist yet; undefined when no variable tells
 */
export function cacheDirOf({ os, env }: CachePlace): string | undefined {
  const xdg = env("XDG_CACHE_HOME");
  if (xdg?.startsWith("/")) return `${xdg.replace(/\/+$/, "")}/keepfit`;
  if (os === "windows") {
    const local = env("LOCALAPPDATA");
    return local ? `${local}\\keepfit` : undefined;
  }
  const home = env("HOME");
  if (!home) return undefined;
  return `${home.replace(/\/+$/, "")}/${os === "darwin" ? "Library/Caches" : ".cache"}/keepfit`;
}
