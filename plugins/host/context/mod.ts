import {
  assignWeights,
  disposeWeights,
  getLearningRate,
  type HostWeight,
  readWeights,
  setLearningRate,
  type TrainableModel,
  weightsFromHost,
  weightsOf,
} from "../../../core/model.ts";
import { isPromise } from "../../../core/promise.ts";
import type { FileSystem, Path, Runtime } from "../../../runtime/types.ts";
import { evaluator, type PluginData, type PluginEvaluation } from "./evaluate.ts";
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

/** A request that a plugin sends. */
export interface PluginRequest {
  /** Default: `"GET"`. */
  method?: string;
  /** Headers of the request. Default: none. */
  headers?: Record<string, string>;
  /** Body of the request. Default: none. */
  body?: string | Uint8Array;
}

/** What a server answered. */
export interface PluginResponse {
  /** Status code. */
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  /** The body, byte for byte. */
  body: Uint8Array;
  /** The body read as UTF-8. */
  text: string;
}

/** How a command ended. */
export interface PluginCommandResult {
  /** Exit code. */
  code: number;
  /** Text of its standard output, cut if it is long. */
  stdout: string;
  /** Text of its standard error, cut if it is long. */
  stderr: string;
}

/**
 * What a plugin can do, handed to its factory beside the options. There is only what its manifest
 * declares and the user granted; the model itself is never handed over. All that goes through it is
 * plain data and bytes, so that it is the same in each tier.
 */
export interface PluginContext {
  /** The plugin's id. */
  readonly id: string;
  /** The plugin's version. */
  readonly version: string;
  /** Tell the user a line, or several. What is too long or too much is cut. */
  log(message: string): void;
  /** The present learning rate; undefined where there is none yet. */
  getLearningRate(): number | undefined;
  /**
   * Put a file in place in the output directory, as a whole. Permission `write`.
   *
   * @param name a path relative to the output directory; its directories are made
   * @param data the content
   */
  write?(name: string, data: string | Uint8Array): Promise<void>;
  /**
   * Put data behind what a file in the output directory has; it is made when missing. Data of
   * several calls comes there in their order. Permission `write`.
   */
  append?(name: string, data: string | Uint8Array): Promise<void>;
  /** A file that may be read, or below a folder that may be, by its path. Permission `read`. */
  read?(path: string): Promise<Uint8Array>;
  /**
   * Paths of the files below a folder that may be read, sorted; links are left out. Permission
   * `read`.
   */
  list?(path: string): Promise<string[]>;
  /**
   * Send a request to a host that may be reached, by https, on this machine also by http. Redirects
   * are followed to such hosts only. Whatever the server answers is an answer. Permission `net`.
   */
  fetch?(url: string, request?: PluginRequest): Promise<PluginResponse>;
  /** An environment variable. Permission `env`. */
  env?(name: string): string | undefined;
  /** Run a command to its end, without a shell. What it writes is cut. Permission `run`. */
  run?(command: string, args: string[]): Promise<PluginCommandResult>;
  /**
   * Serve this text at a path of the address that may be listened on, until it is replaced or the
   * run is over. Permission `listen`.
   *
   * @param path for example `/metrics`
   * @param contentType default: `"text/plain; charset=utf-8"`
   * @returns its URL
   */
  publish?(path: string, text: string, contentType?: string): Promise<string>;
  /** End training after the running batch, or epoch when called at its end. Control `stop`. */
  stop?(): void;
  /** Set the learning rate from the next update on. Control `setLearningRate`. */
  setLearningRate?(learningRate: number): void;
  /** What the model says of the rows that the user gave, and what is true. Control `evaluate`. */
  evaluate?(): Promise<PluginEvaluation>;
  /** Copies of the model's weights. Control `readWeights`. */
  readWeights?(): Promise<HostWeight[]>;
  /** Put values into the model's weights, in the form that `readWeights` gives. Control `writeWeights`. */
  writeWeights?(weights: HostWeight[]): Promise<void>;
}

/** The controls that this keepfit can give. */
export const givenControls: readonly PluginControl[] = [
  "addLogs",
  "evaluate",
  "readWeights",
  "setLearningRate",
  "stop",
  "writeWeights",
];

/** What a context is made of. */
export interface ContextParts {
  manifest: PluginManifest;
  entry: PluginCallbackEntry;
  run: PluginRun;
  grants: Grants;
  limits: Required<PluginLimits>;
  runtime: Runtime;
  fs: FileSystem;
  /** Where the plugin writes. */
  outputDir: Path | undefined;
  /** Where its lines for the user go. */
  log: (line: string) => void;
  /** What it may evaluate the model on. */
  data: PluginData | undefined;
  /** How its requests are sent; undefined for the runtime's own way. */
  fetch: Fetch | undefined;
}

/**
 * Make the context of one callback of a plugin. What it opens is closed by the run's
 * {@linkcode PluginRun.close}.
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
  for (const [name, call] of Object.entries(context)) context[name] = unbreakable(call as Call);
  return Object.freeze({ id, version, ...context }) as unknown as PluginContext;
}

type Call = (...args: unknown[]) => unknown;

/** A plugin that does not await must not end the process with what it did not wait for. */
function unbreakable(call: Call): Call {
  return (...args) => {
    const result = call(...args);
    if (isPromise(result)) result.then(undefined, () => {});
    return result;
  };
}

function controlsOf(
  { manifest: { id }, run, data }: ContextParts,
): Partial<Record<PluginControl, unknown>> {
  const model = (action: string): TrainableModel => {
    run.checkOpen(action);
    if (run.model === undefined) {
      throw new TypeError(`Cannot reach the model of ${id}: it is set when a run begins`);
    }
    return run.model;
  };
  const evaluate = data && evaluator(data);
  return {
    ...(evaluate && { evaluate: async () => await evaluate(model("evaluate")) }),
    stop: () => {
      model("stop").stopTraining = true;
    },
    setLearningRate: (learningRate: number) =>
      setLearningRate(model("set the learning rate"), learningRate),
    readWeights: async () => await readWeights(weightsOf(model("read weights"))),
    writeWeights: async (values: HostWeight[]) => {
      const target = model("write weights");
      checkWeights(values);
      const weights = await weightsFromHost(target, values);
      try {
        assignWeights(model("write weights"), weights);
      } finally {
        disposeWeights(weights);
      }
    },
  };
}

const arrays: Record<string, unknown> = {
  bool: Uint8Array,
  float32: Float32Array,
  int32: Int32Array,
};

/** @throws TypeError for what is not as `readWeights` gives it: in a tensor it would be garbage */
function checkWeights(weights: HostWeight[]): void {
  const isWeight = ({ shape, dtype, values }: HostWeight): boolean =>
    Array.isArray(shape) && values?.constructor === arrays[dtype] &&
    values.length === shape.reduce((size, side) => size * side, 1);
  const wrong = Array.isArray(weights) ? weights.findIndex((one) => !isWeight(one)) : 0;
  if (wrong < 0) return;
  throw new TypeError(
    `Cannot write weight ${wrong}: wanted { shape, dtype, values } as readWeights gives it`,
  );
}
