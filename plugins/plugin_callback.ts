import type { CallbackLike, CallbackState, ErrorPolicy, Params } from "../core/callback.ts";
import { addOtherNames } from "../core/logs.ts";
import { olderNames } from "../core/receivers.ts";
import type { PluginRun } from "./context.ts";
import { PluginError } from "./errors.ts";
import type { PluginCallbackEntry, PluginHook, PluginManifest } from "./manifest_format.ts";

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
