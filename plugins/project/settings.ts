import { showValue } from "../../core/given_options.ts";
import { directoryOf, joinPath } from "../../runtime/mod.ts";
import type { FileSystem, Path } from "../../runtime/types.ts";
import { type ConfigFile, configPath, configRegistry, readConfig } from "./config.ts";
import { configName } from "./config_format.ts";
import { PluginError } from "../errors.ts";
import { findFile, projectFolders, urlOfPath } from "../../runtime/find_upward.ts";
import { lockKey, readLock } from "./lock.ts";
import { type LockedPlugin, lockName, type PluginLock } from "./lock_format.ts";
import { isOwn, isServedHere, type PluginReference } from "../sources/reference.ts";

/** Options that depend on the files of a project. */
export interface SettingsOptions {
  /**
   * Lock file; false for none. Default: the nearest `keepfit.lock.json`, which is read only for a
   * plugin from another machine whose reference has no integrity.
   */
  lock?: Path | false;
  /** Whether to load only locked plugins, exactly as locked. Default: false. */
  frozen?: boolean;
  /** Whether to accept a plugin as found and add it to the lock file. Default: false. */
  trustFirstUse?: boolean;
  /**
   * Registry of `registry:` references: a URL or a folder. Default: that of `keepfit.json`, else
   * the variable `KEEPFIT_REGISTRY`.
   */
  registry?: string | URL;
  /**
   * Minimum age in hours of a version chosen from a range of a `registry:` reference, so that
   * others have had time to inspect it. Versions of unknown age are not chosen. Locked versions,
   * and those named by integrity, may be of any age. Default: that of `keepfit.json`, else 0.
   */
  minimumAge?: number;
  /**
   * Folder with copies of locked plugins, read first; false for none. Default: that of
   * `keepfit.json`.
   */
  vendor?: Path | false;
  /**
   * Folder of the cache, an absolute path or a `file:` URL; false for none. Default: in the user's
   * cache folder.
   */
  cacheDir?: Path | false;
}

/** An existing lock file, or the URL of a new one. */
export interface LockFile {
  url: URL;
  lock: PluginLock | undefined;
}

/** Settings of a reference. */
export interface Settings {
  /** Whether only locked plugins may be loaded. */
  frozen: boolean;
  /** Whether a plugin is accepted as found. */
  trustFirstUse: boolean;
  lockFile: LockFile | undefined;
  /** Lock file entry of the reference. */
  locked: LockedPlugin | undefined;
  registry: string | URL | undefined;
  minimumAge: number | undefined;
  vendor: URL | undefined;
  cacheDir: Path | false | undefined;
}

/**
 * Read the project files that a reference needs. If it needs none, nothing is read from disk, and
 * Deno needs no permission.
 *
 * @throws PluginError `E_LOCK`, `E_CONFIG`
 */
export async function readSettings(
  reference: PluginReference,
  fs: FileSystem,
  options: SettingsOptions,
): Promise<Settings> {
  const { lock, frozen = false, trustFirstUse = false } = options;
  const needsNoHash = isOwn(reference) || isServedHere(reference);
  const needsLock = lock !== false &&
    (lock !== undefined || frozen || trustFirstUse ||
      (reference.integrity === undefined && !needsNoHash));
  if (frozen && lock === false) {
    throw new TypeError(
      "Cannot load plugins with { frozen: true, lock: false }: frozen needs a lock file",
    );
  }
  const url = needsLock ? lock === undefined ? await findLock(fs) : urlOfPath(lock) : undefined;
  const content = url && await readLock(url, { fs });
  const needsConfig = url !== undefined ||
    (reference.kind === "registry" && options.registry === undefined);
  const config = needsConfig ? await configNear(fs, url) : undefined;
  const key = url && lockKey(reference, url);
  const locked = content !== undefined && key !== undefined &&
      Object.hasOwn(content.plugins, key)
    ? content.plugins[key]
    : undefined;
  if (frozen && locked === undefined) {
    throw new PluginError("E_LOCK", `Cannot load plugin ${reference.key}: the lock is frozen`, {
      url: url?.href,
      expected: "the plugin in the lock file",
      actual: content === undefined ? "no lock file" : "other plugins",
      hint: `run keepfit add ${reference.key}`,
    });
  }
  return {
    frozen,
    trustFirstUse,
    lockFile: url && { url, lock: content },
    locked,
    ...sourceSettings(options, config),
  };
}

/** Registry, minimum age, vendor folder and cache, from the options, else from the config file. */
export function sourceSettings(
  options: SettingsOptions,
  file: ConfigFile | undefined,
): Pick<Settings, "cacheDir" | "minimumAge" | "registry" | "vendor"> {
  const { registry, minimumAge, vendor, cacheDir } = file?.config ?? {};
  const near = (path: string | undefined) => file && configPath(path, file.url);
  for (const name of ["vendor", "cacheDir"] as const) checkFolder(name, options[name]);
  return {
    registry: options.registry ?? (file && configRegistry(registry, file.url)),
    minimumAge: options.minimumAge ?? minimumAge,
    vendor: options.vendor === undefined
      ? near(vendor)
      : options.vendor === false
      ? undefined
      : urlOfPath(options.vendor),
    cacheDir: options.cacheDir ?? near(cacheDir),
  };
}

function checkFolder(name: string, folder: unknown): void {
  if (folder === undefined || folder === null || folder === false || folder instanceof URL) return;
  if (typeof folder === "string" && folder !== "") return;
  throw new TypeError(
    `Cannot load plugins with ${name} ${showValue(folder)}: expected a path, a file: URL or false`,
  );
}

/** The nearest lock file, or where to create one: beside the config file, else beside the program. */
export async function findLock(fs: FileSystem): Promise<URL | undefined> {
  const found = await findFile(fs, lockName);
  if (found !== undefined) return found;
  const config = await findFile(fs, configName);
  const folder = config === undefined ? projectFolders()[0] : directoryOf(config);
  return folder && joinPath(folder, lockName);
}

/** The config file beside the lock file, else the nearest one. */
async function configNear(fs: FileSystem, lock: URL | undefined): Promise<ConfigFile | undefined> {
  if (lock !== undefined) {
    const beside = joinPath(directoryOf(lock), configName);
    const info = await fs.stat(beside).catch(() => undefined);
    return info?.isFile ? await readConfig(beside, { fs }) : undefined;
  }
  return await readConfig(undefined, { fs });
}
