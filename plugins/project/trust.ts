import { PluginError } from "../errors.ts";
import type { LockedPlugin } from "./lock_format.ts";
import { pluginPermissions } from "../manifest/format.ts";
import { compareVersions, parseVersion } from "../manifest/semver.ts";
import { coversLocked } from "./locked_permissions.ts";
import type { PluginTier } from "./tiers.ts";

/** A difference between a plugin and its lock file entry. */
export interface TrustDifference {
  /** Name of the difference: `signature`, `permissions.net`, `tier`. */
  what: string;
  /** Value in the lock file; `none` if it has none. */
  before: string;
  /** Current value of the plugin; `none` if it has none. */
  after: string;
  /** Whether the plugin would be trusted more, or verified less, than before. */
  weakens: boolean;
}

/**
 * Compare a lock file entry with the plugin as it is now.
 *
 * Trust weakens with a lost signature, another signer, a tier with more rights, more permissions or
 * controls, another repository, a lower version, or other bytes under the same version. Other
 * differences are reported too.
 *
 * @param before entry of the lock file
 * @param after the plugin as it is now, with the permissions that it needs
 * @returns the differences; empty if there are none
 */
export function trustDifferences(before: LockedPlugin, after: LockedPlugin): TrustDifference[] {
  const found: TrustDifference[] = [];
  const tell = (
    what: string,
    before: readonly string[],
    after: readonly string[],
    weakens: boolean,
  ): void => {
    const [was, is] = [before, after].map((all) => all.join(", ") || "none");
    if (was !== is) found.push({ what, before: was, after: is, weakens });
  };
  const kept = after.signers.some((key) => before.signers.includes(key));
  tell("signers", before.signers, after.signers, before.signers.length > 0 && !kept);
  if (before.tier !== undefined && after.tier !== undefined) {
    const weakens = rights[after.tier] > rights[before.tier];
    tell("tier", [before.tier], [after.tier], weakens);
  }
  for (const kind of pluginPermissions) {
    const [was, is] = [before.permissions[kind] ?? [], after.permissions[kind] ?? []];
    tell(`permissions.${kind}`, was, is, is.some((value) => !coversLocked(was, value)));
  }
  const more = after.controls.some((control) => !before.controls.includes(control));
  tell("controls", before.controls, after.controls, more);
  const moved = before.repository !== undefined &&
    (after.repository === undefined ||
      repositoryKey(before.repository) !== repositoryKey(after.repository));
  tell("repository", listOf(before.repository), listOf(after.repository), moved);
  const order = compareVersions(parseVersion(after.version), parseVersion(before.version));
  tell("version", [before.version], [after.version], order < 0);
  // Files under development change all the time without a new version.
  const isPublished = !/^(file:|\.{1,2}\/)/.test(after.url);
  const isSwapped = before.id === after.id && order === 0 && isPublished;
  tell("integrity", [before.integrity], [after.integrity], isSwapped);
  tell("url", [before.url], [after.url], false);
  return found;
}

/**
 * Check that a plugin needs no more trust than the lock file grants.
 *
 * @param title name of the plugin in the message
 * @throws PluginError `E_TRUST` with old and new values, one line for each
 */
export function checkTrust(
  title: string,
  differences: readonly TrustDifference[],
  url: string,
): void {
  const weaker = differences.filter((one) => one.weakens);
  if (weaker.length === 0) return;
  const lines = weaker.map(({ what, before, after }) => `\n  ${what}: was ${before}, is ${after}`);
  throw new PluginError(
    "E_TRUST",
    `Cannot load plugin ${title}: it asks for more trust than the lock file gives it${
      lines.join("")
    }`,
    {
      url,
      expected: weaker.map(({ what, before }) => `${what} ${before}`).join("; "),
      actual: weaker.map(({ what, after }) => `${what} ${after}`).join("; "),
      hint: weaker.every(({ what }) => what === "tier")
        ? "omit the tier, or pass it to keepfit add, which locks it"
        : "find out why; keepfit update --accept, or add --accept, accepts its current state",
    },
  );
}

/**
 * Compare a plugin with its own entry, else with the most similar entry of the same id.
 *
 * @returns undefined for a plugin that was never locked
 */
export function differencesFromLock(
  plugins: Record<string, LockedPlugin>,
  own: LockedPlugin | undefined,
  now: LockedPlugin,
): TrustDifference[] | undefined {
  const known = own === undefined
    ? Object.values(plugins).filter((one) => one.id === now.id)
    : [own];
  const weaknesses = (differences: TrustDifference[]) =>
    differences.filter((one) => one.weakens).length;
  return known.map((one) => trustDifferences(one, now))
    .sort((a, b) => weaknesses(a) - weaknesses(b))[0];
}

/** Higher for tiers with more rights. */
const rights: Record<PluginTier, number> = { sandboxed: 0, worker: 1, trusted: 2 };

function listOf(value: string | undefined): string[] {
  return value === undefined ? [] : [value];
}

function repositoryKey(repository: string): string {
  return repository.toLowerCase().replace(/(\.git)?\/*$/, "");
}
