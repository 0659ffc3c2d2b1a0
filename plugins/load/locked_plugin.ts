import { toLocked } from "../project/lock.ts";
import type { LockedPlugin } from "../project/lock_format.ts";
import type { LockedPermissions } from "../project/locked_permissions.ts";
import type { OpenPlugin } from "./open_plugin.ts";
import type { PluginTier } from "../project/tiers.ts";

/**
 * What a lock file says of a plugin that was opened.
 *
 * @param permissions what it was agreed that it may touch
 * @param lock where the lock file is; undefined for URLs as they are
 */
export function lockedPlugin(
  { manifest, url, integrity, signers }: OpenPlugin,
  tier: PluginTier | undefined,
  permissions: LockedPermissions,
  lock?: URL,
): LockedPlugin {
  const controls = new Set(manifest.callbacks.flatMap((one) => one.controls));
  return {
    id: manifest.id,
    version: manifest.version,
    url: lock === undefined ? url.href : toLocked(url, lock),
    integrity,
    files: Object.fromEntries(
      Object.entries(manifest.files).map(([path, file]) => [path, file.integrity]),
    ),
    tier,
    callbacks: manifest.callbacks.map((one) => one.name).sort(),
    permissions,
    controls: [...controls].sort(),
    signers: [...signers].sort(),
    repository: manifest.repository,
    added: new Date().toISOString().slice(0, 10),
  };
}
