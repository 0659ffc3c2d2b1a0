import type { CallbackReference } from "../core/callback_list.ts";
import { didYouMean } from "../core/unknown_option.ts";
import { loadPlugin, type LoadPluginOptions } from "./load_plugin.ts";
import type { PluginCallback } from "./plugin_callback.ts";

/**
 * Load what stands for a plugin among the callbacks of a run.
 *
 * @param reference a reference, or an object with one and the options of `loadPlugin`
 * @throws TypeError for an option that `loadPlugin` does not have: it may be a misspelt restriction
 * @throws PluginError as `loadPlugin` does
 */
export async function loadReference(
  reference: string | URL | CallbackReference,
): Promise<PluginCallback> {
  if (typeof reference === "string" || reference instanceof URL) return await loadPlugin(reference);
  const { plugin, ...options } = reference;
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(optionNames, name)) continue;
    throw new TypeError(
      `Cannot load plugin ${plugin} with option ${name}: ` +
        `${didYouMean(name, Object.keys(optionNames))}; what the plugin itself is told goes into ` +
        `{ options }`,
    );
  }
  return await loadPlugin(plugin, options as LoadPluginOptions);
}

const optionNames: Record<keyof LoadPluginOptions, true> = {
  integrity: true,
  cacheDir: true,
  fs: true,
  fetch: true,
  headers: true,
  timeout: true,
  retries: true,
  retryDelay: true,
  callback: true,
  options: true,
  tier: true,
  allow: true,
  outputDir: true,
  limits: true,
  onError: true,
  peers: true,
  signers: true,
};
