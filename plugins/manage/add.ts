import type { ErrorPolicy } from "../../core/callback.ts";
import { urlOfPath } from "../../runtime/find_upward.ts";
import type { Path } from "../../runtime/types.ts";
import { authorize } from "../load/authorize.ts";
import { fetchManifest } from "../load/fetch_manifest.ts";
import { locate } from "../load/locate.ts";
import { type ConfigFile, configRegistry, toConfigPath, updateConfig } from "../project/config.ts";
import type { ConfiguredPlugin } from "../project/config_format.ts";
import type { Allowed } from "../project/grants.ts";
import type { PluginLimits } from "../project/limits.ts";
import { addToLock, lockKey, toLocked, updateLock } from "../project/lock.ts";
import { neededPermissions } from "../project/locked_permissions.ts";
import type { PluginTier } from "../project/tiers.ts";
import { checkTrust, differencesFromLock, trustDifferences } from "../project/trust.ts";
import type { PluginReference } from "../sources/reference.ts";
import { registryUrl } from "../sources/registry.ts";
import { registryOfLocked } from "../load/yanks.ts";
import { explanationOf, type PluginExplanation } from "./explain.ts";
import { ProjectLogs, withLogs } from "./logs.ts";
import {
  configuredPlugins,
  isSame,
  openProject,
  type Project,
  type ProjectOptions,
} from "./project.ts";
import { readFiles } from "./read_files.ts";
import { typedReference } from "./typed_reference.ts";

/** Options of {@linkcode addPlugin}. */
export interface AddPluginOptions extends Omit<ProjectOptions, "frozen" | "trustFirstUse"> {
  /** Expected integrity of the manifest. Default: that of the reference, or the actual one. */
  integrity?: string;
  /** Name of the callback. Default: the plugin's only one. */
  callback?: string;
  /** Options of the callback. Default: none. */
  options?: Record<string, unknown>;
  /** Tier in which its code runs. Default: as in `loadPlugin`. */
  tier?: PluginTier;
  /** Permissions that you grant. Default: none. */
  allow?: Allowed;
  /** Output directory of the plugin. Default: none. */
  outputDir?: Path;
  /** Error policy of its hooks. Default: that of the manifest. */
  onError?: ErrorPolicy;
  /** Limits of time, memory and output. */
  limits?: PluginLimits;
  /** Whether to add it even if it needs more trust than the lock file grants. Default: false. */
  accept?: boolean;
  /** Whether to only check that it can be added, without changes. Default: false. */
  dryRun?: boolean;
}

/**
 * Add a plugin to a project: pin it in the lock file with the granted permissions, and list it in
 * `keepfit.json`. All its files are fetched and verified; none of its code runs. The option
 * `registry` is also written to `keepfit.json`: for the whole project if it names no registry and
 * no other plugin comes from one, otherwise for this plugin. It replaces the entry of the same
 * plugin and callback, even one of another version or place.
 *
 * @param reference as for `loadPlugin`, or the path of a manifest or its folder
 * @returns the plugin's explanation, as {@linkcode explainPlugin} returns it
 * @throws PluginError for every problem that would prevent loading it
 */
export async function addPlugin(
  reference: string | URL,
  options: AddPluginOptions = {},
): Promise<PluginExplanation> {
  const { callback, options: pluginOptions, tier: chosenTier, allow, outputDir, ...rest } = options;
  const { onError, limits, accept = false, dryRun = false, integrity, ...projectOptions } = rest;
  const project = await openProject(projectOptions);
  const { fs, lockUrl, configUrl, open } = project;
  const typed = await typedReference(reference, fs);
  const location = await locate(typed, { ...open, integrity, trustFirstUse: true });
  const candidate = await fetchManifest(location);
  const { manifest, settings } = candidate;
  const user = { tier: chosenTier, callback, options: pluginOptions, allow, outputDir };
  const review = authorize(candidate, user, { without: ["controls", "lock"] });
  const { entry } = review;
  const now = { ...entry, permissions: neededPermissions(manifest, pluginOptions) };
  if (!accept) {
    // The user decides on tier and permissions here.
    const undecided = (differencesFromLock(project.lock.plugins, undefined, now) ?? []).filter((
      { what },
    ) => !(what === "tier" && chosenTier !== undefined) && !what.startsWith("permissions."));
    checkTrust(manifest.id, undecided, candidate.url.href);
  }
  const explanation = explanationOf(
    { ...candidate, settings: { ...settings, locked: entry } },
    {
      ...review,
      options: pluginOptions && review.options,
      differences: trustDifferences(entry, now),
    },
    options,
  );
  if (dryRun) return explanation;
  await readFiles(candidate);
  const logs = new ProjectLogs(project);
  const from = candidate.reference.kind === "registry"
    ? registryOfLocked(entry, lockUrl)
    : undefined;
  if (from !== undefined) await logs.require(from, entry);
  const seen = await logs.seen();
  await updateLock(
    lockUrl,
    (lock) => withLogs(addToLock(lock, candidate.reference, entry, lockUrl), seen),
    { fs },
  );
  const registry = candidate.reference.kind === "registry" && projectOptions.registry !== undefined
    ? registryUrl(projectOptions.registry)
    : undefined;
  let replaced: string | undefined;
  await updateConfig(configUrl, (config) => {
    const plugins = [...config.plugins ?? []];
    const known = configuredPlugins({ ...project, config: { url: configUrl, config } });
    const at = entryOf(manifest.id, callback, candidate.reference, known, project);
    const others = known.filter((_, i) => i !== at);
    const isStillUsed = at < 0 ||
      [candidate, ...others].some(({ reference }) =>
        isSame(reference, known[at].reference, project)
      );
    replaced = isStillUsed ? undefined : lockKey(known[at].reference, lockUrl);
    const scope = registryScope(registry, { url: configUrl, config }, others);
    const added: ConfiguredPlugin = withoutMissing({
      plugin: writtenReference(typed, candidate.reference.key, configUrl),
      registry: scope === "plugin"
        ? writtenRegistry(registry as URL, configUrl)
        : registry === undefined && candidate.reference.kind === "registry"
        ? plugins[at]?.registry
        : undefined,
      callback,
      options: pluginOptions,
      tier: chosenTier,
      outputDir: outputDir === undefined
        ? undefined
        : toConfigPath(urlOfPath(outputDir), configUrl),
      onError,
      limits,
    });
    plugins.splice(at < 0 ? plugins.length : at, at < 0 ? 0 : 1, added);
    return scope === "project"
      ? { ...config, registry: writtenRegistry(registry as URL, configUrl), plugins }
      : { ...config, plugins };
  }, { fs });
  if (replaced !== undefined) {
    await updateLock(lockUrl, ({ plugins, ...lock }) => ({
      ...lock,
      plugins: Object.fromEntries(Object.entries(plugins).filter(([key]) => key !== replaced)),
    }), { fs });
  }
  return explanation;
}

/**
 * The index of the entry to replace: that of the same reference or, as `registry:ada/notes@^2`
 * follows `registry:ada/notes@^1`, the only one of the same plugin. Both would run otherwise.
 *
 * @returns -1 if there is none
 */
function entryOf(
  id: string,
  callback: string | undefined,
  added: PluginReference,
  known: ReturnType<typeof configuredPlugins>,
  project: Project,
): number {
  const { lock, lockUrl } = project;
  const same = (isEqual: (reference: PluginReference) => boolean) =>
    known.flatMap(({ configured, reference }, i) =>
      configured.callback === callback && isEqual(reference) ? [i] : []
    );
  const [exact = -1] = same((reference) => isSame(reference, added, project));
  if (exact >= 0) return exact;
  const idOf = (key: string) => Object.hasOwn(lock.plugins, key) ? lock.plugins[key].id : undefined;
  const [first = -1, another] = same((reference) => idOf(lockKey(reference, lockUrl)) === id);
  return another === undefined ? first : -1;
}

/**
 * Whether the registry is written for the whole project or for the plugin; undefined if none is
 * named, or the file already names it. Never for the project if that would change where another
 * plugin is looked up.
 */
function registryScope(
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

/**
 * The reference to write: unchanged, or for a file below the config file's folder its relative
 * path.
 */
function writtenReference(typed: string | URL, key: string, config: URL): string {
  if (!key.startsWith("file:")) return String(typed);
  return toLocked(new URL(typed), config);
}

function withoutMissing<T extends object>(value: T): T {
  return Object.fromEntries(
    Object.entries(value).filter(([, one]) => one !== undefined),
  ) as T;
}
