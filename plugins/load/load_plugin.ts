import type { ErrorPolicy } from "../../core/callback.ts";
import { getRuntime } from "../../runtime/mod.ts";
import type { Path } from "../../runtime/types.ts";
import { optionsFor } from "./callback_options.ts";
import { chooseCallback } from "./choose_callback.ts";
import { createContext, givenControls } from "../host/context/mod.ts";
import type { PluginData } from "../host/context/evaluate.ts";
import { checkEngines } from "../modules/engines.ts";
import { PluginError } from "../errors.ts";
import { type Allowed, grantsOf } from "../project/grants.ts";
import { readGraph } from "../modules/graph.ts";
import { limitsOf, type PluginLimits } from "../project/limits.ts";
import { compareWithLock, lockAsFound } from "./lock_check.ts";
import { allowedBy } from "../project/locked_permissions.ts";
import type { PluginCallbackEntry, PluginManifest } from "../manifest/format.ts";
import { openPlugin, type OpenPluginOptions } from "./open_plugin.ts";
import { peerModules } from "../modules/peers.ts";
import { closePlugin, type PluginCallback, wirePlugin } from "../host/callback.ts";
import { PluginRun } from "../host/run.ts";
import { checkSigners } from "../manifest/signature.ts";
import { chooseTier, type RunTier } from "../host/tier.ts";
import type { PluginTier } from "../project/tiers.ts";
import { within } from "../host/time_limit.ts";
import { runTrusted } from "../host/trusted.ts";
import { warnIfYanked } from "./yanks.ts";

/** Options of {@linkcode loadPlugin}. */
export interface LoadPluginOptions extends OpenPluginOptions {
  /** Which of the plugin's callbacks. Default: its only one. */
  callback?: string;
  /** Options of the callback itself, plain data as its manifest describes them. Default: none. */
  options?: Record<string, unknown>;
  /**
   * Where its code runs. Default: as the lock file says, else `"sandboxed"` for a plugin that comes
   * from elsewhere or wants it, `"trusted"` for one of this machine.
   */
  tier?: PluginTier;
  /**
   * Permissions that the plugin declares and you agree to. A sandbox holds it to them; elsewhere
   * they are consent. `write` is granted by `outputDir`. Default: as the lock file says, else none.
   */
  allow?: Allowed;
  /** Where the plugin may write, if its manifest declares files. Default: nowhere. */
  outputDir?: Path;
  /** Rows that it may evaluate the model on, where it has the control `evaluate`. Default: none. */
  data?: PluginData;
  /** Takes what it tells the user, its id in front. Default: `console.log`. */
  log?: (line: string) => void;
  /** How much of the host it may take. */
  limits?: PluginLimits;
  /** What a failing hook does to the run. Default: as the manifest advises, else `"disable"`. */
  onError?: ErrorPolicy;
  /**
   * Keys of which one must have signed the plugin, each `ed25519:` and the public key in base64.
   * Default: it need not be signed.
   */
  signers?: readonly string[];
}

/**
 * Import a callback from anywhere, verified.
 *
 * The reference is the URL of a plugin's manifest (https, `file:`, or http on this machine), a
 * plugin of a registry (`registry:owner/name@^1`), or a package that is installed (`npm:name`,
 * `jsr:@scope/name`). As its fragment it may carry the manifest's integrity, and the manifest carries
 * that of every file, so that it names certain bytes wherever they come from. From a network nothing
 * is used without one: it stands in the reference or in the project's `keepfit.lock.json`, where
 * `keepfit add` puts it, or `trustFirstUse` here. Files that were loaded before come from the cache,
 * also without a network.
 *
 * Manifest, engines, permissions, options and what the lock file says are checked before any code
 * runs. Sandboxed, its code has nothing but what it is granted. Trusted, it runs in this process with
 * its rights: integrity says that it is the code you chose, not that it is harmless.
 *
 * @param reference for example `https://example.com/owner/name/1.0.0/callback.plugin.json#sha384-…`
 * @param options what the callback is told, what it may do, and how it is fetched
 * @returns a callback for `fit` or a `CallbackList`, named by the plugin's id
 * @throws TypeError for a reference that is no URL, or of a scheme that is not served
 * @throws SyntaxError for a part of a reference that cannot be read
 * @throws PluginError for all that is wrong with the plugin; see its codes
 * @example
 * ```ts
 * import { CallbackList } from "keepfit";
 * import { loadPlugin } from "keepfit/plugins";
 * import assert from "node:assert/strict";
 * import { mkdtemp, readFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { pathToFileURL } from "node:url";
 *
 * const plugins = pathToFileURL("examples/plugins/");
 * const manifest = new URL("keepfit/epoch-report/0.1.0/callback.plugin.json", plugins);
 * const outputDir = await mkdtemp(`${tmpdir()}/report-`);
 * const report = await loadPlugin(manifest, { outputDir });
 * const list = new CallbackList([report]);
 * await list.onTrainBegin();
 * await list.onEpochEnd(0, { loss: 0.7, val_loss: 0.8 });
 * await list.onEpochEnd(1, { loss: 0.5, val_loss: 0.6 });
 * await list.onTrainEnd();
 * await list.close();
 * assert.match(await readFile(`${outputDir}/learning-curve.svg`, "utf8"), /val_loss/);
 * ```
 */
export async function loadPlugin(
  reference: string | URL,
  options: LoadPluginOptions = {},
): Promise<PluginCallback> {
  const runtime = getRuntime();
  const opened = await openPlugin(reference, options);
  const { manifest, integrity, readFile, fs, cache, locked } = opened;
  const url = opened.url.href;
  checkEngines(manifest, url, runtime, options.peers);
  checkSigners(opened.signers, options.signers, url);
  const tier = chooseTier(manifest, url, {
    wanted: options.tier,
    locked: locked?.tier,
    isLocal: opened.isLocal,
  });
  const limits = limitsOf(options.limits);
  const entry = chooseCallback(manifest, url, options.callback);
  checkControls(manifest, entry, url, options.data);
  const pluginOptions = optionsFor(manifest, entry, url, options.options);
  const { outputDir } = options;
  compareWithLock(opened, tier, pluginOptions, options);
  const allow = options.allow ?? (locked && allowedBy(locked.permissions, pluginOptions));
  const grants = grantsOf(manifest, url, pluginOptions, allow, outputDir !== undefined);
  await warnIfYanked(opened, options);
  const graph = await readGraph(manifest, opened.url, readFile, peerModules(options.peers));
  if (options.trustFirstUse && locked === undefined && opened.reference.integrity === undefined) {
    await lockAsFound(opened, tier, pluginOptions, options);
  }

  const run = new PluginRun(manifest.id, limits.hookTime);
  const advised = { disable: "disable", fail: "throw", ignore: "warn" } as const;
  const parts = {
    manifest,
    entry,
    info: { id: manifest.id, version: manifest.version, url, integrity, tier, grants },
    run,
    limits,
    onError: options.onError ?? advised[entry.onError ?? "disable"],
  };
  let made: unknown;
  try {
    const { data, fetch, log = (line) => console.log(line) } = options;
    const making = tiers[tier]({
      manifest,
      entry,
      url,
      graph,
      options: pluginOptions,
      context: createContext({
        manifest,
        entry,
        run,
        grants,
        limits,
        runtime,
        fs,
        outputDir,
        log,
        data,
        fetch,
      }),
      limits,
      // Modules can be imported from the runtime's own files only.
      cache: fs === runtime.fs ? cache : undefined,
      runtime,
    });
    made = await within(
      making,
      limits.hookTime,
      () => neverMade(manifest.id, url, limits.hookTime),
    );
    return wirePlugin(made, parts);
  } catch (error) {
    // What its factory began must not outlive it; the error that came first is told.
    await closePlugin(made, parts).catch(() => {});
    throw error;
  }
}

function neverMade(id: string, url: string, time: number): PluginError {
  return new PluginError("E_TIMEOUT", `Cannot load plugin ${id}: it did not come back`, {
    url,
    expected: `a callback within ${time} ms`,
    hint: "if it needs longer, load it with { limits: { hookTime } }",
  });
}

const tiers: Record<PluginTier, RunTier> = {
  sandboxed: async (run) => (await import("../host/sandbox/mod.ts")).runSandboxed(run),
  trusted: runTrusted,
  worker: async (run) => (await import("../host/worker/mod.ts")).runInWorker(run),
};

function checkControls(
  manifest: PluginManifest,
  entry: PluginCallbackEntry,
  url: string,
  data: PluginData | undefined,
): void {
  const missing = entry.controls.filter((control) => !givenControls.includes(control));
  if (missing.length > 0) {
    throw new PluginError("E_PERMISSION", `Cannot load plugin ${manifest.id}: it wants controls`, {
      url,
      expected: `some of ${givenControls.join(", ")}, which this keepfit has`,
      actual: missing.join(", "),
    });
  }
  if (entry.controls.includes("evaluate") && data === undefined) {
    throw new PluginError("E_PERMISSION", `Cannot load plugin ${manifest.id}: it has no data`, {
      url,
      expected: "rows that it may evaluate the model on",
      hint: "pass { data: { x, y } }",
    });
  }
}
