/**
 * A place for plugins and runs over HTTP: a registry that serves a folder of published plugins, and
 * a receiver of what `RemoteMonitor` posts. It knows training only by what is posted to it.
 *
 * @module
 */
export { createHub, type HubOptions } from "./app.ts";
export { PublishError } from "./errors.ts";
export { type PublishedFile, type PublishedVersion, Registry } from "./registry/publish.ts";
export type {
  RegistryEntry,
  RegistryIndex,
  RegistryMeta,
  RegistryVersion,
} from "./registry/format.ts";
export type { Run, RunEpoch, RunSummary, RunValue } from "./runs/protocol.ts";
export { serveHub, type ServeHubOptions } from "./serve.ts";
export { parseTokens, type Tokens } from "./auth/tokens.ts";
export type { NewVersion } from "./registry/verify.ts";
