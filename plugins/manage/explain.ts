import { getRuntime } from "../../runtime/mod.ts";
import type { Path } from "../../runtime/types.ts";
import { authorize, type Review, type Rule } from "../load/authorize.ts";
import { type Candidate, fetchManifest, type PluginSource } from "../load/fetch_manifest.ts";
import { locate, type OpenPluginOptions } from "../load/locate.ts";
import { askForYank } from "../load/yanks.ts";
import {
  type PluginCallbackEntry,
  type PluginHookEntry,
  type PluginManifest,
  type PluginPermission,
  pluginPermissions,
} from "../manifest/format.ts";
import type { Allowed } from "../project/grants.ts";
import {
  agreedPermissions,
  coversLocked,
  type LockedPermissions,
  lockedValues,
  meaningsOf,
} from "../project/locked_permissions.ts";
import type { PluginTier } from "../project/tiers.ts";
import type { TrustDifference } from "../project/trust.ts";
import type { Yank } from "../sources/registry.ts";
import { enforcementOf } from "./enforcement.ts";
import { typedReference } from "./typed_reference.ts";

/** Options of {@linkcode explainPlugin}. */
export interface ExplainPluginOptions extends Omit<OpenPluginOptions, "trustFirstUse"> {
  /** As for loading. */
  tier?: PluginTier;
  /** As for loading. */
  callback?: string;
  /** As for loading. Default: they are not checked. */
  options?: Record<string, unknown>;
  /** As for loading. */
  allow?: Allowed;
  /** As for loading. */
  outputDir?: Path;
}

/** A resource that a plugin requests access to. */
export interface ExplainedPermission {
  /** Kind of the permission. */
  kind: PluginPermission;
  /** The host, path, name or address; `option name` if it comes from an option. */
  value: string;
  /** Reason in the manifest. */
  reason: string;
  /** Values that you would grant; for an option, your value or the manifest's default. */
  allow: string[];
  /** Whether it is optional. */
  isOptional: boolean;
  /** Whether it is granted, in the lock file or here. */
  isGranted: boolean;
}

/** Information about a plugin without running it. */
export interface PluginExplanation {
  /** `owner/name`. */
  id: string;
  /** Version of the plugin. */
  version: string;
  /** Title in the manifest. */
  title: string;
  /** Description in the manifest. */
  description: string;
  /** Of the manifest. */
  url: string;
  /** Of the manifest. */
  integrity: string;
  /** Where the manifest was found. */
  source: PluginSource;
  /** Whether it is in the lock file. */
  isLocked: boolean;
  /** Tier in which its code would run; undefined if it would not, see `problems`. */
  tier: PluginTier | undefined;
  /** Restrictions that this tier enforces on this runtime. */
  enforced: string[];
  /** Restrictions that it does not enforce. */
  notEnforced: string[];
  /** Its callbacks, with the hooks and controls they declare. */
  callbacks: (Pick<PluginCallbackEntry, "controls" | "defaults" | "name" | "options" | "title"> & {
    hooks: PluginHookEntry[];
  })[];
  /** Every permission that it declares. */
  permissions: ExplainedPermission[];
  /** Keys that signed it. */
  signers: string[];
  /** Yank of this version in its registry. Default: undefined. */
  yanked?: Yank;
  /** Its files. */
  files: { path: string; size: number; integrity: string }[];
  /** Differences from the lock file. */
  differences: TrustDifference[];
  /** Reasons why it would not load here. */
  problems: string[];
}

/**
 * Explain a plugin, its rights and their enforcement, without running its code. Only the cache is
 * written to. The registry of the plugin is queried for a yank of its version.
 *
 * @param reference as for `loadPlugin`, or the path of a manifest or its folder; no integrity is
 * needed
 * @throws PluginError if there is no such plugin, or it does not match the reference
 * @example
 * ```ts
 * import { explainPlugin, explainText } from "keepfit/plugins";
 * import assert from "node:assert/strict";
 * import { pathToFileURL } from "node:url";
 *
 * const plugins = pathToFileURL("examples/plugins/");
 * const manifest = new URL("keepfit/epoch-report/0.1.0/callback.plugin.json", plugins);
 * const explanation = await explainPlugin(manifest);
 * assert.equal(explanation.tier, "trusted");
 * assert.equal(explanation.permissions[0].kind, "write");
 * assert.match(explainText(explanation), /Not enforced/);
 * ```
 */
export async function explainPlugin(
  reference: string | URL,
  options: ExplainPluginOptions = {},
): Promise<PluginExplanation> {
  const typed = await typedReference(reference, options.fs ?? getRuntime().fs);
  const location = await locate(typed, { ...options, trustFirstUse: true });
  const candidate = await fetchManifest(location);
  const problems: string[] = [];
  const without: Rule[] = ["signers", "controls", "lock", "grants"];
  // Options are checked only if they are passed.
  if (options.options === undefined) without.push("callback", "options");
  const review = authorize(candidate, options, {
    without,
    refuse: ({ message }) => problems.push(message),
  });
  // A registry that does not respond is reported by verify.
  const yanked = await askForYank(candidate).catch(() => undefined);
  return { ...explanationOf(candidate, review, options), problems, yanked };
}

/** The explanation of a plugin that passed all rules of a review. */
export function explanationOf(
  candidate: Candidate,
  review: Review,
  user: Pick<ExplainPluginOptions, "allow" | "options" | "outputDir">,
): PluginExplanation {
  const { manifest, url, integrity, source, signers, settings: { locked } } = candidate;
  const { tier, differences } = review;
  const { id, version, title, description } = manifest;
  return {
    id,
    version,
    title,
    description,
    url: url.href,
    integrity,
    source,
    isLocked: locked !== undefined,
    tier,
    ...enforcementOf(
      tier ?? "trusted",
      getRuntime().name,
      pluginPermissions.filter((kind) =>
        manifest.permissions?.[kind] !== undefined ||
        manifest.optionalPermissions?.[kind] !== undefined
      ),
    ),
    callbacks: manifest.callbacks.map(({ name, title, hooks, controls, options, defaults }) => ({
      name,
      title,
      hooks: hooks.map((hook) => typeof hook === "string" ? { name: hook } : hook),
      controls,
      options,
      defaults,
    })),
    permissions: permissionsOf(manifest, user.options, grantedOf(candidate, user)),
    signers,
    files: Object.entries(manifest.files).map(([path, { size, integrity }]) => ({
      path,
      size,
      integrity,
    })),
    differences,
    problems: [],
  };
}

function grantedOf(
  { manifest, settings: { locked } }: Candidate,
  { allow, options = {}, outputDir }: Pick<ExplainPluginOptions, "allow" | "options" | "outputDir">,
): LockedPermissions {
  const agreed = agreedPermissions(manifest, options, allow, outputDir !== undefined);
  return allow === undefined ? { ...locked?.permissions, ...agreed } : agreed;
}

function permissionsOf(
  manifest: PluginManifest,
  options: Record<string, unknown> = {},
  granted: LockedPermissions,
): ExplainedPermission[] {
  const { permissions = {}, optionalPermissions = {} } = manifest;
  return pluginPermissions.flatMap((kind) =>
    [permissions, optionalPermissions].flatMap((declared, i) =>
      (declared[kind] ?? []).map((entry): ExplainedPermission => {
        const { option, reason } = entry;
        const locked = lockedValues(kind, entry, manifest, options);
        const isGranted = locked.every((value) => coversLocked(granted[kind], value));
        const allow = [...new Set(locked.flatMap((value) => meaningsOf(kind, value, options)))];
        const value = option === undefined ? allow[0] : `option ${option}`;
        return { kind, value, reason, allow, isOptional: i === 1, isGranted };
      })
    )
  );
}
