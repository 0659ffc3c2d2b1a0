import { getRuntime } from "../../runtime/mod.ts";
import type { Path } from "../../runtime/types.ts";
import { checkEngines } from "../modules/engines.ts";
import { enforcementOf } from "./enforcement.ts";
import { PluginError } from "../errors.ts";
import { optionsFor } from "../load/callback_options.ts";
import { chooseCallback } from "../load/choose_callback.ts";
import { type Allowed, valuesOf } from "../project/grants.ts";
import { lockedPlugin } from "../load/locked_plugin.ts";
import {
  agreedPermissions,
  lockedValue,
  neededPermissions,
} from "../project/locked_permissions.ts";
import {
  type PluginCallbackEntry,
  type PluginHookEntry,
  type PluginManifest,
  type PluginPermission,
  pluginPermissions,
} from "../manifest/format.ts";
import {
  type OpenPlugin,
  openPlugin,
  type OpenPluginOptions,
  type PluginSource,
} from "../load/open_plugin.ts";
import { chooseTier } from "../host/tier.ts";
import type { PluginTier } from "../project/tiers.ts";
import type { Yank } from "../sources/registry.ts";
import { differencesFromLock, type TrustDifference } from "../project/trust.ts";
import { typedReference } from "./typed_reference.ts";
import { askForYank } from "../load/yanks.ts";

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
  kind: PluginPermission;
  /** The host, path, name or address; the option that has it as `option name`. */
  value: string;
  reason: string;
  /** What there is to agree to: of an option what `options` say, if they do. */
  allow: string[];
  /** True where it can do without. */
  isOptional: boolean;
  /** True where you have agreed, in the lock file or here. */
  isGranted: boolean;
}

/** All that can be told about a plugin without running it. */
export interface PluginExplanation {
  id: string;
  version: string;
  title: string;
  description: string;
  /** Of the manifest. */
  url: string;
  /** Of the manifest. */
  integrity: string;
  source: PluginSource;
  /** True where the lock file has it. */
  isLocked: boolean;
  /** Where its code would run; undefined where it would not, see `problems`. */
  tier: PluginTier | undefined;
  /** What is really enforced in this tier on this runtime. */
  enforced: string[];
  /** What is not. */
  notEnforced: string[];
  callbacks: (Pick<PluginCallbackEntry, "controls" | "defaults" | "name" | "options" | "title"> & {
    hooks: PluginHookEntry[];
  })[];
  permissions: ExplainedPermission[];
  /** Keys that signed it. */
  signers: string[];
  /** Set where its registry has yanked this version. */
  yanked?: Yank;
  files: { path: string; size: number; integrity: string }[];
  /** What is not as it was locked. */
  differences: TrustDifference[];
  /** Why it would not load here. */
  problems: string[];
}

/**
 * Tell what a plugin is, what it may do and what is really enforced, before any of its code runs.
 * Nothing is written but to the cache. A plugin of a registry is looked up there, so that a yanked
 * version is known as one.
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
  const opened = await openPlugin(typed, { ...options, trustFirstUse: true });
  // A registry that cannot be asked is reported by verify.
  const yanked = await askForYank(opened, options).catch(() => undefined);
  return { ...explainOpened(opened, options), yanked };
}

/** {@linkcode explainPlugin} for a plugin that is open. */
export function explainOpened(
  opened: OpenPlugin,
  options: ExplainPluginOptions = {},
): PluginExplanation {
  const { manifest, url, integrity, source, signers, locked, lockFile } = opened;
  const { id, version, title, description } = manifest;
  const problems: string[] = [];
  const runtime = getRuntime();
  const attempt = <T>(check: () => T): T | undefined => {
    try {
      return check();
    } catch (error) {
      if (!(error instanceof PluginError)) throw error;
      problems.push(error.message);
      return undefined;
    }
  };
  attempt(() => checkEngines(manifest, url.href, runtime, options.peers));
  const tier = attempt(() =>
    chooseTier(manifest, url.href, {
      wanted: options.tier,
      locked: locked?.tier,
      isLocal: opened.isLocal,
    })
  );
  const pluginOptions = options.options && attempt(() => {
    const entry = chooseCallback(manifest, url.href, options.callback);
    return optionsFor(manifest, entry, url.href, options.options);
  });
  const now = lockedPlugin(opened, tier, neededPermissions(manifest), lockFile?.url);
  const known = lockFile?.lock?.plugins ?? {};
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
    ...enforcementOf(tier ?? "trusted", runtime.name),
    callbacks: manifest.callbacks.map(({ name, title, hooks, controls, options, defaults }) => ({
      name,
      title,
      hooks: hooks.map((hook) => typeof hook === "string" ? { name: hook } : hook),
      controls,
      options,
      defaults,
    })),
    permissions: permissionsOf(manifest, pluginOptions, grantedOf(opened, options, pluginOptions)),
    signers,
    files: Object.entries(manifest.files).map(([path, { size, integrity }]) => ({
      path,
      size,
      integrity,
    })),
    differences: differencesFromLock(known, locked, now) ?? [],
    problems,
  };
}

function grantedOf(
  { manifest, locked }: OpenPlugin,
  { allow, outputDir }: ExplainPluginOptions,
  options: Record<string, unknown> = {},
): Partial<Record<PluginPermission, string[]>> {
  const agreed = agreedPermissions(manifest, options, allow, outputDir !== undefined);
  return allow === undefined ? { ...locked?.permissions, ...agreed } : agreed;
}

function permissionsOf(
  manifest: PluginManifest,
  options: Record<string, unknown> = {},
  granted: Partial<Record<PluginPermission, string[]>>,
): ExplainedPermission[] {
  const { permissions = {}, optionalPermissions = {} } = manifest;
  return pluginPermissions.flatMap((kind) =>
    [permissions, optionalPermissions].flatMap((declared, i) =>
      (declared[kind] ?? []).map((entry) => {
        const { option, reason } = entry;
        const locked = lockedValue(kind, entry);
        const value = option === undefined ? locked : `option ${option}`;
        const isGranted = granted[kind]?.includes(locked) ?? false;
        const allow = valuesOf(kind, [entry], options).map((one) => one.value);
        return { kind, value, reason, allow, isOptional: i === 1, isGranted };
      })
    )
  );
}
