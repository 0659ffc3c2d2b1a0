import {
  assignWeights,
  getLearningRate,
  type HostWeight,
  readWeights,
  setLearningRate,
  type TrainableModel,
  weightsFromHost,
} from "../core/model.ts";
import { directoryOf, joinPath } from "../runtime/mod.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import { PluginError } from "./errors.ts";
import { type Grants, isGranted } from "./grants.ts";
import type { PluginCallbackEntry, PluginControl, PluginManifest } from "./manifest_format.ts";
import { isRelativePath } from "./manifest_schema.ts";

/** A request that a plugin sends. */
export interface PluginRequest {
  /** Default: `"GET"`. */
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

/** What a server answered. */
export interface PluginResponse {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: Uint8Array;
  /** The body read as UTF-8. */
  text: string;
}

/** How a command ended. */
export interface PluginCommandResult {
  /** Exit code. */
  code: number;
  stdout: string;
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
  /** Tell the user a line. What is too long or too much is cut. */
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
  /** Put data behind what a file in the output directory has. Permission `write`. */
  append?(name: string, data: string | Uint8Array): Promise<void>;
  /** A file below a folder that may be read, by its path. Permission `read`. */
  read?(path: string): Promise<Uint8Array>;
  /** Paths of the files below a folder that may be read, sorted. Permission `read`. */
  list?(path: string): Promise<string[]>;
  /**
   * Send a request to a host that may be reached. Redirects are followed to such hosts only.
   * Permission `net`.
   */
  fetch?(url: string, request?: PluginRequest): Promise<PluginResponse>;
  /** An environment variable. Permission `env`. */
  env?(name: string): string | undefined;
  /** Run a command to its end, without a shell. Permission `run`. */
  run?(command: string, args: string[]): Promise<PluginCommandResult>;
  /**
   * Serve this text at a path of the address that may be listened on, until it is replaced.
   * Permission `listen`.
   *
   * @returns its URL
   */
  publish?(path: string, text: string, contentType?: string): Promise<string>;
  /** End training after the running batch, or epoch when called at its end. Control `stop`. */
  stop?(): void;
  /** Set the learning rate from the next update on. Control `setLearningRate`. */
  setLearningRate?(learningRate: number): void;
  /** Copies of the model's weights. Control `readWeights`. */
  readWeights?(): Promise<HostWeight[]>;
  /** Put values into the model's weights, in the form that `readWeights` gives. Control `writeWeights`. */
  writeWeights?(weights: HostWeight[]): Promise<void>;
}

/** The controls that this keepfit can give. */
export const givenControls: readonly PluginControl[] = [
  "addLogs",
  "readWeights",
  "setLearningRate",
  "stop",
  "writeWeights",
];

/** What connects a plugin's context with the run it is in. */
export interface PluginRun {
  model: TrainableModel | undefined;
}

/** What a context is made of. */
export interface ContextParts {
  manifest: PluginManifest;
  entry: PluginCallbackEntry;
  run: PluginRun;
  grants: Grants;
  fs: FileSystem;
  /** Where the plugin writes. */
  outputDir: Path | undefined;
}

/** Make the context of one callback of a plugin. */
export function createContext(parts: ContextParts): PluginContext {
  const { manifest, entry, run } = parts;
  const model = (): TrainableModel => {
    if (run.model === undefined) {
      throw new TypeError(`Cannot reach the model of ${manifest.id}: it is set when a run begins`);
    }
    return run.model;
  };
  const all: Partial<Record<PluginControl, unknown>> = {
    stop: () => {
      model().stopTraining = true;
    },
    setLearningRate: (learningRate: number) => setLearningRate(model(), learningRate),
    readWeights: () => readWeights(model().getWeights?.() as never),
    writeWeights: async (values: HostWeight[]) => {
      const weights = await weightsFromHost(model(), values);
      try {
        assignWeights(model(), weights);
      } finally {
        for (const weight of weights) weight.dispose();
      }
    },
  };
  const context: PluginContext = {
    id: manifest.id,
    version: manifest.version,
    log: (message) => console.log(`${manifest.id}: ${message}`),
    getLearningRate: () => run.model === undefined ? undefined : getLearningRate(run.model),
    ...fileAccess(parts),
  };
  for (const control of entry.controls) {
    if (control in all) Object.assign(context, { [control]: all[control] });
  }
  return Object.freeze(context);
}

function fileAccess(
  { manifest, grants: { write: grant }, fs, outputDir }: ContextParts,
): Pick<PluginContext, "write"> {
  if (outputDir === undefined || grant === undefined) return {};
  return {
    write: async (name, data) => {
      if (!isRelativePath(name) || !isGranted(grant, name, matchesPath)) {
        throw new PluginError("E_PERMISSION", `Plugin ${manifest.id} may not write ${name}`, {
          expected: `one of ${grant.declared.join(", ")}, as its manifest declares`,
          actual: name,
        });
      }
      const place = joinPath(outputDir, name);
      await fs.makeDir(directoryOf(place));
      await fs.writeFile(place, data);
    },
  };
}

/** `*` stands for any characters but a slash. */
function matchesPath(pattern: string, path: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]]/g, "\\$&").replaceAll("*", "[^/]*");
  return new RegExp(`^${escaped}$`).test(path);
}
