import type { Path } from "../../runtime/types.ts";
import { PluginError } from "../errors.ts";
import type { Allowed } from "../project/grants.ts";
import { addToLock, updateLock } from "../project/lock.ts";
import { agreedPermissions, isWithin, neededPermissions } from "../project/locked_permissions.ts";
import { lockedPlugin } from "./locked_plugin.ts";
import type { OpenPlugin } from "./open_plugin.ts";
import type { PluginTier } from "../project/tiers.ts";
import { checkTrust, differencesFromLock } from "../project/trust.ts";

/** What the user agrees to in code. */
interface Consent {
  allow?: Allowed;
  outputDir?: Path;
}

/**
 * Refuse what goes beyond the lock file, where one was read.
 *
 * @throws PluginError `E_TRUST`; `E_LOCK` where the lock is frozen and the user wants it otherwise
 */
export function compareWithLock(
  opened: OpenPlugin,
  tier: PluginTier,
  pluginOptions: Record<string, unknown>,
  { frozen = false, allow, outputDir }: Consent & { frozen?: boolean },
): void {
  const { manifest, locked, lockFile, url } = opened;
  if (lockFile?.lock === undefined) return;
  const now = lockedPlugin(opened, tier, neededPermissions(manifest), lockFile.url);
  const differences = differencesFromLock(lockFile.lock.plugins, locked, now) ?? [];
  checkTrust(manifest.id, differences, url.href);
  if (!frozen || locked === undefined) return;
  const agreed = agreedPermissions(manifest, pluginOptions, allow, outputDir !== undefined);
  const wanted = { ...agreed, write: undefined };
  if (isWithin(wanted, locked.permissions) && tier === (locked.tier ?? tier)) return;
  throw new PluginError("E_LOCK", `Cannot load plugin ${manifest.id}: the lock is frozen`, {
    url: url.href,
    expected: `tier ${locked.tier}, permissions ${JSON.stringify(locked.permissions)}`,
    actual: `tier ${tier}, permissions ${JSON.stringify(agreed)}`,
    hint: "leave out tier and allow, or lock it anew with keepfit add",
  });
}

/**
 * Write a plugin as it was found into the lock file: the one explicit yes.
 *
 * @throws PluginError `E_LOCK` when that cannot be done
 */
export async function lockAsFound(
  opened: OpenPlugin,
  tier: PluginTier,
  pluginOptions: Record<string, unknown>,
  { allow, outputDir }: Consent,
): Promise<void> {
  const { manifest, lockFile, reference, fs } = opened;
  if (lockFile === undefined) {
    throw new PluginError("E_LOCK", `Cannot lock plugin ${manifest.id}: there is no place for it`, {
      expected: "a lock file",
      hint: `say where with { lock: "keepfit.lock.json" }`,
    });
  }
  const agreed = agreedPermissions(manifest, pluginOptions, allow, outputDir !== undefined);
  const entry = lockedPlugin(opened, tier, agreed, lockFile.url);
  await updateLock(lockFile.url, (lock) => addToLock(lock, reference, entry, lockFile.url), { fs });
}
