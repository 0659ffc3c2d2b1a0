import { directoryOf, getRuntime, joinPath } from "../../runtime/mod.ts";
import type { FileSystem, Path } from "../../runtime/types.ts";
import { type ConfigFile, configReference, configRegistry, readConfig } from "../project/config.ts";
import { configName, type ConfiguredPlugin } from "../project/config_format.ts";
import { textOf } from "../../runtime/change_file.ts";
import { findUpward, urlOfPath } from "../../runtime/find_upward.ts";
import { emptyLock, isRelative, lockKey, readLock } from "../project/lock.ts";
import { type LockedPlugin, lockName, type PluginLock } from "../project/lock_format.ts";
import type { OpenPluginOptions } from "../load/locate.ts";
import { parseReference, type PluginReference } from "../sources/reference.ts";
import { registryFromEnvironment } from "../sources/registry.ts";
import { sourceSettings } from "../project/settings.ts";
import { registryOfLocked } from "../load/yanks.ts";

/** Options for the files of a project and the sources of its plugins. */
export interface ProjectOptions extends Omit<OpenPluginOptions, "integrity" | "lock" | "peers"> {
  /**
   * Path of `keepfit.json`. Default: the nearest from the working directory upward, or beside the
   * lock file.
   */
  config?: Path;
  /**
   * Path of `keepfit.lock.json`. Default: beside `keepfit.json`, or the nearest from the working
   * directory upward.
   */
  lock?: Path;
}

/** The files of a project; both are optional. */
export interface Project {
  fs: FileSystem;
  configUrl: URL;
  lockUrl: URL;
  config: ConfigFile | undefined;
  lock: PluginLock;
  /** Options for reading its plugins. */
  open: OpenPluginOptions;
  /** The registry named in code or on the command line. */
  namedRegistry: string | URL | undefined;
}

/**
 * Read the files of a project.
 *
 * @throws PluginError `E_CONFIG`, `E_LOCK`
 */
export async function openProject(options: ProjectOptions = {}): Promise<Project> {
  const { fs = getRuntime().fs, config: givenConfig, lock: givenLock, ...rest } = options;
  const folder = getRuntime().workingDirectory();
  const upward = async (name: string) => folder && await findUpward(fs, name, folder);
  const known = givenConfig ?? givenLock ?? await upward(configName) ?? await upward(lockName) ??
    configName;
  const near = directoryOf(urlOfPath(known));
  const configUrl = givenConfig === undefined ? joinPath(near, configName) : urlOfPath(givenConfig);
  const lockUrl = givenLock === undefined ? joinPath(near, lockName) : urlOfPath(givenLock);
  const isThere = await textOf(fs, configUrl) !== undefined;
  const config = isThere ? await readConfig(configUrl, { fs }) : undefined;
  return {
    fs,
    configUrl,
    lockUrl,
    config,
    lock: await readLock(lockUrl, { fs }) ?? emptyLock(),
    open: { ...rest, ...sourceSettings(rest, config), fs, lock: lockUrl },
    namedRegistry: rest.registry,
  };
}

/**
 * The registry of newer versions of a locked plugin: the first of that named in code, in the
 * plugin's entry in `keepfit.json`, in that file, in `KEEPFIT_REGISTRY`, and the one from which it
 * was locked.
 */
export function registryOf(
  reference: PluginReference,
  locked: LockedPlugin,
  project: Project,
): string | URL | undefined {
  const { config, lockUrl, namedRegistry, open } = project;
  const own = configuredPlugins(project).find((one) =>
    one.configured.registry !== undefined && isSame(one.reference, reference, project)
  )?.configured.registry;
  return namedRegistry ?? (config && configRegistry(own, config.url)) ?? open.registry ??
    registryFromEnvironment() ?? registryOfLocked(locked, lockUrl);
}

/** The reference of a plugin in a lock file. */
export function lockedReference(key: string, lock: URL): string {
  return isRelative(key) ? new URL(key, lock).href : key;
}

/** The plugins of a config file, each with its parsed reference. */
export function configuredPlugins(
  { config }: Project,
): { configured: ConfiguredPlugin; reference: PluginReference }[] {
  return (config?.config.plugins ?? []).map((configured) => ({
    configured,
    reference: parseReference(configReference(configured.plugin, (config as ConfigFile).url)),
  }));
}

/** Whether two references belong to the same entry of a lock file. */
export function isSame(a: PluginReference, b: PluginReference, { lockUrl }: Project): boolean {
  return lockKey(a, lockUrl) === lockKey(b, lockUrl);
}

/** The error for a plugin that the project does not have. */
export function noSuchPlugin(action: string, plugin: string, known: readonly string[]): RangeError {
  const others = known.length === 0 ? "is none" : `are ${known.join(", ")}`;
  return new RangeError(`Cannot ${action} plugin ${plugin || "''"}: there ${others}`);
}
