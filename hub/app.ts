import type { FileSystem, Path } from "../runtime/types.ts";
import type { SigningKey } from "../plugins/manifest/signing_key.ts";
import { checkTokens, type Tokens } from "./auth/tokens.ts";
import { PluginLog } from "./log/log.ts";
import { mountRoutes } from "./routes.ts";
import { folderPluginStore } from "./stores/folder.ts";
import { memoryRunStore } from "./stores/memory.ts";
import type { PluginStore, RunStore } from "./stores/types.ts";

/** Options of {@linkcode createHub}. */
export interface HubOptions {
  /** Folder of published plugins. Either this or `plugins` is required. */
  directory?: Path;
  /** File system of `directory`. Default: the runtime's. */
  fs?: FileSystem;
  /** Store of published plugins, instead of `directory`. */
  plugins?: PluginStore;
  /**
   * Store of runs, for example `folderRunStore("runs")`. Default: memory, within `maxRuns` and
   * `maxEpochs`.
   */
  runs?: RunStore;
  /**
   * Tokens for publishing, each with the owners whose plugins it may publish and yank,
   * `{ "a long random text": ["ada"] }`, as `parseTokens` reads them. Default: none.
   */
  tokens?: Tokens;
  /**
   * Key of the transparency log. With it, the hub records publications and yanks in an append-only
   * log with a signed head, which clients check. Keep it secret, outside of `directory`. Default:
   * nothing is recorded, but an existing log in `directory` is served.
   */
  logKey?: SigningKey;
  /**
   * Host names under which the hub is reached, in addition to those of this machine and numeric
   * addresses: `["hub.example.com"]`. A request for another host is refused, so that no web page
   * can read or report runs under a name that resolves to this machine (DNS rebinding). Default:
   * none.
   */
  hosts?: readonly string[];
  /** Number of runs in memory. Default: 100. */
  maxRuns?: number;
  /** Number of epochs of each run in memory. Default: 10 000. */
  maxEpochs?: number;
}

/** A hub as a Hono app. `hc<HubApp>(url)` of `hono/client` is a client that knows its routes. */
export type HubApp = ReturnType<(typeof import("./routes.ts"))["mountRoutes"]>;

/**
 * Create a hub: a registry of plugins and a receiver of training reports, as a Hono app.
 *
 * ```text
 * GET  /                                   the page
 * GET  /healthz                            { "status": "ok" }
 * GET  /api/v1/runs  /api/v1/runs/<id>     reported runs
 * GET  /schemas/<name>.schema.json         JSON Schemas of manifest, keepfit.json, lock, advisories
 * POST /publish/epoch/end/                 logs of an epoch, as RemoteMonitor sends them; ?run=<name>
 *
 * GET  /index.json                         every plugin
 * GET  /advisories.json                    advisories, if its operator wrote any
 * GET  /log.head.json  /log.jsonl          signed head and entries of the transparency log
 * GET  /api/v1/log/entries/<owner>/<name>/<version>?size=n       entries, with proofs
 * GET  /api/v1/log/consistency?first=m&second=n                  proof that the log only grew
 * GET  /<owner>/<name>/meta.json           every version of a plugin
 * GET  /<owner>/<name>/<version>/<file>    files of a version, which never change
 * PUT  /<owner>/<name>/<version>           publish: { "manifest": text, "files": { path: base64 } }
 * POST /<owner>/<name>/<version>/yank      yank, { "reason": text }; /unyank restores
 * ```
 *
 * The registry has the layout of static hosts, so its URLs begin with an owner. The first segments
 * of the other URLs are reserved: it is not possible to publish as owner `api`, `healthz`,
 * `publish`, `runs`, `schemas` or `web`. `/runs` is an older address of `/api/v1/runs`.
 *
 * A request for a host that is neither this machine, a numeric address nor among `hosts` is refused
 * with 421. Any web page may read the registry; pages of other origins can neither read nor report
 * runs. Publishing requires a token, `Authorization: Bearer <token>`. A version is verified before
 * it is written, and never changes afterwards. There are no other accounts: serve the hub to people
 * you trust, and over https if tokens are sent.
 *
 * @param options stores of plugins and runs, and tokens for publishing
 * @returns the app; `app.fetch` is a fetch handler
 * @throws TypeError without `directory` and `plugins`, or with both
 * @throws RangeError for a token that can be guessed, or an invalid or reserved owner
 * @example
 * ```ts
 * import { createHub } from "keepfit/hub";
 * import { memoryFileSystem } from "keepfit/runtime";
 * import assert from "node:assert/strict";
 *
 * const fs = memoryFileSystem();
 * await fs.makeDir("plugins");
 * const hub = createHub({ directory: "plugins", fs });
 * await hub.request("/publish/epoch/end/", {
 *   method: "POST",
 *   headers: { "content-type": "application/x-www-form-urlencoded" },
 *   body: new URLSearchParams({ data: '{"epoch": 0, "loss": NaN}' }).toString(),
 * });
 * const run = await (await hub.request("/api/v1/runs/run-1")).json();
 * assert.deepEqual(run.epochs, [{ epoch: 0, loss: "NaN" }]);
 * ```
 */
export function createHub(options: HubOptions): HubApp {
  const { tokens = {}, hosts, runs = memoryRunStore(options), logKey } = options;
  checkTokens(tokens);
  const plugins = pluginsOf(options);
  return mountRoutes(plugins, runs, tokens, hosts, new PluginLog(plugins, logKey));
}

/** The store of plugins of these options. */
export function pluginsOf({ directory, fs, plugins }: HubOptions): PluginStore {
  if ((directory === undefined) === (plugins === undefined)) {
    throw new TypeError("Cannot create hub: expected either directory or plugins");
  }
  return plugins ?? folderPluginStore(directory as Path, { fs });
}
