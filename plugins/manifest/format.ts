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

/** What a plugin may touch outside the training. */
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

/** A hook with what is to be known about its calls. */
export interface PluginHookEntry {
  /** Name of the hook. */
  name: PluginHook;
  /** Where among callbacks it wants to stand; a wish for hosts that sort. */
  order?: "pre" | "normal" | "post";
  /** Ids of plugins that should be called after it. */
  before?: string[];
  /** Ids of plugins that should be called before it. */
  after?: string[];
  /** Call it for each n-th epoch or batch only (the n-th, the 2n-th, ...). Default: 1. */
  every?: number;
}

/** One callback of a plugin. */
export interface PluginCallbackEntry {
  /** What users choose it by. */
  name: string;
  /** The module's export: a class, or a function `(options, context) => callback`. */
  export: string;
  /** Title for people. Default: the name. */
  title?: string;
  /** Description of the callback. */
  description?: string;
  /** The hooks that are called. Others are not, whatever the code has. */
  hooks: (PluginHook | PluginHookEntry)[];
  /** What its options look like; without it there are none. */
  options?: OptionsSchema;
  /** Options that hold where the user gives none. */
  defaults?: Record<string, unknown>;
  /** What it may do to the training. */
  controls: PluginControl[];
  /** Grows when its saved state changes its form. */
  stateVersion?: number;
  /** What its author advises when a hook throws; the user decides. */
  onError?: "disable" | "fail" | "ignore";
}

/** One thing that a permission is for: a value of its kind, or the option that has it. */
export interface PermissionEntry {
  /** Why the plugin needs it, for the user who decides. */
  reason: string;
  /**
   * `net`: a host in lower case, with its port where that is not the scheme's; `*.` in front of a
   * domain for those below it.
   */
  host?: string;
  /**
   * `read`, `ffi`: a file or folder, relative to the working directory, absolute (`/data`,
   * `C:/data`), or `~/` and what lies in the user's home; with slashes. `write`: a path below the
   * output directory, `*` for any characters but a slash.
   */
  path?: string;
  /** `env`: a variable; `run`: a command, without a path. */
  name?: string;
  /** `listen`: a host and port of this machine, `127.0.0.1:9464`. */
  address?: string;
  /**
   * Not for `write`: the option of the plugin that the user says it with. Of a URL that is its host;
   * of `net` and an http URL its origin, so that a server without TLS is reached where named.
   */
  option?: string;
}

/** The permissions of a plugin, each with reasons to show to the user. */
export type PluginPermissions = Partial<Record<PluginPermission, PermissionEntry[]>>;

/** A file of a plugin, as published. */
export interface PluginFile {
  /** `sha256-`, `sha384-` or `sha512-` and the digest in base64; several with spaces between. */
  integrity: string;
  /** Bytes. */
  size: number;
}

/**
 * A plugin's manifest, version 1: what it is, what it needs, what it may do and which bytes it
 * consists of. It stands in `callback.plugin.json` beside the module.
 */
export interface PluginManifest {
  /** Where editors find the schema: a URL, or a path from this file, which `keepfit pack` drops. */
  $schema?: string;
  /** Version of the format. */
  manifestVersion: 1;
  /** `owner/name`. */
  id: string;
  /** Semantic version. */
  version: string;
  /** Title for people. */
  title: string;
  /** Description of the plugin. */
  description: string;
  /** SPDX expression. */
  license: string;
  /** Its authors. */
  authors: { name: string; url?: string }[];
  /** Version ranges of what it runs on; `core` is keepfit. */
  engines: { core: string; tfjs?: string; deno?: string; bun?: string; node?: string };
  /** For other versions of the plugin the range of keepfit, so that an old host finds an old one. */
  compat?: Record<string, string>;
  /** Where it runs; everywhere without it. */
  runtimes?: ("browser" | "bun" | "deno" | "node")[];
  /** TensorFlow.js backends that it works with; all without it. */
  backends?: ("cpu" | "tensorflow" | "wasm" | "webgl" | "webgpu")[];
  /** The JavaScript module that has the exports: a key of `files`. */
  module: string;
  /** All its files: a path relative to the manifest, or an https URL. */
  files: Record<string, PluginFile>;
  /** Its callbacks. */
  callbacks: PluginCallbackEntry[];
  /** Permissions that it needs. Default: none. */
  permissions?: PluginPermissions;
  /** Permissions that it can do without. Default: none. */
  optionalPermissions?: PluginPermissions;
  /** Whether it works in a sandbox, and why not. */
  sandbox: { support: "required" | "supported" | "unsupported"; reason?: string };
  /** Packages that the host hands in: name and version range. `keepfit` always is. */
  peers?: Record<string, string>;
  /** Plugins that it builds on: id and version range. */
  dependencies?: Record<string, string>;
  /** Where its source is. */
  repository?: string;
  /** URL of its website. */
  homepage?: string;
  /** URL where bugs are reported. */
  bugs?: string;
  /** Words to find it by. */
  keywords?: string[];
  /** Categories to find it by. */
  categories?: ("control" | "data" | "logging" | "monitoring" | "saving" | "visualization")[];
  /** Where it stands in its life; `deprecated` says why. */
  stage?: { name: "deprecated" | "experimental" | "stable"; message?: string; successor?: string };
  /** Where to learn of newer versions without a registry. */
  updateUrl?: string;
  /** A Sigstore bundle. */
  provenance?: string;
  /** Who vouches for it: `ed25519:` and a public key, and its signature, both in base64. */
  signatures?: { keyId: string; ed25519: string }[];
  /** What it tells its author; `disclosed` says what and why. */
  telemetry?: { kind: "disclosed" | "none"; reason?: string };
  /** Anything else that tools want to keep. */
  [key: `x-${string}`]: unknown;
}

/** A manifest as its author writes it: without `files`, which `keepfit pack` fills in. */
export type SourceManifest = Omit<PluginManifest, "files"> & Partial<Pick<PluginManifest, "files">>;

/** The name of the file that a manifest stands in. */
export const manifestName = "callback.plugin.json";
