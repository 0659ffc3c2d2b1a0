/**
 * Plugins and runs over HTTP: a registry that serves published plugins, and a receiver of the
 * reports of `RemoteMonitor`.
 *
 * @module
 */
export { createHub, type HubApp, type HubOptions } from "./app.ts";
export { parseTokens, type Tokens } from "./auth/tokens.ts";
export type {
  RegistryEntry,
  RegistryIndex,
  RegistryMeta,
  RegistryVersion,
} from "./registry/format.ts";
export {
  type PublishedVersion,
  publishVersion,
  type PublishVersionOptions,
  yankVersion,
  type YankVersionOptions,
} from "./registry/publish.ts";
export type { NewVersion } from "./registry/verify.ts";
export type { Run, RunEpoch, RunSummary, RunValue } from "./runs/protocol.ts";
export { serveHub, type ServeHubOptions } from "./serve.ts";
export { folderPluginStore, type FolderStoreOptions } from "./stores/folder.ts";
export { memoryPluginStore, memoryRunStore, type MemoryStoreOptions } from "./stores/memory.ts";
export { folderRunStore, type FolderRunStoreOptions } from "./stores/run_folder.ts";
export type { RunLimits } from "./stores/run_table.ts";
export type { PluginLog, ProvenEntry } from "./log/log.ts";
export type {
  PluginStore,
  RunStore,
  StoredLog,
  StoredVersion,
  VersionYank,
} from "./stores/types.ts";

export type { LogEntry } from "../plugins/manifest/log.ts";
export type { SigningKey } from "../plugins/manifest/signing_key.ts";

// Types of other entry points that these names are made of.
export type {
  PermissionEntry,
  PluginCallbackEntry,
  PluginControl,
  PluginFile,
  PluginHook,
  PluginHookEntry,
  PluginManifest,
  PluginPermission,
  PluginPermissions,
} from "../plugins/manifest/format.ts";
export type {
  DirectoryEntry,
  FileInfo,
  FileSystem,
  HttpServer,
  OpenMode,
  Path,
  WritableFile,
} from "../runtime/types.ts";
export type {
  OptionsScalar,
  OptionsSchema,
  OptionsType,
} from "../plugins/manifest/options_schema.ts";
