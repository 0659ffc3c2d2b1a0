import { getRuntime } from "../../runtime/mod.ts";
import { checkEngines } from "../modules/engines.ts";
import { updateLock } from "../project/lock.ts";
import type { LockedPlugin } from "../project/lock_format.ts";
import { agreedPermissions, neededPermissions } from "../project/locked_permissions.ts";
import { lockedPlugin } from "../load/locked_plugin.ts";
import { type PluginManifest, pluginPermissions } from "../manifest/format.ts";
import { openPlugin } from "../load/open_plugin.ts";
import { readFiles } from "./read_files.ts";
import {
  configuredPlugins,
  isSame,
  lockedReference,
  openProject,
  type Project,
  type ProjectOptions,
  registryOf,
} from "./project.ts";
import { parseReference } from "../sources/reference.ts";
import { bestVersion } from "../sources/registry.ts";
import { isNewer } from "../manifest/semver.ts";
import { chooseTier } from "../host/tier.ts";
import { type TrustDifference, trustDifferences } from "../project/trust.ts";
import { typedKeys } from "./typed_reference.ts";

/** Options of {@linkcode updatePlugins}. */
export interface UpdatePluginsOptions extends Omit<ProjectOptions, "frozen" | "trustFirstUse"> {
  /** References or ids of those to update. Default: all. */
  only?: readonly string[];
  /** Tell what would be done, and change nothing. Default: false. */
  dryRun?: boolean;
  /** Take what asks for more trust: true for all, else references or ids. Default: none. */
  accept?: boolean | readonly string[];
}

/** What became of a plugin. */
export interface PluginUpdate {
  /** As the lock file has it. */
  reference: string;
  id: string;
  /**
   * `"same"`: there is nothing newer. `"updated"`: the new one is locked, or would be.
   * `"refused"`: it asks for more trust and was not accepted. `"pinned"`: `keepfit.json` names its
   * integrity. `"failed"`: it could not be had; see `error`.
   */
  status: "failed" | "pinned" | "refused" | "same" | "updated";
  before: LockedPlugin;
  /** What is there now; undefined where that is not known. */
  after: LockedPlugin | undefined;
  /**
   * The newest version of its registry, where that lies outside the reference's range and is newer
   * than what is, or would be, locked; else undefined.
   */
  outside: string | undefined;
  /** What is different, as far as trust is concerned. */
  differences: TrustDifference[];
  error: unknown;
}

/**
 * Look for newer versions: of a registry the highest in the range of each reference, of a URL what
 * is there now. A version that is trusted no further takes the place of the locked one; one that
 * asks for more is told and left alone unless it is accepted.
 *
 * @returns what became of each, in the order of the lock file
 * @throws PluginError `E_CONFIG`, `E_LOCK` when the project's own files cannot be used
 */
export async function updatePlugins(options: UpdatePluginsOptions = {}): Promise<PluginUpdate[]> {
  const { only, dryRun = false, accept = false, ...rest } = options;
  const project = await openProject(rest);
  const { fs, lock, lockUrl } = project;
  // An id may be a path too, but one that is locked goes first.
  const ids = new Set(Object.values(lock.plugins).map(({ id }) => id));
  const keysOf = (name: string) => ids.has(name) ? [] : typedKeys(name, lockUrl);
  const isNamed = (names: readonly string[], key: string, { id }: LockedPlugin) =>
    names.some((name) => name === key || name === id || keysOf(name).includes(key));
  const updating = Object.entries(lock.plugins)
    .filter(([key, locked]) => only === undefined || isNamed(only, key, locked))
    .map(([key, before]) => {
      const accepts = typeof accept === "boolean" ? accept : isNamed(accept, key, before);
      return updateOne(key, before, project, accepts);
    });
  const updates = await Promise.all(updating);
  const changed = updates.filter(({ status }) => status === "updated");
  if (dryRun || changed.length === 0) return updates;
  await updateLock(lockUrl, (present) => {
    const plugins = { ...present.plugins };
    for (const { reference, after } of changed) {
      // What was removed meanwhile stays so.
      if (Object.hasOwn(plugins, reference)) plugins[reference] = after as LockedPlugin;
    }
    return { ...present, plugins };
  }, { fs });
  return updates;
}

async function updateOne(
  key: string,
  before: LockedPlugin,
  project: Project,
  accepts: boolean,
): Promise<PluginUpdate> {
  const { lockUrl, open } = project;
  const update: PluginUpdate = {
    reference: key,
    id: before.id,
    status: "same",
    before,
    after: before,
    outside: undefined,
    differences: [],
    error: undefined,
  };
  try {
    const given = lockedReference(key, lockUrl);
    const parsed = parseReference(given);
    const isPinned = configuredPlugins(project).some(({ reference }) =>
      reference.integrity !== undefined && isSame(reference, parsed, project)
    );
    if (isPinned) return { ...update, status: "pinned" };
    // As if for the first time.
    const opened = await openPlugin(given, {
      ...open,
      registry: registryOf(parsed, before, project),
      lock: false,
      trustFirstUse: true,
    });
    const { manifest, url, isLocal, meta } = opened;
    const latest = meta && bestVersion(meta, {}, open);
    if (latest !== undefined && isNewer(latest, manifest.version)) update.outside = latest;
    if (opened.integrity === before.integrity && url.href === locatedAt(before, lockUrl)) {
      return update;
    }
    checkEngines(manifest, url.href, getRuntime());
    const tier = chooseTier(manifest, url.href, { locked: before.tier, isLocal });
    const after = lockedPlugin(opened, tier, permissionsAfter(manifest, before), lockUrl);
    const differences = trustDifferences(before, after);
    const isRefused = differences.some((one) => one.weakens) && !accepts;
    if (!isRefused) await readFiles(opened);
    return { ...update, status: isRefused ? "refused" : "updated", after, differences };
  } catch (error) {
    return { ...update, status: "failed", after: undefined, error };
  }
}

function locatedAt({ url }: LockedPlugin, lock: URL): string {
  return new URL(url, lock).href;
}

/** What it cannot do without, and of the rest what was agreed before. */
function permissionsAfter(
  manifest: PluginManifest,
  before: LockedPlugin,
): LockedPlugin["permissions"] {
  const needed = neededPermissions(manifest);
  const declared = agreedPermissions(manifest, {}, pluginPermissions);
  const after: LockedPlugin["permissions"] = {};
  for (const kind of pluginPermissions) {
    const values = (declared[kind] ?? []).filter((value) =>
      needed[kind]?.includes(value) || before.permissions[kind]?.includes(value)
    );
    if (values.length > 0) after[kind] = values;
  }
  return after;
}
