import type { CallbackLike, ErrorPolicy } from "../core/callback.ts";
import { messageOf } from "../core/errors.ts";
import { getRuntime, joinPath } from "../runtime/mod.ts";
import type { FileSystem, Path } from "../runtime/types.ts";
import { PluginCache } from "./cache.ts";
import { checkEngines } from "./engines.ts";
import { PluginError } from "./errors.ts";
import { createReader, type FetchOptions, isLoopback, type ReadUrl } from "./fetcher.ts";
import { readGraph } from "./graph.ts";
import { importGraph } from "./import_graph.ts";
import { computeIntegrity, parseIntegrity, verifyIntegrity } from "./integrity.ts";
import { parseManifest } from "./manifest.ts";
import type {
  PluginCallbackEntry,
  PluginFile,
  PluginManifest,
  PluginPermission,
} from "./manifest_format.ts";
import { checkOptions, noOptions } from "./options_schema.ts";
import { peerModules, type Peers } from "./peers.ts";
import {
  createContext,
  givenControls,
  type PluginContext,
  type PluginRun,
  wirePlugin,
} from "./plugin_callback.ts";

/** Options of {@linkcode loadPlugin}. */
export interface LoadPluginOptions extends FetchOptions {
  /** Which of the plugin's callbacks. Default: its only one. */
  callback?: string;
  /** Options of the callback itself, plain data as its manifest describes them. Default: none. */
  options?: Record<string, unknown>;
  /** Integrity of the manifest, where the reference does not carry it. */
  integrity?: string;
  /** Where the plugin may write, if its manifest declares files. Default: nowhere. */
  outputDir?: Path;
  /**
   * Permissions that the plugin declares and you agree to. Nothing holds it to them: this is
   * consent, not a sandbox. `write` is granted by `outputDir`. Default: none.
   */
  allow?: readonly PluginPermission[];
  /** What a failing hook does to the run. Default: as the manifest advises, else `"disable"`. */
  onError?: ErrorPolicy;
  /** Modules that the plugin may import as they are in this program, `{ "@tensorflow/tfjs": tf }`. */
  peers?: Peers;
  /** Where the cache lies. An absolute path or a `file:` URL. Default: in the user's cache folder. */
  cacheDir?: Path;
  /** File system of the cache, of `file:` references and of `outputDir`. Default: the runtime's. */
  fs?: FileSystem;
}

const maxManifestBytes = 256 * 1024;

/**
 * Import a callback from anywhere, verified.
 *
 * The reference is the URL of a plugin's manifest: https, `file:`, or http on this machine. It
 * carries the manifest's integrity as its fragment, and the manifest carries that of every file, so
 * a reference names certain bytes wherever they come from. From a network nothing is used without
 * one: the error tells the value to add. Files that were loaded before come from the cache, also
 * without a network, and so does a manifest whose integrity is given.
 *
 * Manifest, engines, permissions and options are checked before any code runs. The plugin then runs
 * in this process with its rights: integrity says that it is the code you chose, not that it is
 * harmless.
 *
 * @param reference for example `https://example.com/owner/name/1.0.0/callback.plugin.json#sha384-…`
 * @param options what the callback is told, what it may do, and how it is fetched
 * @returns a callback for `fit` or a `CallbackList`, named by the plugin's id
 * @throws TypeError for a reference that is no URL, or of a scheme that is not served
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
): Promise<CallbackLike> {
  const { url, integrity } = parseReference(reference, options.integrity);
  const runtime = getRuntime();
  const fs = options.fs ?? runtime.fs;
  const cache = new PluginCache(fs, options.cacheDir ?? defaultCacheDir(runtime.cacheDir()));
  const read = createReader(fs, url.origin, options);

  const manifest = await readManifest(url, integrity, cache, read);
  checkEngines(manifest, url.href, runtime, options.peers);
  const entry = chooseCallback(manifest, url.href, options.callback);
  checkGrants(manifest, entry, url.href, options);
  const pluginOptions = checkPluginOptions(entry, url.href, options.options);

  const graph = await readGraph(
    manifest,
    url,
    (file, listed) => readFile(file, listed, cache, read),
    peerModules(options.peers),
  );
  // Modules can be imported from the runtime's own files only.
  const modules = fs === runtime.fs ? cache : undefined;
  const exports = await importGraph(graph, modules, runtime.importModule);

  const run: PluginRun = { model: undefined };
  const output = options.outputDir === undefined ? undefined : { fs, directory: options.outputDir };
  const context = createContext(manifest, entry, run, output);
  const made = await make(exports[entry.export], entry.export, url.href, pluginOptions, context);
  const advised = { disable: "disable", fail: "throw", ignore: "warn" } as const;
  const onError = options.onError ?? advised[entry.onError ?? "disable"];
  return wirePlugin(made, manifest, entry, run, onError);
}

function parseReference(
  reference: string | URL,
  given: string | undefined,
): { url: URL; integrity: string | undefined } {
  let url: URL;
  try {
    url = new URL(reference);
  } catch (cause) {
    throw new TypeError(
      `Cannot load plugin ${reference}: wanted the URL of its manifest; for a file beside your ` +
        `module write new URL("...", import.meta.url)`,
      { cause },
    );
  }
  const fragment = decodeURIComponent(url.hash.slice(1));
  url.hash = "";
  const isServed = url.protocol === "https:" || url.protocol === "file:" ||
    (url.protocol === "http:" && isLoopback(url));
  const hasCredentials = url.username !== "" || url.password !== "";
  // Before any message: what is secret is not printed.
  url.username = url.password = "";
  if (!isServed || hasCredentials) {
    throw new TypeError(
      `Cannot load plugin ${url}: wanted https:, file:, or http: on this ` +
        `machine, with credentials in the option headers if there are any`,
    );
  }
  const integrity = fragment || given;
  if (fragment !== "" && given !== undefined && fragment !== given) {
    throw new TypeError(
      `Cannot load plugin ${url}: its reference says ${fragment}, the option integrity ${given}`,
    );
  }
  if (integrity !== undefined) parseIntegrity(integrity);
  return { url, integrity };
}

function defaultCacheDir(userCache: string | undefined): Path | undefined {
  return userCache === undefined ? undefined : joinPath(userCache, "plugins");
}

async function readManifest(
  url: URL,
  integrity: string | undefined,
  cache: PluginCache,
  read: ReadUrl,
): Promise<PluginManifest> {
  let bytes = integrity === undefined ? undefined : await cache.read(integrity);
  if (bytes === undefined) {
    bytes = await read(url, maxManifestBytes);
    if (integrity !== undefined) {
      await verifyIntegrity(bytes, integrity, url.href);
      await cache.write(integrity, bytes);
    } else if (url.protocol !== "file:" && !isLoopback(url)) {
      const actual = await computeIntegrity(bytes);
      throw new PluginError(
        "E_INTEGRITY",
        `Cannot load plugin ${url}: nothing says what its manifest must be`,
        {
          url: url.href,
          expected: "an integrity value in the reference",
          actual,
          hint: `look at what it does, and if you trust it load ${url.href}#${actual}`,
        },
      );
    }
  }
  return parseManifest(new TextDecoder().decode(bytes), url.href);
}

async function readFile(
  url: URL,
  { integrity, size }: PluginFile,
  cache: PluginCache,
  read: ReadUrl,
): Promise<Uint8Array> {
  // A local file is as near as the cache.
  const isLocal = url.protocol === "file:";
  const kept = isLocal ? undefined : await cache.read(integrity);
  if (kept !== undefined) return kept;
  const bytes = await read(url, size);
  await verifyIntegrity(bytes, integrity, url.href);
  if (!isLocal) await cache.write(integrity, bytes);
  return bytes;
}

function chooseCallback(
  manifest: PluginManifest,
  url: string,
  name: string | undefined,
): PluginCallbackEntry {
  const { callbacks } = manifest;
  const found = name === undefined && callbacks.length === 1
    ? callbacks[0]
    : callbacks.find((one) => one.name === name);
  if (found !== undefined) return found;
  throw new PluginError("E_EXPORT", `Cannot load plugin ${manifest.id}: which of its callbacks?`, {
    url,
    expected: `{ callback } as one of ${callbacks.map((one) => one.name).join(", ")}`,
    actual: name ?? "none",
  });
}

function checkGrants(
  manifest: PluginManifest,
  entry: PluginCallbackEntry,
  url: string,
  { allow = [], outputDir }: LoadPluginOptions,
): void {
  if (manifest.sandbox.support === "required") {
    throw new PluginError("E_SANDBOX", `Cannot load plugin ${manifest.id}: it wants a sandbox`, {
      url,
      hint: "this keepfit has none yet",
    });
  }
  const missing = entry.controls.filter((control) => !givenControls.includes(control));
  if (missing.length > 0) {
    throw new PluginError("E_PERMISSION", `Cannot load plugin ${manifest.id}: it wants controls`, {
      url,
      expected: `some of ${givenControls.join(", ")}, which this keepfit has`,
      actual: missing.join(", "),
    });
  }
  for (const [name, entries] of Object.entries(manifest.permissions ?? {})) {
    const isGranted = name === "write"
      ? outputDir !== undefined
      : allow.includes(name as PluginPermission);
    if (isGranted || entries.length === 0) continue;
    const wants = entries.map(({ host, path, name, reason }) =>
      `${host ?? path ?? name} (${reason})`
    );
    throw new PluginError(
      "E_PERMISSION",
      `Cannot load plugin ${manifest.id}: it wants to ${name}`,
      {
        url,
        expected: allow.join(", ") || "no permission",
        actual: `${name}: ${wants.join(", ")}`,
        hint: name === "write"
          ? "say where with { outputDir }"
          : `if you agree, pass { allow: [${JSON.stringify(name)}] }`,
      },
    );
  }
}

function checkPluginOptions(
  entry: PluginCallbackEntry,
  url: string,
  given: Record<string, unknown> = {},
): Record<string, unknown> {
  const merged = { ...entry.defaults, ...given };
  const problems = checkOptions(entry.options ?? noOptions, merged, "options");
  let plain: Record<string, unknown> = {};
  let cause: unknown;
  try {
    // The plugin's own: what it does to them is not seen outside.
    plain = structuredClone(merged);
  } catch (error) {
    cause = error;
    problems.push(`options: are not plain data: ${messageOf(error)}`);
  }
  if (problems.length === 0) return plain;
  throw new PluginError(
    "E_OPTIONS",
    `Cannot load plugin ${url} with these options\n${
      problems.map((problem) => `  ${problem}`).join("\n")
    }`,
    { url, cause },
  );
}

async function make(
  exported: unknown,
  name: string,
  url: string,
  ...args: [options: Record<string, unknown>, context: PluginContext]
): Promise<unknown> {
  if (typeof exported !== "function") {
    throw new PluginError("E_EXPORT", `Cannot load plugin ${url}: its module lacks an export`, {
      url,
      expected: `a class or a function as ${name}`,
      actual: exported === undefined ? "no such export" : typeof exported,
    });
  }
  try {
    // Nothing else tells a class from a function before it is called.
    return /^class\b/.test(Function.prototype.toString.call(exported))
      ? Reflect.construct(exported, args)
      : await exported(...args);
  } catch (cause) {
    throw new PluginError(
      "E_FACTORY",
      `Cannot load plugin ${url}: ${name} threw: ${messageOf(cause)}`,
      { url, cause },
    );
  }
}
