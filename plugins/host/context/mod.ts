import { getLearningRate, type HostWeight } from "../../../core/model.ts";
import { isPromise } from "../../../core/promise.ts";
import type { FileSystem, Path, Runtime } from "../../../runtime/types.ts";
import { controlsOf } from "./controls.ts";
import type { PluginData, PluginEvaluation } from "./evaluate.ts";
import { fileAccess } from "./files.ts";
import { listenAccess } from "./listen.ts";
import { logAccess } from "./log.ts";
import { machineAccess } from "./machine.ts";
import { netAccess } from "./net.ts";
import type { Fetch } from "../../sources/fetcher.ts";
import type { Grants } from "../../project/grants.ts";
import type { PluginLimits } from "../../project/limits.ts";
import type { PluginCallbackEntry, PluginControl, PluginManifest } from "../../manifest/format.ts";
import type { PluginRun } from "../run.ts";

/** A request of a plugin. */
export interface PluginRequest {
  /** Method. Default: `"GET"`. */
  method?: string;
  /** Headers of the request. Default: none. */
  headers?: Record<string, string>;
  /** Body of the request. Default: none. */
  body?: string | Uint8Array;
}

/** Response of a server. */
export interface PluginResponse {
  /** Status code. */
  status: number;
  /** Headers, names in lower case. */
  headers: Record<string, string>;
  /** Body as bytes. */
  body: Uint8Array;
  /** Body decoded as UTF-8. */
  text: string;
}

/** Result of a command. */
export interface PluginCommandResult {
  /** Exit code. */
  code: number;
  /** Standard output, truncated if it is long. */
  stdout: string;
  /** Standard error, truncated if it is long. */
  stderr: string;
}

/**
 * Functions of a plugin, passed to its factory after the options. A context has only functions that
 * the manifest declares and the user granted; the model itself is never passed. All values are
 * plain data and bytes, so that it works the same in each tier.
 */
export interface PluginContext {
  /** Id of the plugin. */
  readonly id: string;
  /** Version of the plugin. */
  readonly version: string;
  /**
   * Print one or more lines for the user. Long lines are truncated, and too many lines are dropped.
   */
  log(message: string): void;
  /** The current learning rate; undefined before there is one. */
  getLearningRate(): number | undefined;
  /**
   * Write a whole file in the output directory. Permission `write`.
   *
   * @param name a path relative to the output directory; its directories are created
   * @param data the content
   */
  write?(name: string, data: string | Uint8Array): Promise<void>;
  /**
   * Append to a file in the output directory, which is created if missing. Several calls append in
   * order. Permission `write`.
   */
  append?(name: string, data: string | Uint8Array): Promise<void>;
  /** Read a granted file, or a file below a granted folder. Permission `read`. */
  read?(path: string): Promise<Uint8Array>;
  /** Sorted paths of the files below a granted folder, without links. Permission `read`. */
  list?(path: string): Promise<string[]>;
  /**
   * Send a request to a granted host over https, or on this machine also over http. Redirects are
   * followed to granted hosts only. Every status is a response, not an error. Permission `net`.
   */
  fetch?(url: string, request?: PluginRequest): Promise<PluginResponse>;
  /** Read an environment variable. Permission `env`. */
  env?(name: string): string | undefined;
  /** Run a command to its end, without a shell. Its output is truncated. Permission `run`. */
  run?(command: string, args: string[]): Promise<PluginCommandResult>;
  /**
   * Serve a text at a path of the granted address, until it is replaced or the run ends. Permission
   * `listen`.
   *
   * @param path path of the URL, such as `/metrics`
   * @param contentType content type. Default: `"text/plain; charset=utf-8"`
   * @returns its URL
   */
  publish?(path: string, text: string, contentType?: string): Promise<string>;
  /**
   * End training after the current batch, or after the epoch when called at its end. Control
   * `stop`.
   */
  stop?(): void;
  /** Set the learning rate for the following updates. Control `setLearningRate`. */
  setLearningRate?(learningRate: number): void;
  /** Outputs of the model on the user's data, with the targets. Control `evaluate`. */
  evaluate?(): Promise<PluginEvaluation>;
  /** Copies of the model's weights. Control `readWeights`. */
  readWeights?(): Promise<HostWeight[]>;
  /** Set the model's weights, in the form of `readWeights`. Control `writeWeights`. */
  writeWeights?(weights: HostWeight[]): Promise<void>;
}

/** Controls that this keepfit supports. */
export const supportedControls: readonly PluginControl[] = [
  "addLogs",
  "evaluate",
  "readWeights",
  "setLearningRate",
  "stop",
  "writeWeights",
];

/** Parts of a context. */
export interface ContextParts {
  manifest: PluginManifest;
  entry: PluginCallbackEntry;
  run: PluginRun;
  grants: Grants;
  limits: Required<PluginLimits>;
  runtime: Runtime;
  fs: FileSystem;
  /** Output directory. */
  outputDir: Path | undefined;
  /** Prints the plugin's lines. */
  log: (line: string) => void;
  /** Data for evaluation. */
  data: PluginData | undefined;
  /** Sends requests; undefined for the runtime's fetch. */
  fetch: Fetch | undefined;
}

/**
 * Create the context of a callback of a plugin. {@linkcode PluginRun.close} closes what it opens.
 */
export function createContext(parts: ContextParts): PluginContext {
  const { manifest: { id, version }, entry, run } = parts;
  const all = controlsOf(parts);
  const context: Record<string, unknown> = {
    ...logAccess(parts),
    getLearningRate: () => run.model === undefined ? undefined : getLearningRate(run.model),
    ...fileAccess(parts),
    ...netAccess(parts),
    ...machineAccess(parts),
    ...listenAccess(parts),
  };
  for (const control of entry.controls) if (control in all) context[control] = all[control];
  for (const [name, call] of Object.entries(context)) {
    context[name] = withHandledRejection(call as Call);
  }
  return Object.freeze({ id, version, ...context }) as unknown as PluginContext;
}

type Call = (...args: unknown[]) => unknown;

/**
 * A call with handled rejections, because one that a plugin does not await must not end the
 * process.
 */
function withHandledRejection(call: Call): Call {
  return (...args) => {
    const result = call(...args);
    if (isPromise(result)) result.then(undefined, () => {});
    return result;
  };
}
