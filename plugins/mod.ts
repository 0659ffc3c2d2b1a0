/**
 * Callbacks from elsewhere: read a plugin's manifest, verify every byte, import it the same way on
 * Deno, Bun and Node, and give it no more than it declares.
 *
 * @module
 */
export { addPlugin, type AddPluginOptions } from "./add_plugin.ts";
export { cleanCache, type CleanCacheOptions } from "./clean_cache.ts";
export type { ConfiguredPlugin, PluginConfig } from "./config_format.ts";
export type {
  PluginCommandResult,
  PluginContext,
  PluginRequest,
  PluginResponse,
} from "./context.ts";
export type { PluginData, PluginEvaluation } from "./context_evaluate.ts";
export { PluginError, type PluginErrorCode, type PluginErrorContext } from "./errors.ts";
export {
  type ExplainedPermission,
  explainPlugin,
  type ExplainPluginOptions,
  type PluginExplanation,
} from "./explain.ts";
export { explainText, type ExplainTextOptions } from "./explain_text.ts";
export type { Fetch, FetchOptions } from "./fetcher.ts";
export type { Allowed, Grant, Grants } from "./grants.ts";
export { computeIntegrity, type IntegrityAlgorithm, verifyIntegrity } from "./integrity.ts";
export type { PluginLimits } from "./limits.ts";
export { type ListedPlugin, listPlugins } from "./list_plugins.ts";
export { loadPlugin, type LoadPluginOptions } from "./load_plugin.ts";
export { loadPlugins, type LoadPluginsOptions } from "./load_plugins.ts";
export { type LockOptions, readLock, updateLock } from "./lock.ts";
export type { LockedPlugin, PluginLock } from "./lock_format.ts";
export { parseManifest } from "./manifest.ts";
export {
  manifestName,
  type PermissionEntry,
  type PluginCallbackEntry,
  type PluginControl,
  type PluginFile,
  type PluginHook,
  type PluginHookEntry,
  type PluginManifest,
  type PluginPermission,
  type PluginPermissions,
} from "./manifest_format.ts";
export type { OptionsScalar, OptionsSchema, OptionsType } from "./options_schema.ts";
export type { OpenPluginOptions, PluginSource } from "./open_plugin.ts";
export { type OutdatedPlugin, outdatedPlugins } from "./outdated_plugins.ts";
export type { Peers } from "./peers.ts";
export type { PluginCallback, PluginInfo } from "./plugin_callback.ts";
export type { ProjectOptions } from "./project.ts";
export type { Yank } from "./registry.ts";
export { removePlugin } from "./remove_plugin.ts";
export type { SettingsOptions } from "./settings.ts";
export { signManifest, verifySignatures } from "./signature.ts";
export { generateKeyPair, parseKey, type SigningKey } from "./signing_key.ts";
export type { PluginTier } from "./tier.ts";
export type { TrustDifference } from "./trust.ts";
export { type PluginUpdate, updatePlugins, type UpdatePluginsOptions } from "./update_plugins.ts";
export { type VendoredFiles, vendorPlugins, type VendorPluginsOptions } from "./vendor.ts";
export { type VerifiedPlugin, verifyPlugins } from "./verify_plugins.ts";
