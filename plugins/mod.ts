/**
 * Callbacks from elsewhere: read a plugin's manifest, verify every byte, import it the same way on
 * Deno, Bun and Node, and give it no more than it declares.
 *
 * @module
 */
export type {
  PluginCommandResult,
  PluginContext,
  PluginRequest,
  PluginResponse,
} from "./context.ts";
export { PluginError, type PluginErrorCode, type PluginErrorContext } from "./errors.ts";
export type { Fetch, FetchOptions } from "./fetcher.ts";
export type { Allowed, Grant, Grants } from "./grants.ts";
export { computeIntegrity, type IntegrityAlgorithm, verifyIntegrity } from "./integrity.ts";
export type { PluginLimits } from "./limits.ts";
export { loadPlugin, type LoadPluginOptions } from "./load_plugin.ts";
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
export type { Peers } from "./peers.ts";
export type { PluginCallback, PluginInfo } from "./plugin_callback.ts";
export { signManifest, verifySignatures } from "./signature.ts";
export { generateKeyPair, parseKey, type SigningKey } from "./signing_key.ts";
export type { PluginTier } from "./tier.ts";
