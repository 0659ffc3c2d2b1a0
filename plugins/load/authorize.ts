import type { Path } from "../../runtime/types.ts";
import { getRuntime } from "../../runtime/mod.ts";
import { PluginError } from "../errors.ts";
import type { PluginData } from "../host/context/evaluate.ts";
import { supportedControls } from "../host/context/mod.ts";
import { chooseTier } from "../host/tier.ts";
import type { PluginCallbackEntry, PluginManifest } from "../manifest/format.ts";
import { checkSigners } from "../manifest/signature.ts";
import { checkEngines } from "../modules/engines.ts";
import type { Peers } from "../modules/peers.ts";
import { type Allowed, type Grants, grantsOf } from "../project/grants.ts";
import { limitsOf, type PluginLimits } from "../project/limits.ts";
import { lockEntry } from "../project/lock_entry.ts";
import type { LockedPlugin } from "../project/lock_format.ts";
import {
  agreedPermissions,
  allowedBy,
  isWithin,
  neededPermissions,
} from "../project/locked_permissions.ts";
import type { PluginTier } from "../project/tiers.ts";
import { checkTrust, differencesFromLock, type TrustDifference } from "../project/trust.ts";
import { optionsFor } from "./callback_options.ts";
import { chooseCallback } from "./choose_callback.ts";
import type { Candidate } from "./fetch_manifest.ts";

/** What a user requests of a plugin and agrees to. */
export interface User {
  /** Modules that the plugin may import from this program. */
  peers?: Peers;
  /** Keys, one of which must have signed the plugin. */
  signers?: readonly string[];
  tier?: PluginTier;
  limits?: PluginLimits;
  /** Name of the callback. */
  callback?: string;
  /** Rows on which the plugin may evaluate the model. */
  data?: PluginData;
  /** Options of the callback. */
  options?: Record<string, unknown>;
  allow?: Allowed;
  outputDir?: Path;
}

/** A rule that a plugin must pass; rules are checked in this order. */
export type Rule =
  | "engines"
  | "signers"
  | "tier"
  | "callback"
  | "controls"
  | "options"
  | "lock"
  | "grants";

/** Differences between a review and the authorization of a plugin that is about to run. */
export interface ReviewPolicy {
  /** Rules that do not apply; their results are undefined. Default: none. */
  without?: readonly Rule[];
  /** Called with each refusal. Default: the first one is thrown. */
  refuse?: (error: PluginError) => void;
}

/** Result of a review; undefined where a rule refused or was not applied. */
export interface Review {
  tier: PluginTier | undefined;
  limits: Required<PluginLimits>;
  callback: PluginCallbackEntry | undefined;
  /** Options of the callback, merged with their defaults and validated. */
  options: Record<string, unknown> | undefined;
  /** Differences from the lock file that affect trust. */
  differences: TrustDifference[];
  grants: Grants | undefined;
  /** The entry for the lock file, with the permissions that the user agrees to. */
  entry: LockedPlugin;
}

/** Rights of a plugin in a run that passed all rules. */
export interface Consent extends Review {
  tier: PluginTier;
  callback: PluginCallbackEntry;
  options: Record<string, unknown>;
  grants: Grants;
}

/**
 * The third phase of loading a plugin: decide whether it may run and what it may do, based on its
 * manifest, the lock file and the user's options. Only the manifest has been read, and no code has
 * run.
 *
 * @throws RangeError for a tier, a limit or a permission that does not exist
 * @throws PluginError `E_ENGINE`, `E_EXPORT`, `E_LOCK`, `E_OPTIONS`, `E_PERMISSION`, `E_RUNTIME`,
 *   `E_SANDBOX`, `E_SIGNATURE`, `E_TRUST`
 */
export function authorize(candidate: Candidate, user: User): Consent;
/** A review for commands that do not run the plugin. */
export function authorize(candidate: Candidate, user: User, policy: ReviewPolicy): Review;
export function authorize(
  candidate: Candidate,
  user: User,
  { without = [], refuse = raise }: ReviewPolicy = {},
): Review {
  const { manifest, isOwn, settings: { frozen, locked, lockFile } } = candidate;
  const url = candidate.url.href;
  const writes = user.outputDir !== undefined;
  const check = <T>(rule: Rule, decide: () => T): T | undefined => {
    if (without.includes(rule)) return undefined;
    try {
      return decide();
    } catch (error) {
      if (!(error instanceof PluginError)) throw error;
      refuse(error);
      return undefined;
    }
  };

  check("engines", () => checkEngines(manifest, url, getRuntime(), user.peers));
  check("signers", () => checkSigners(candidate.signers, user.signers, url));
  const tier = check(
    "tier",
    () => chooseTier(manifest, url, { chosen: user.tier, locked: locked?.tier, isOwn }),
  );
  const limits = limitsOf(user.limits);
  const callback = check("callback", () => chooseCallback(manifest, url, user.callback));
  if (callback !== undefined) {
    check("controls", () => checkControls(manifest, callback, url, user.data));
  }
  const options = callback &&
    check("options", () => optionsFor(manifest, callback, url, user.options));

  const passed = user.options ?? {};
  const agreed = agreedPermissions(manifest, passed, user.allow, writes);
  const entry = lockEntry({ ...candidate, tier, permissions: agreed }, lockFile?.url);
  const needed = { ...entry, permissions: neededPermissions(manifest, passed) };
  const differences = differencesFromLock(lockFile?.lock?.plugins ?? {}, locked, needed) ?? [];
  check("lock", () => {
    checkTrust(manifest.id, differences, url);
    if (frozen && locked !== undefined) checkFrozen(entry, locked, url);
  });
  const grants = check("grants", () => {
    const allow = user.allow ?? (locked && allowedBy(locked.permissions, passed));
    return grantsOf(manifest, url, options ?? {}, allow, writes);
  });
  return { tier, limits, callback, options, differences, grants, entry };
}

function raise(error: PluginError): never {
  throw error;
}

function checkControls(
  manifest: PluginManifest,
  callback: PluginCallbackEntry,
  url: string,
  data: PluginData | undefined,
): void {
  const missing = callback.controls.filter((control) => !supportedControls.includes(control));
  if (missing.length > 0) {
    throw new PluginError(
      "E_PERMISSION",
      `Cannot load plugin ${manifest.id}: it declares unknown controls`,
      {
        url,
        expected: `only ${supportedControls.join(", ")}, which this keepfit supports`,
        actual: missing.join(", "),
      },
    );
  }
  if (callback.controls.includes("evaluate") && data === undefined) {
    throw new PluginError("E_PERMISSION", `Cannot load plugin ${manifest.id}: it needs data`, {
      url,
      expected: "rows on which it may evaluate the model",
      hint: "pass { data: { x, y } }",
    });
  }
}

/** @throws PluginError `E_LOCK` if the user grants more than the frozen lock file */
function checkFrozen(entry: LockedPlugin, locked: LockedPlugin, url: string): void {
  const { id, tier, permissions } = entry;
  // The output directory is set at each load.
  const isSame = isWithin({ ...permissions, write: undefined }, locked.permissions) &&
    tier === (locked.tier ?? tier);
  if (isSame) return;
  throw new PluginError("E_LOCK", `Cannot load plugin ${id}: the lock is frozen`, {
    url,
    expected: `tier ${locked.tier}, permissions ${JSON.stringify(locked.permissions)}`,
    actual: `tier ${tier}, permissions ${JSON.stringify(permissions)}`,
    hint: "omit tier and allow, or lock it again with keepfit add",
  });
}
