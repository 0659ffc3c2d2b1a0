import type { CallbackHooks, CallbackLike, CallbackState, Params } from "../core/callback.ts";
import { messageOf } from "../core/errors.ts";
import { loadPlugin, type LoadPluginOptions } from "../plugins/load/load_plugin.ts";
import { manifestName, pluginHooks, type PluginManifest } from "../plugins/manifest/format.ts";
import { directoryOf, getRuntime, joinPath, memoryFileSystem } from "../runtime/mod.ts";
import type { FileSystem } from "../runtime/types.ts";
import { overlay } from "./overlay.ts";
import { isTypeScriptSource, listSource, packSource } from "./pack_source.ts";
import { sourceFolder } from "./tested_plugin.ts";

/** Result of a reload. */
export interface Reload {
  /** `owner/name`. */
  id: string;
  /** First epoch with the new code, 0-based; undefined if the reload failed. */
  epoch: number | undefined;
  /** Reason of the failure; undefined on success. */
  error: unknown;
}

/** Options of {@linkcode devPlugin}: those of `loadPlugin`, except for fetching. */
export interface DevPluginOptions extends
  Pick<
    LoadPluginOptions,
    "allow" | "callback" | "limits" | "onError" | "options" | "outputDir" | "peers" | "tier"
  > {
  /** Interval between checks of the source folder in milliseconds. Default: 200. */
  interval?: number;
  /** Whether to bundle the source first. Default: true for TypeScript. */
  bundle?: boolean;
  /** Called for each reload. Default: prints it. */
  onReload?: (reload: Reload) => void;
}

/**
 * Load a plugin from its source folder and reload it whenever a file changes, even while training.
 *
 * The new code takes over at the next epoch, with the state of the old code (`getState`,
 * `setState`) unless `stateVersion` has changed. If the reload fails, the error is reported and the
 * old code continues. A failing hook is reported and does not end the run, unless `onError` says
 * otherwise.
 *
 * @param source source folder or its manifest; a path or a `file:` URL
 * @param options options and permissions of the plugin
 * @returns a callback for your training script
 * @throws PluginError if the plugin cannot be loaded the first time
 * @throws SyntaxError if the plugin cannot be bundled the first time
 * @example
 * ```ts
 * import { devPlugin, driveEpochs } from "keepfit/testing";
 * import assert from "node:assert/strict";
 * import { mkdtemp, readdir } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 *
 * const outputDir = await mkdtemp(`${tmpdir()}/report-`);
 * const source = "examples/plugins/keepfit/epoch-report/0.1.0";
 * // In a training script: callbacks: [await devPlugin(...)].
 * await driveEpochs(await devPlugin(source, { outputDir }), { epochs: [{ loss: 1 }] });
 * assert.deepEqual(await readdir(outputDir), ["learning-curve.svg"]);
 * ```
 */
export async function devPlugin(
  source: string | URL,
  options: DevPluginOptions = {},
): Promise<CallbackLike> {
  const { interval = 200, bundle, onReload = printReload, ...given } = options;
  const { fs } = getRuntime();
  const folder = sourceFolder(source);
  let signature = await signatureOf(folder, fs);
  let current = await loadSource(folder, fs, bundle, given);
  let next: Loaded | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isWatching = false;
  let model: unknown;
  let params: Params | undefined;

  async function look(): Promise<void> {
    try {
      const present = await signatureOf(folder, fs);
      if (present !== signature) {
        signature = present;
        next = await loadSource(folder, fs, bundle, given);
      }
    } catch (error) {
      onReload({ id: current.manifest.id, epoch: undefined, error });
    }
    if (isWatching) timer = setTimeout(look, interval);
  }

  async function takeOver(epoch: number): Promise<void> {
    if (next === undefined) return;
    const [before, behind] = [current, next];
    const { id } = behind.manifest;
    next = undefined;
    try {
      if (model !== undefined) behind.callback.setModel?.(model as never);
      if (params !== undefined) behind.callback.setParams?.(params);
      if (before.stateVersion === behind.stateVersion) {
        const state = await before.callback.getState?.();
        if (state !== undefined) await behind.callback.setState?.(structuredClone(state));
      }
      await behind.callback.onTrainBegin?.({});
      current = behind;
      onReload({ id, epoch, error: undefined });
      await before.callback.close?.();
    } catch (error) {
      onReload({ id, epoch: undefined, error });
    }
  }

  const callback: CallbackLike = {
    name: current.manifest.id,
    onError: options.onError ?? "warn",
    setModel(given: unknown) {
      model = given;
      current.callback.setModel?.(given as never);
    },
    setParams(given) {
      params = given;
      current.callback.setParams?.(given);
    },
    getState: async (): Promise<CallbackState> => await current.callback.getState?.() ?? {},
    setState: (state) => current.callback.setState?.(state),
    readsBatchLogs: (batch) =>
      current.callback.onTrainBatchEnd !== undefined &&
      (current.callback.readsBatchLogs?.(batch) ?? true),
  };
  for (const hook of pluginHooks) {
    (callback as Record<keyof CallbackHooks, unknown>)[hook] = (...args: unknown[]) =>
      (current.callback[hook] as ((...args: unknown[]) => unknown) | undefined)?.(...args);
  }
  return Object.assign(
    callback,
    {
      onTrainBegin(logs) {
        isWatching = true;
        clearTimeout(timer);
        timer = setTimeout(look, interval);
        return current.callback.onTrainBegin?.(logs);
      },
      async onEpochBegin(epoch, logs) {
        await takeOver(epoch);
        await current.callback.onEpochBegin?.(epoch, logs);
      },
      close() {
        isWatching = false;
        clearTimeout(timer);
        return current.callback.close?.();
      },
    } satisfies CallbackLike,
  );
}

interface Loaded {
  callback: CallbackLike;
  manifest: PluginManifest;
  stateVersion: number | undefined;
}

async function loadSource(
  folder: string,
  fs: FileSystem,
  bundle: boolean | undefined,
  options: LoadPluginOptions,
): Promise<Loaded> {
  const { manifest, contents } = await packSource(folder, {
    fs,
    bundle: bundle ?? await isTypeScriptSource(folder, fs),
  });
  const virtualFolder = "/keepfit-dev";
  const packed = memoryFileSystem();
  for (const [path, bytes] of contents) {
    await packed.makeDir(directoryOf(`${virtualFolder}/${path}`));
    await packed.writeFile(`${virtualFolder}/${path}`, bytes);
  }
  const callback = await loadPlugin(`file://${virtualFolder}/${manifestName}`, {
    ...options,
    fs: overlay(fs, virtualFolder, packed),
  });
  const { callbacks } = manifest;
  const entry = callbacks.find(({ name }) => name === options.callback) ?? callbacks[0];
  return { callback, manifest, stateVersion: entry.stateVersion };
}

/** Paths, times and sizes of the source files, which change with every edit. */
async function signatureOf(folder: string, fs: FileSystem): Promise<string> {
  const parts = await Promise.all(
    [manifestName, ...await listSource(folder, fs)].map(async (path) => {
      const { modified, size } = await fs.stat(joinPath(folder, path));
      return `${path} ${modified} ${size}`;
    }),
  );
  return parts.join("\n");
}

function printReload({ id, epoch, error }: Reload): void {
  if (error === undefined) console.log(`keepfit: reloaded ${id} at epoch ${epoch}`);
  else console.warn(`keepfit: kept the previous ${id}: ${messageOf(error)}`);
}
