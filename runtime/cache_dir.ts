/** Operating system and environment variables that determine the cache directory. */
export interface CacheEnvironment {
  os: "darwin" | "windows" | "other";
  env(name: string): string | undefined;
}

/**
 * The directory for keepfit's caches of this user: `XDG_CACHE_HOME` if it is an absolute path, as
 * its specification requires; otherwise the default of the system.
 *
 * @returns a directory that may not exist yet; undefined if the variables are not set
 */
export function cacheDirOf({ os, env }: CacheEnvironment): string | undefined {
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
