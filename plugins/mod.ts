/**
 * Callbacks from elsewhere: read the manifest of a plugin, verify every byte, import it the same
 * way on Deno, Bun and Node, and give it no more rights than it declares.
 *
 * @module
 */
export { addPlugin, type AddPluginOptions } from "./manage/add.ts";
export {
  type AuditedPlugin,
  type AuditFinding,
  auditPlugins,
  type AuditPluginsOptions,
  type PluginAudit,
} from "./manage/audit.ts";
export { cleanCache, type CleanCacheOptions } from "./manage/clean_cache.ts";
export type { ConfiguredPlugin, PluginConfig } from "./project/config_format.ts";
export type {
  PluginCommandResult,
  PluginContext,
  PluginRequest,
  PluginResponse,
} from "./host/context/mod.ts";
export type { PluginData, PluginEvaluation } from "./host/context/evaluate.ts";
export { PluginError, type PluginErrorCode, type PluginErrorContext } from "./errors.ts";
export {
  type ExplainedPermission,
  explainPlugin,
  type ExplainPluginOptions,
  type PluginExplanation,
} from "./manage/explain.ts";
export { explainText, type ExplainTextOptions } from "./manage/explain_text.ts";
export type { Fetch, FetchOptions } from "./sources/fetcher.ts";
export type { Allowed, Grant, Grants } from "./project/grants.ts";
export {
  computeIntegrity,
  type IntegrityAlgorithm,
  verifyIntegrity,
} from "./manifest/integrity.ts";
export type { PluginLimits } from "./project/limits.ts";
export { type ListedPlugin, listPlugins } from "./manage/list.ts";
export { loadPlugin, type LoadPluginOptions } from "./load/load_plugin.ts";
export { loadPlugins, type LoadPluginsOptions } from "./load/load_plugins.ts";
export { type LockOptions, readLock, updateLock } from "./project/lock.ts";
export type { LockTimeouts } from "../runtime/change_file.ts";
export type { LockedLog, LockedPlugin, PluginLock } from "./project/lock_format.ts";
export { parseManifest } from "./manifest/parse.ts";
export {
  manifestName,
  type PermissionEntry,
  type PluginCallbackEntry,
  type PluginControl,
  pluginControls,
  type PluginFile,
  type PluginHook,
  type PluginHookEntry,
  pluginHooks,
  type PluginManifest,
  type PluginPermission,
  type PluginPermissions,
  pluginPermissions,
} from "./manifest/format.ts";
export type { OptionsScalar, OptionsSchema, OptionsType } from "./manifest/options_schema.ts";
export type { PluginSource } from "./load/fetch_manifest.ts";
export type { OpenPluginOptions } from "./load/locate.ts";
export { type OutdatedPlugin, outdatedPlugins } from "./manage/outdated.ts";
export type { Peers } from "./modules/peers.ts";
export type { PluginCallback, PluginInfo } from "./host/callback.ts";
export type { ProjectOptions } from "./manage/project.ts";
export type { Advisory, AdvisorySeverity } from "./sources/advisories.ts";
export type { LogStanding } from "./sources/log.ts";
export type { Yank } from "./sources/registry.ts";
export { removePlugin } from "./manage/remove.ts";
export type { SettingsOptions } from "./project/settings.ts";
export { signManifest, verifySignatures } from "./manifest/signature.ts";
export { generateKeyPair, parseKey, type SigningKey } from "./manifest/signing_key.ts";
export { type PluginTier, pluginTiers } from "./project/tiers.ts";
export type { TrustDifference } from "./project/trust.ts";
export { type PluginUpdate, updatePlugins, type UpdatePluginsOptions } from "./manage/update.ts";
export { type VendoredFiles, vendorPlugins, type VendorPluginsOptions } from "./manage/vendor.ts";
export { type VerifiedPlugin, verifyPlugins } from "./manage/verify.ts";

// Types of other rooms that these names are made of.
export type {
  CallbackAbilities,
  CallbackHooks,
  CallbackLike,
  CallbackState,
  ErrorPolicy,
  HookOrder,
  HookResult,
  Params,
  PredictLogs,
  ResumableLoop,
  ResumableTraining,
  StateValue,
} from "../core/callback.ts";
export type { Logs } from "../core/logs.ts";
export type { HostWeight, WeightTensor } from "../core/model.ts";
export type {
  DirectoryEntry,
  FileInfo,
  FileSystem,
  OpenMode,
  Path,
  WritableFile,
} from "../runtime/types.ts";
