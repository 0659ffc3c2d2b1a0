import type { ErrorPolicy } from "../../core/callback.ts";
import type { Path } from "../../runtime/types.ts";
import { type ConfigFile, configRegistry, toConfigPath, updateConfig } from "../project/config.ts";
import type { ConfiguredPlugin } from "../project/config_format.ts";
import { checkEngines } from "../modules/engines.ts";
import { explainOpened, type PluginExplanation } from "./explain.ts";
import { urlOfPath } from "../../runtime/find_upward.ts";
import { type Allowed, grantsOf } from "../project/grants.ts";
import type { PluginLimits } from "../project/limits.ts";
import { addToLock, toLocked, updateLock } from "../project/lock.ts";
import { agreedPermissions, neededPermissions } from "../project/locked_permissions.ts";
import { lockedPlugin } from "../load/locked_plugin.ts";
import { openPlugin } from "../load/open_plugin.ts";
import { readFiles } from "./read_files.ts";
import { configuredPlugins, isSame, openProject, type ProjectOptions } from "./project.ts";
import { typedReference } from "./typed_reference.ts";
import { optionsFor } from "../load/callback_options.ts";
import { chooseCallback } from "../load/choose_callback.ts";
import { registryUrl } from "../sources/registry.ts";
import { getRuntime } from "../../runtime/mod.ts";
import { chooseTier } from "../host/tier.ts";
import type { PluginTier } from "../project/tiers.ts";
import { checkTrust, differencesFromLock } from "../project/trust.ts";

/** Options of {@linkcode addPlugin}. */
export interface AddPluginOptions extends Omit<ProjectOptions, "frozen" | "trustFirstUse"> {
  /** What the manifest must be: the value that somebody looked at. Default: as the reference says, else as it is found. */
  integrity?: string;
  /** Which of the plugin's callbacks. Default: its only one. */
  callback?: string;
  /** Options of the callback. */
  options?: Record<string, unknown>;
  /** Where its code is to run. Default: as `loadPlugin` chooses. */
  tier?: PluginTier;
  /** What it may touch. Default: nothing. */
  allow?: Allowed;
  /** Where it may write. */
  outputDir?: Path;
  /** What a failing hook does to the run. */
  onError?: ErrorPolicy;
  /** How much of the host it may take. */
  limits?: PluginLimits;
  /** Take it also where it asks for more trust than what is locked. Default: false. */
  accept?: boolean;
  /** Only find out whether it could be added, and change nothing. Default: false. */
  dryRun?: boolean;
}

/**
 * Add a plugin to a project: pin it in the lock file with what it was agreed that it may do, and
 * name it in `keepfit.json`. All its files are fetched and verified; none of its code runs. A
 * `registry` that is named here is written into that file too: for the whole project where it names
 * none yet and no other plugin comes from a registry, else into the plugin's own line.
 *
 * @param reference as for `loadPlugin`, or the path of a manifest or its folder
 * @returns what there is to know about it, as {@linkcode explainPlugin} tells it
 * @throws PluginError for all that would keep it from being loaded
 */
export async function addPlugin(
  reference: string | URL,
  options: AddPluginOptions = {},
): Promise<PluginExplanation> {
  const { callback, options: pluginOptions, tier: wanted, allow, outputDir, ...rest } = options;
  const { onError, limits, accept = false, dryRun = false, integrity, ...projectOptions } = rest;
  const project = await openProject(projectOptions);
  const { fs, lockUrl, configUrl, open } = project;
  const given = await typedReference(reference, fs);
  const opened = await openPlugin(given, { ...open, integrity, trustFirstUse: true });
  const { manifest, locked, isLocal } = opened;
  const url = opened.url.href;
  checkEngines(manifest, url, getRuntime());
  const tier = chooseTier(manifest, url, { wanted, locked: locked?.tier, isLocal });
  const entry = chooseCallback(manifest, url, callback);
  const merged = optionsFor(manifest, entry, url, pluginOptions);
  const writes = outputDir !== undefined;
  grantsOf(manifest, url, merged, allow, writes);
  const now = lockedPlugin(opened, tier, neededPermissions(manifest), lockUrl);
  const differences = differencesFromLock(project.lock.plugins, undefined, now) ?? [];
  // Tier and permissions are what the user says here.
  const unasked = differences.filter(({ what }) =>
    !(what === "tier" && wanted !== undefined) && !what.startsWith("permissions.")
  );
  if (!accept) checkTrust(manifest.id, unasked, url);
  const agreed = agreedPermissions(manifest, merged, allow, writes);
  const pinned = lockedPlugin(opened, tier, agreed, lockUrl);
  if (dryRun) return explainOpened({ ...opened, locked: pinned }, { ...options, tier });
  await readFiles(opened);
  await updateLock(lockUrl, (lock) => addToLock(lock, opened.reference, pinned, lockUrl), { fs });
  const registry = opened.reference.kind === "registry" && projectOptions.registry !== undefined
    ? registryUrl(projectOptions.registry)
    : undefined;
  await updateConfig(configUrl, (config) => {
    const plugins = [...config.plugins ?? []];
    const known = configuredPlugins({ ...project, config: { url: configUrl, config } });
    const at = known.findIndex(({ configured, reference }) =>
      isSame(reference, opened.reference, project) && configured.callback === callback
    );
    const others = known.filter((_, i) => i !== at);
    const place = placeFor(registry, { url: configUrl, config }, others);
    const added: ConfiguredPlugin = withoutMissing({
      plugin: writtenReference(given, opened.reference.key, configUrl),
      registry: place === "plugin"
        ? writtenRegistry(registry as URL, configUrl)
        : registry === undefined
        ? plugins[at]?.registry
        : undefined,
      callback,
      options: pluginOptions,
      tier: wanted,
      outputDir: outputDir === undefined
        ? undefined
        : toConfigPath(urlOfPath(outputDir), configUrl),
      onError,
      limits,
    });
    plugins.splice(at < 0 ? plugins.length : at, at < 0 ? 0 : 1, added);
    return place === "project"
      ? { ...config, registry: writtenRegistry(registry as URL, configUrl), plugins }
      : { ...config, plugins };
  }, { fs });
  return explainOpened({ ...opened, locked: pinned }, { ...options, tier });
}

/**
 * Where a registry that was named is remembered; undefined where none was, or the file names it
 * already. For the project only where nothing of it is looked up elsewhere.
 */
function placeFor(
  registry: URL | undefined,
  { url, config }: ConfigFile,
  others: ReturnType<typeof configuredPlugins>,
): "plugin" | "project" | undefined {
  if (registry === undefined) return undefined;
  const present = configRegistry(config.registry, url);
  if (present !== undefined) {
    return registryUrl(present).href === registry.href ? undefined : "plugin";
  }
  const isElsewhere = others.some(({ configured, reference }) =>
    reference.kind === "registry" && configured.registry === undefined
  );
  return isElsewhere ? "plugin" : "project";
}

function writtenRegistry(registry: URL, config: URL): string {
  return registry.protocol === "file:" ? toConfigPath(registry, config) : registry.href;
}

/** As it was given; a file below the config file's folder by its path from there. */
function writtenReference(given: string | URL, key: string, config: URL): string {
  if (!key.startsWith("file:")) return String(given);
  return toLocked(new URL(given), config);
}

function withoutMissing<T extends object>(value: T): T {
  return Object.fromEntries(
    Object.entries(value).filter(([, one]) => one !== undefined),
  ) as T;
}
