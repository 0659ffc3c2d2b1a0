import type { ErrorPolicy } from "../../core/callback.ts";
import type { Path } from "../../runtime/types.ts";
import type { PluginCallback } from "../host/callback.ts";
import type { PluginData } from "../host/context/evaluate.ts";
import type { Allowed } from "../project/grants.ts";
import type { PluginLimits } from "../project/limits.ts";
import type { PluginTier } from "../project/tiers.ts";
import type { OpenPluginOptions } from "./locate.ts";

/**
 * Options of {@linkcode loadPlugin}, in four groups:
 *
 * - What the plugin receives: `callback`, `options`, `data`, `log`, `peers`
 * - What it may do: `tier`, `allow`, `outputDir`, `limits`, `onError`, `signers`
 * - Which plugin it is: `integrity`, `lock`, `frozen`, `trustFirstUse`, `registry`, `minimumAge`
 * - How its files are read: `vendor`, `cacheDir`, `fs`, `offline`, `tokens`, `fetch`, `timeout`,
 *   `retries`, `retryDelay`
 */
export interface LoadPluginOptions extends OpenPluginOptions {
  /** Name of the callback. Default: the plugin's only one. */
  callback?: string;
  /** Options of the callback: plain data, as described in its manifest. Default: none. */
  options?: Record<string, unknown>;
  /** Rows on which it may evaluate the model, if it has the control `evaluate`. Default: none. */
  data?: PluginData;
  /** Called with each line of the plugin's log, prefixed with its id. Default: `console.log`. */
  log?: (line: string) => void;
  /**
   * Tier in which its code runs. Default: that of the lock file, or otherwise `"trusted"` for a
   * `file:` URL of your own and `"sandboxed"` for plugins of a registry, a package or a server.
   */
  tier?: PluginTier;
  /**
   * Declared permissions that you grant. A sandbox enforces them; in the other tiers they only
   * record your consent. `write` is granted by `outputDir`. Default: those of the lock file, or
   * none.
   */
  allow?: Allowed;
  /** Directory that the plugin may write to, if its manifest declares files. Default: none. */
  outputDir?: Path;
  /** Limits of time, memory and output. Default: see {@linkcode PluginLimits}. */
  limits?: PluginLimits;
  /** Error policy of its hooks. Default: that of the manifest, or `"disable"`. */
  onError?: ErrorPolicy;
  /**
   * Keys, one of which must have signed the plugin: `ed25519:` and the public key in base64.
   * Default: no signature is required.
   */
  signers?: readonly string[];
}

/**
 * Import a callback from anywhere, verified.
 *
 * The reference is the URL of a plugin's manifest (https, `file:`, or http on this machine), a
 * plugin of a registry (`registry:owner/name@^1`), or an installed package (`npm:name`,
 * `jsr:@scope/name`). Its fragment may be the integrity of the manifest, which in turn contains the
 * integrity of every file, so that a reference identifies exact bytes regardless of their source. A
 * plugin of a registry, a package or another machine always needs an integrity: in the reference,
 * or in the project's `keepfit.lock.json`, where `keepfit add` or the option `trustFirstUse`
 * records it. Files that were loaded before come from the cache, even without a network.
 *
 * Manifest, engines, permissions, options and the lock file are checked before any code runs.
 * Sandboxed code has only what it is granted. Trusted code runs in this process with its rights:
 * integrity proves that it is the code you chose, not that it is harmless.
 *
 * @param reference for example `https://example.com/owner/name/1.0.0/callback.plugin.json#sha384-…`
 * @param options what the callback receives, what it may do, and how it is fetched
 * @returns a callback for `fit` or a `CallbackList`, named by the plugin's id
 * @throws TypeError for a reference that is not a URL, or of a scheme that is not supported
 * @throws SyntaxError for a part of a reference that cannot be parsed
 * @throws PluginError for every problem with the plugin; see its codes
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
  // Late, because the front door exports it and few programs call it.
  const { load } = await import("./load.ts");
  return await load(reference, options);
}
