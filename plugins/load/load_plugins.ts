import type { CallbackLike } from "../../core/callback.ts";
import { directoryOf, getRuntime, joinPath } from "../../runtime/mod.ts";
import type { Path } from "../../runtime/types.ts";
import { configPath, configReference, configRegistry, readConfig } from "../project/config.ts";
import { configName } from "../project/config_format.ts";
import { PluginError } from "../errors.ts";
import { loadPlugin } from "./load_plugin.ts";
import { lockName } from "../project/lock_format.ts";
import type { OpenPluginOptions } from "./locate.ts";
import { sourceSettings } from "../project/settings.ts";

/** Options of {@linkcode loadPlugins} for all plugins; the file contains the options of each. */
export type LoadPluginsOptions = Omit<OpenPluginOptions, "integrity">;

/**
 * Load all plugins that `keepfit.json` lists, in parallel. If one cannot be loaded, the others are
 * closed.
 *
 * @param config the file. Default: the nearest from the main script's folder upward, then from the
 *   working directory
 * @param options sources, and the lock file. Default: the one beside the config file
 * @returns the callbacks in the order of the file
 * @throws PluginError `E_CONFIG` if the file is missing or invalid, and those of `loadPlugin`
 * @example
 * ```ts
 * import { loadPlugins } from "keepfit/plugins";
 * import assert from "node:assert/strict";
 * import { mkdtemp, writeFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { pathToFileURL } from "node:url";
 *
 * const plugins = pathToFileURL("examples/plugins/");
 * const { href } = new URL("keepfit/epoch-report/0.1.0/callback.plugin.json", plugins);
 * const folder = await mkdtemp(`${tmpdir()}/config-`);
 * const config = { plugins: [{ plugin: href, outputDir: "reports" }] };
 * await writeFile(`${folder}/keepfit.json`, JSON.stringify(config));
 * const [report] = await loadPlugins(`${folder}/keepfit.json`);
 * assert.equal(report.name, "keepfit/epoch-report");
 * ```
 */
export async function loadPlugins(
  config?: Path,
  options: LoadPluginsOptions = {},
): Promise<CallbackLike[]> {
  const fs = options.fs ?? getRuntime().fs;
  const file = await readConfig(config, { fs });
  if (file === undefined) {
    throw new PluginError("E_CONFIG", `Cannot load plugins: there is no ${configName}`, {
      expected: "one beside the program or in a parent folder",
      hint: "keepfit add creates one",
    });
  }
  const { url } = file;
  const shared = {
    ...options,
    ...sourceSettings(options, file),
    fs,
    lock: options.lock ?? joinPath(directoryOf(url), lockName),
  };
  const loading = (file.config.plugins ?? []).map(({ plugin, registry, outputDir, ...rest }) =>
    loadPlugin(configReference(plugin, url), {
      ...shared,
      ...rest,
      registry: options.registry ?? configRegistry(registry, url) ?? shared.registry,
      outputDir: configPath(outputDir, url),
    })
  );
  const loaded = await Promise.allSettled(loading);
  const failed = loaded.find((one) => one.status === "rejected");
  if (failed === undefined) {
    return loaded.map((one) => (one as PromiseFulfilledResult<CallbackLike>).value);
  }
  for (const one of loaded) {
    if (one.status !== "fulfilled") continue;
    try {
      await one.value.close?.();
    } catch (error) {
      console.warn(`keepfit: ${one.value.name} could not be closed: ${error}`);
    }
  }
  throw failed.reason;
}
