import type { CallbackLike, CallbackState, ErrorPolicy, Params } from "../core/callback.ts";
import { addOtherNames } from "../core/logs.ts";
import {
  assignWeights,
  type HostWeight,
  readWeights,
  setLearningRate,
  type TrainableModel,
  weightsFromHost,
} from "../core/model.ts";
import { olderNames } from "../core/receivers.ts";
import { directoryOf, joinPath } from "../runtime/mod.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import { PluginError } from "./errors.ts";
import type {
  PluginCallbackEntry,
  PluginControl,
  PluginHook,
  PluginManifest,
} from "./manifest_format.ts";
import { isRelativePath } from "./manifest_schema.ts";

/**
 * What a plugin can do, handed to its factory beside the options. There is only what its manifest
 * declares and the user granted; the model itself is never handed over.
 */
export interface PluginContext {
  /** The plugin's id. */
  readonly id: string;
  /** The plugin's version. */
  readonly version: string;
  /**
   * Put a file in place in the output directory, as a whole. Permission `write`.
   *
   * @param name a path relative to the output directory; its directories are made
   * @param data the content
   */
  write?(name: string, data: string | Uint8Array): Promise<void>;
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

/** Make the context of one callback of a plugin. */
export function createContext(
  manifest: PluginManifest,
  entry: PluginCallbackEntry,
  run: PluginRun,
  output: { fs: FileSystem; directory: Path } | undefined,
): PluginContext {
  const model = (): TrainableModel => {
    if (run.model === undefined) {
      throw new TypeError(`Cannot reach the model of ${manifest.id}: it is set when a run begins`);
    }
    return run.model;
  };
  const all: Required<Omit<PluginContext, "id" | "version" | "write">> = {
    stop: () => {
      model().stopTraining = true;
    },
    setLearningRate: (learningRate) => setLearningRate(model(), learningRate),
    readWeights: () => readWeights(model().getWeights?.() as never),
    writeWeights: async (values) => {
      const weights = await weightsFromHost(model(), values);
      try {
        assignWeights(model(), weights);
      } finally {
        for (const weight of weights) weight.dispose();
      }
    },
  };
  const context: PluginContext = { id: manifest.id, version: manifest.version };
  for (const control of entry.controls) {
    if (control in all) Object.assign(context, { [control]: all[control as keyof typeof all] });
  }
  const writable = manifest.permissions?.write?.map(({ path }) => path as string) ?? [];
  if (output !== undefined && writable.length > 0) {
    context.write = async (name, data) => {
      if (!isRelativePath(name) || !writable.some((pattern) => matches(pattern, name))) {
        throw new PluginError("E_PERMISSION", `Plugin ${manifest.id} may not write ${name}`, {
          expected: `one of ${writable.join(", ")}, as its manifest declares`,
          actual: name,
        });
      }
      const place = joinPath(output.directory, name);
      await output.fs.makeDir(directoryOf(place));
      await output.fs.writeFile(place, data);
    };
  }
  return Object.freeze(context);
}

/**
 * Make the callback that a run sees from what a plugin's factory made: only the declared hooks,
 * with logs of their own unless the plugin may add to them.
 *
 * @throws PluginError `E_EXPORT` when it is no callback, or lacks a hook that was declared
 */
export function wirePlugin(
  made: unknown,
  manifest: PluginManifest,
  entry: PluginCallbackEntry,
  run: PluginRun,
  onError: ErrorPolicy,
): CallbackLike {
  const name = manifest.callbacks.length > 1 ? `${manifest.id}:${entry.name}` : manifest.id;
  if (typeof made !== "object" || made === null) {
    throw new PluginError("E_EXPORT", `Cannot use plugin ${name}: it made no callback`, {
      expected: "an object with hooks",
      actual: made === null ? "null" : typeof made,
    });
  }
  const plugin = made as CallbackLike;
  const wired: CallbackLike = {
    name,
    onError,
    setModel: (model: never) => {
      run.model = model;
    },
    setParams: (params: Params) => plugin.setParams?.(structuredClone(params)),
    close: () => plugin.close?.(),
  };
  if (typeof plugin.getState === "function") {
    wired.getState = () => plugin.getState?.() as CallbackState;
  }
  if (typeof plugin.setState === "function") wired.setState = (state) => plugin.setState?.(state);
  const sharesLogs = entry.controls.includes("addLogs");
  for (const declared of entry.hooks) {
    const { name: hook, every = 1 } = typeof declared === "string" ? { name: declared } : declared;
    const call = hookOf(plugin, hook);
    if (call === undefined) {
      throw new PluginError("E_EXPORT", `Cannot use plugin ${name}: its callback lacks a hook`, {
        expected: entry.hooks.map((one) => typeof one === "string" ? one : one.name).join(", "),
        actual: `no ${hook}`,
      });
    }
    const isDue = (index: unknown): boolean =>
      typeof index !== "number" || (index + 1) % every === 0;
    (wired as Record<PluginHook, unknown>)[hook] = (first: unknown, second: unknown): unknown => {
      if (!isDue(first)) return undefined;
      if (hook === "onException") return call(first);
      return typeof first === "number"
        ? call(first, sharesLogs ? second : ownLogs(second))
        : call(sharesLogs ? first : ownLogs(first));
    };
    if (hook === "onTrainBatchEnd") {
      wired.readsBatchLogs = (batch) => isDue(batch) && (plugin.readsBatchLogs?.(batch) ?? true);
    }
  }
  return wired;
}

function hookOf(
  plugin: CallbackLike,
  hook: PluginHook,
): ((...args: unknown[]) => unknown) | undefined {
  for (const name of [hook, olderNames[hook]]) {
    const found = name === undefined ? undefined : plugin[name];
    if (typeof found === "function") return (found as (...args: unknown[]) => unknown).bind(plugin);
  }
  return undefined;
}

/** A copy that later callbacks do not see changes of. */
function ownLogs(logs: unknown): unknown {
  return Object.freeze(addOtherNames({ ...logs as object }));
}

/** `*` stands for any characters but a slash. */
function matches(pattern: string, path: string): boolean {
  const escaped = pattern.replace(/[.+^${}()|[\]]/g, "\\$&").replaceAll("*", "[^/]*");
  return new RegExp(`^${escaped}$`).test(path);
}
