import { authorize } from "../load/authorize.ts";
import { fetchManifest } from "../load/fetch_manifest.ts";
import { locate } from "../load/locate.ts";
import { registryOfLocked } from "../load/yanks.ts";
import { type PluginManifest, pluginPermissions } from "../manifest/format.ts";
import { isNewer } from "../manifest/semver.ts";
import { updateLock } from "../project/lock.ts";
import type { LockedPlugin } from "../project/lock_format.ts";
import {
  agreedPermissions,
  coversLocked,
  neededPermissions,
  optionsLeftToUser,
} from "../project/locked_permissions.ts";
import { type TrustDifference, trustDifferences } from "../project/trust.ts";
import { parseReference } from "../sources/reference.ts";
import { bestVersion } from "../sources/registry.ts";
import { ProjectLogs, withLogs } from "./logs.ts";
import {
  configuredPlugins,
  isSame,
  lockedReference,
  noSuchPlugin,
  openProject,
  type Project,
  type ProjectOptions,
  registryOf,
} from "./project.ts";
import { readFiles } from "./read_files.ts";
import { typedKeys } from "./typed_reference.ts";

/** Options of {@linkcode updatePlugins}. */
export interface UpdatePluginsOptions extends Omit<ProjectOptions, "frozen" | "trustFirstUse"> {
  /** References or ids of the plugins to update. Default: all. */
  only?: readonly string[];
  /** Whether to only report changes without making them. Default: false. */
  dryRun?: boolean;
  /** Plugins that may get more trust: true for all, or references or ids. Default: none. */
  accept?: boolean | readonly string[];
}

/** Result of updating a plugin. */
export interface PluginUpdate {
  /** Key in the lock file. */
  reference: string;
  /** `owner/name`. */
  id: string;
  /**
   * `"same"`: there is no newer version. `"updated"`: the new version is locked, or would be.
   * `"refused"`: it needs more trust and was not accepted. `"pinned"`: `keepfit.json` names its
   * integrity. `"failed"`: it could not be fetched; see `error`.
   */
  status: "failed" | "pinned" | "refused" | "same" | "updated";
  /** The entry of the lock file. */
  before: LockedPlugin;
  /** The newest entry; undefined if unknown. */
  after: LockedPlugin | undefined;
  /**
   * The newest version in its registry, if it is outside the reference's range and newer than the
   * version that is, or would be, locked. Default: undefined.
   */
  outside: string | undefined;
  /** Differences that affect trust. */
  differences: TrustDifference[];
  /** Reason of the failure; undefined unless the status is `"failed"`. */
  error: unknown;
}

/**
 * Look for newer versions: in a registry the highest version in the range of each reference, at a
 * URL its current content. A version that needs no more trust replaces the locked one. A version
 * that needs more trust is only reported, unless it is accepted.
 *
 * @returns one result for each plugin, in the order of the lock file
 * @throws RangeError if the project has no plugin of a name in `only`
 * @throws PluginError `E_CONFIG`, `E_LOCK` when the project's own files are unusable
 */
export async function updatePlugins(options: UpdatePluginsOptions = {}): Promise<PluginUpdate[]> {
  const { only, dryRun = false, accept = false, ...rest } = options;
  const project = await openProject(rest);
  const { fs, lock, lockUrl } = project;
  // An id may also be a path, but a locked id takes precedence.
  const ids = new Set(Object.values(lock.plugins).map(({ id }) => id));
  const keysOf = (name: string) => ids.has(name) ? [] : typedKeys(name, lockUrl);
  const isNamed = (names: readonly string[], key: string, { id }: LockedPlugin) =>
    names.some((name) => name === key || name === id || keysOf(name).includes(key));
  const locked = Object.entries(lock.plugins);
  const unknown = only?.find((name) => !locked.some(([key, one]) => isNamed([name], key, one)));
  if (unknown !== undefined) throw noSuchPlugin("update", unknown, Object.keys(lock.plugins));
  const logs = new ProjectLogs(project);
  const updating = locked
    .filter(([key, locked]) => only === undefined || isNamed(only, key, locked))
    .map(([key, before]) => {
      const accepts = typeof accept === "boolean" ? accept : isNamed(accept, key, before);
      return updateOne(key, before, project, accepts, logs);
    });
  const updates = await Promise.all(updating);
  const changed = updates.filter(({ status }) => status === "updated");
  if (dryRun || changed.length === 0) return updates;
  const seen = await logs.seen();
  await updateLock(lockUrl, (present) => {
    const plugins = { ...present.plugins };
    for (const { reference, after } of changed) {
      // Plugins that were removed meanwhile are not added again.
      if (Object.hasOwn(plugins, reference)) plugins[reference] = after as LockedPlugin;
    }
    return withLogs({ ...present, plugins }, seen);
  }, { fs });
  return updates;
}

async function updateOne(
  key: string,
  before: LockedPlugin,
  project: Project,
  accepts: boolean,
  logs: ProjectLogs,
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
    const reference = lockedReference(key, lockUrl);
    const parsed = parseReference(reference);
    const isPinned = configuredPlugins(project).some(({ reference }) =>
      reference.integrity !== undefined && isSame(reference, parsed, project)
    );
    if (isPinned) return { ...update, status: "pinned" };
    // Reviewed as if it was not locked.
    const location = await locate(reference, {
      ...open,
      registry: registryOf(parsed, before, project),
      lock: false,
      trustFirstUse: true,
    });
    const candidate = await fetchManifest(location);
    const { manifest, url, integrity, meta } = candidate;
    const latest = meta && bestVersion(meta, {}, open);
    if (latest !== undefined && isNewer(latest, manifest.version)) update.outside = latest;
    if (integrity === before.integrity && url.href === new URL(before.url, lockUrl).href) {
      return update;
    }
    const settings = {
      ...candidate.settings,
      locked: before,
      lockFile: { url: lockUrl, lock: undefined },
    };
    const { entry } = authorize({ ...candidate, settings }, {}, {
      without: ["callback", "controls", "options", "lock", "grants"],
    });
    const after = { ...entry, permissions: permissionsAfter(manifest, before) };
    const differences = trustDifferences(before, after);
    const isRefused = differences.some((one) => one.weakens) && !accepts;
    if (!isRefused) await readFiles(candidate);
    const from = parsed.kind === "registry" ? registryOfLocked(entry, lockUrl) : undefined;
    if (!isRefused && from !== undefined) await logs.require(from, entry);
    return { ...update, status: isRefused ? "refused" : "updated", after, differences };
  } catch (error) {
    return { ...update, status: "failed", after: undefined, error };
  }
}

/** The required permissions, and the optional ones that were granted before. */
function permissionsAfter(
  manifest: PluginManifest,
  before: LockedPlugin,
): LockedPlugin["permissions"] {
  // Options that the user passed keep their values: defaults of the new version do not apply.
  const options = Object.fromEntries(
    optionsLeftToUser(before.permissions).map((option) => [option, undefined]),
  );
  const needed = neededPermissions(manifest, options);
  const declared = agreedPermissions(manifest, options, pluginPermissions);
  const after: LockedPlugin["permissions"] = {};
  for (const kind of pluginPermissions) {
    const values = (declared[kind] ?? []).filter((value) =>
      needed[kind]?.includes(value) || coversLocked(before.permissions[kind], value)
    );
    if (values.length > 0) after[kind] = values;
  }
  return after;
}
