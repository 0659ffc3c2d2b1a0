import type { OptionsSchema } from "./options_schema.ts";

/** A hook that a plugin may declare. `close`, `getState` and `setState` need no declaration. */
export type PluginHook =
  | "onTrainBegin"
  | "onTrainEnd"
  | "onEpochBegin"
  | "onEpochEnd"
  | "onTrainBatchBegin"
  | "onTrainBatchEnd"
  | "onTestBegin"
  | "onTestEnd"
  | "onTestBatchBegin"
  | "onTestBatchEnd"
  | "onPredictBegin"
  | "onPredictEnd"
  | "onPredictBatchBegin"
  | "onPredictBatchEnd"
  | "onException";

/** Every hook that a plugin may declare, in the order of a run. */
export const pluginHooks = [
  "onTrainBegin",
  "onTrainEnd",
  "onEpochBegin",
  "onEpochEnd",
  "onTrainBatchBegin",
  "onTrainBatchEnd",
  "onTestBegin",
  "onTestEnd",
  "onTestBatchBegin",
  "onTestBatchEnd",
  "onPredictBegin",
  "onPredictEnd",
  "onPredictBatchBegin",
  "onPredictBatchEnd",
  "onException",
] as const satisfies readonly PluginHook[];

/** What a plugin may do to the training beyond observing it. */
export type PluginControl =
  | "addLogs"
  | "evaluate"
  | "readWeights"
  | "saveCheckpoint"
  | "setLearningRate"
  | "skipEpochRest"
  | "stop"
  | "writeWeights";

/** Every control that a manifest may declare. Sorted. */
export const pluginControls = [
  "addLogs",
  "evaluate",
  "readWeights",
  "saveCheckpoint",
  "setLearningRate",
  "skipEpochRest",
  "stop",
  "writeWeights",
] as const satisfies readonly PluginControl[];

/** What a plugin may access outside the training. */
export type PluginPermission = "env" | "ffi" | "listen" | "net" | "read" | "run" | "write";

/** Every permission that a manifest may declare. Sorted. */
export const pluginPermissions = [
  "env",
  "ffi",
  "listen",
  "net",
  "read",
  "run",
  "write",
] as const satisfies readonly PluginPermission[];

/** A declared hook. */
export interface PluginHookEntry {
  /** Name of the hook. */
  name: PluginHook;
  /** Position among the callbacks, for hosts that sort. Default: `"normal"`. */
  order?: "pre" | "normal" | "post";
  /** Ids of plugins to be called after it. */
  before?: string[];
  /** Ids of plugins to be called before it. */
  after?: string[];
  /** Call it for each n-th epoch or batch only (the n-th, the 2n-th, ...). Default: 1. */
  every?: number;
}

/** A callback of a plugin. */
export interface PluginCallbackEntry {
  /** Name by which users choose it. */
  name: string;
  /** Export of the module: a class, or a function `(options, context) => callback`. */
  export: string;
  /** Title. Default: the name. */
  title?: string;
  /** Description of the callback. */
  description?: string;
  /** Hooks to be called. Undeclared hooks are never called. */
  hooks: (PluginHook | PluginHookEntry)[];
  /** Schema of the options. Default: no options. */
  options?: OptionsSchema;
  /** Default values of options. */
  defaults?: Record<string, unknown>;
  /** What it may do to the training. Default: nothing. */
  controls: PluginControl[];
  /** Version of the saved state; increase it when the form of the state changes. */
  stateVersion?: number;
  /** Error policy that the author recommends; the user decides. */
  onError?: "disable" | "fail" | "ignore";
}

/** A permission: a fixed value, or the option that holds the value. */
export interface PermissionEntry {
  /** Why the plugin needs it, shown to the user. */
  reason: string;
  /**
   * `net`: a host in lower case, with its port unless it is the default; `*.` before a domain
   * covers its subdomains.
   */
  host?: string;
  /**
   * `read`, `ffi`: a file or folder, relative to the working directory, absolute (`/data`,
   * `C:/data`), or `~/` for a path in the home directory; with slashes. `write`: a path below the
   * output directory, where `*` stands for any characters but a slash.
   */
  path?: string;
  /** `env`: a variable; `run`: a command without a path. */
  name?: string;
  /** `listen`: a host and port of this machine, `127.0.0.1:9464`. */
  address?: string;
  /**
   * The option that holds the value; not for `write`. A URL in it grants its host; for `net`, an
   * http URL grants its origin, so that a server without TLS is reached only where it is named.
   */
  option?: string;
}

/** Permissions of a plugin, each with a reason for the user. */
export type PluginPermissions = Partial<Record<PluginPermission, PermissionEntry[]>>;

/** A file of a plugin, as published. */
export interface PluginFile {
  /** `sha256-`, `sha384-` or `sha512-` and the digest in base64; several separated by spaces. */
  integrity: string;
  /** Size in bytes. */
  size: number;
}

/**
 * Manifest of a plugin, version 1: what it is, what it needs, what it may do and the hashes of its
 * files. Stored in `callback.plugin.json` beside the module.
 */
export interface PluginManifest {
  /** Schema for editors: a URL, or a path from this file, which `keepfit pack` removes. */
  $schema?: string;
  /** Version of the format. */
  manifestVersion: 1;
  /** `owner/name`. */
  id: string;
  /** Semantic version. */
  version: string;
  /** Title. */
  title: string;
  /** Description of the plugin. */
  description: string;
  /** SPDX expression. */
  license: string;
  /** Its authors. */
  authors: { name: string; url?: string }[];
  /** Version ranges of keepfit (`core`), TensorFlow.js and runtimes. */
  engines: { core: string; tfjs?: string; deno?: string; bun?: string; node?: string };
  /**
   * Ranges of keepfit for other versions of the plugin, so that an old host finds an old version.
   */
  compat?: Record<string, string>;
  /** Runtimes. Default: all. */
  runtimes?: ("browser" | "bun" | "deno" | "node")[];
  /** TensorFlow.js backends. Default: all. */
  backends?: ("cpu" | "tensorflow" | "wasm" | "webgl" | "webgpu")[];
  /** JavaScript module with the exports: a key of `files`. */
  module: string;
  /** All files, by path relative to the manifest, or https URL. */
  files: Record<string, PluginFile>;
  /** Its callbacks. */
  callbacks: PluginCallbackEntry[];
  /** Required permissions. Default: none. */
  permissions?: PluginPermissions;
  /** Optional permissions. Default: none. */
  optionalPermissions?: PluginPermissions;
  /** Whether it works in a sandbox, and why not. Default: supported. */
  sandbox: { support: "required" | "supported" | "unsupported"; reason?: string };
  /** Version ranges of packages that the host provides. `keepfit` is always provided. */
  peers?: Record<string, string>;
  /** Version ranges of plugins that it depends on, by id. */
  dependencies?: Record<string, string>;
  /** URL of its source code. */
  repository?: string;
  /** URL of its website. */
  homepage?: string;
  /** URL for reporting bugs. */
  bugs?: string;
  /** Keywords. */
  keywords?: string[];
  /** Categories. */
  categories?: ("control" | "data" | "logging" | "monitoring" | "saving" | "visualization")[];
  /** Stage of its life; `deprecated` requires a message. */
  stage?: { name: "deprecated" | "experimental" | "stable"; message?: string; successor?: string };
  /** Where to find newer versions without a registry. */
  updateUrl?: string;
  /** A Sigstore bundle. */
  provenance?: string;
  /** Signatures: `ed25519:` with a public key, and a signature, both in base64. */
  signatures?: { keyId: string; ed25519: string }[];
  /** Telemetry to its author; `disclosed` requires a message. */
  telemetry?: { kind: "disclosed" | "none"; reason?: string };
  /** Data for other tools. */
  [key: `x-${string}`]: unknown;
}

/** A manifest in the source folder: without `files`, which `keepfit pack` fills in. */
export type SourceManifest = Omit<PluginManifest, "files"> & Partial<Pick<PluginManifest, "files">>;

/** File name of a manifest. */
export const manifestName = "callback.plugin.json";
