import type { CallbackReference } from "../../core/callback_list.ts";
import { didYouMean } from "../../core/unknown_option.ts";
import type { CallbackLike } from "../../core/callback.ts";
import { loadPlugin, type LoadPluginOptions } from "./load_plugin.ts";
import { loadPlugins } from "./load_plugins.ts";
import { manifestName } from "../manifest/format.ts";

/**
 * Load the plugin or plugins of a reference among the callbacks of a run.
 *
 * @param reference a reference, an object with one and the options of `loadPlugin`, or the path of
 *   a config file such as `keepfit.json`, for all of its plugins
 * @throws TypeError for an unknown option, which may be a misspelled restriction
 * @throws PluginError like `loadPlugin`
 */
export async function loadReference(
  reference: string | URL | CallbackReference,
): Promise<CallbackLike | CallbackLike[]> {
  if (typeof reference === "string" && isConfig(reference)) return await loadPlugins(reference);
  if (typeof reference === "string" || reference instanceof URL) return await loadPlugin(reference);
  const { plugin, ...options } = reference;
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(optionNames, name)) continue;
    throw new TypeError(
      `Cannot load plugin ${plugin} with option ${name}: ` +
        `${didYouMean(name, Object.keys(optionNames))}; options of the plugin itself go into ` +
        `{ options }`,
    );
  }
  return await loadPlugin(plugin, options as LoadPluginOptions);
}

/** Whether a reference is the path of a JSON file that is not a manifest. */
function isConfig(reference: string): boolean {
  return /\.json$/i.test(reference) && !reference.endsWith(manifestName) &&
    !/^[a-z][a-z+.-]+:/i.test(reference);
}

const optionNames: Record<keyof LoadPluginOptions, true> = {
  callback: true,
  options: true,
  data: true,
  log: true,
  peers: true,
  tier: true,
  allow: true,
  outputDir: true,
  limits: true,
  onError: true,
  signers: true,
  integrity: true,
  lock: true,
  frozen: true,
  trustFirstUse: true,
  registry: true,
  minimumAge: true,
  vendor: true,
  cacheDir: true,
  fs: true,
  offline: true,
  tokens: true,
  fetch: true,
  timeout: true,
  retries: true,
  retryDelay: true,
};
