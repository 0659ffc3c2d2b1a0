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
  /** As it would be loaded. */
  tier?: PluginTier;
  /** As it would be loaded. */
  callback?: string;
  /** As it would be loaded. Default: they are not checked. */
  options?: Record<string, unknown>;
  /** As it would be loaded. */
  allow?: Allowed;
  /** As it would be loaded. */
  outputDir?: Path;
}

/** One thing that a plugin wants to touch. */
export interface ExplainedPermission {
  /** Kind of the permission. */
  kind: PluginPermission;
  /** The host, path, name or address; the option that has it as `option name`. */
  value: string;
  /** Why the plugin asks for it, in its author's words. */
  reason: string;
  /** What there is to agree to: of an option its value, passed by you or the manifest's default. */
  allow: string[];
  /** True where it can do without. */
  isOptional: boolean;
  /** True where you have agreed, in the lock file or here. */
  isGranted: boolean;
}

/** Everything that is known of a plugin without running it. */
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
  /** True where the lock file has it. */
  isLocked: boolean;
  /** Where its code would run; undefined where it would not, see `problems`. */
  tier: PluginTier | undefined;
  /** What is really enforced in this tier on this runtime. */
  enforced: string[];
  /** What is not. */
  notEnforced: string[];
  /** Its callbacks, with the hooks and controls they declare. */
  callbacks: (Pick<PluginCallbackEntry, "controls" | "defaults" | "name" | "options" | "title"> & {
    hooks: PluginHookEntry[];
  })[];
  /** Every permission that it declares. */
  permissions: ExplainedPermission[];
  /** Keys that signed it. */
  signers: string[];
  /** Set where its registry has yanked this version. */
  yanked?: Yank;
  /** Its files. */
  files: { path: string; size: number; integrity: string }[];
  /** What is not as it was locked. */
  differences: TrustDifference[];
  /** Why it would not load here. */
  problems: string[];
}

/**
 * Explain what a plugin is, what it may do and what is really enforced, without running any of its
 * code. Only the cache is written to. A plugin of a registry is looked up there to find out whether
 * its version has been yanked.
 *
 * @param reference as for `loadPlugin`, or the path of a manifest or its folder; it needs no
 *   integrity
 * @throws PluginError when there is no such plugin, or it is not what the reference says
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
  // Only options that are given are checked.
  if (options.options === undefined) without.push("callback", "options");
  const review = authorize(candidate, options, {
    without,
    refuse: ({ message }) => problems.push(message),
  });
  // A registry that does not answer is reported by verify.
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
  given: Record<string, unknown> = {},
  granted: LockedPermissions,
): ExplainedPermission[] {
  const { permissions = {}, optionalPermissions = {} } = manifest;
  return pluginPermissions.flatMap((kind) =>
    [permissions, optionalPermissions].flatMap((declared, i) =>
      (declared[kind] ?? []).map((entry): ExplainedPermission => {
        const { option, reason } = entry;
        const locked = lockedValues(kind, entry, manifest, given);
        const isGranted = locked.every((value) => coversLocked(granted[kind], value));
        const allow = [...new Set(locked.flatMap((value) => meaningsOf(kind, value, given)))];
        const value = option === undefined ? allow[0] : `option ${option}`;
        return { kind, value, reason, allow, isOptional: i === 1, isGranted };
      })
    )
  );
}
