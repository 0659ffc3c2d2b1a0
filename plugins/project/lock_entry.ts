import type { PluginManifest } from "../manifest/format.ts";
import { toLocked } from "./lock.ts";
import type { LockedPlugin } from "./lock_format.ts";
import type { LockedPermissions } from "./locked_permissions.ts";
import type { PluginTier } from "./tiers.ts";

/** Facts for a lock file entry. */
export interface LockEntryParts {
  manifest: PluginManifest;
  /** URL of the manifest. */
  url: URL;
  /** Integrity of the manifest. */
  integrity: string;
  /** Keys that signed the manifest. */
  signers: readonly string[];
  tier: PluginTier | undefined;
  permissions: LockedPermissions;
}

/**
 * The lock file entry of a plugin, added today.
 *
 * @param lock URL of the lock file. Default: none; URLs are absolute
 */
export function lockEntry(parts: LockEntryParts, lock?: URL): LockedPlugin {
  const { manifest, url, integrity, signers, tier, permissions } = parts;
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
