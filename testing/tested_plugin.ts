import type { CallbackLike } from "../core/callback.ts";
import { loadPlugin, type LoadPluginOptions } from "../plugins/load/load_plugin.ts";
import {
  manifestName,
  type PluginManifest,
  pluginPermissions,
} from "../plugins/manifest/format.ts";
import { directoryOf, getRuntime, memoryFileSystem, walk } from "../runtime/mod.ts";
import type { FileSystem } from "../runtime/types.ts";
import { isTypeScriptSource, type PackedSource, packSource } from "./pack_source.ts";

/** A request of a plugin. */
export interface RecordedRequest {
  /** Method, in capitals. */
  method: string;
  /** Full URL. */
  url: string;
  /** Headers, names in lower case. */
  headers: Record<string, string>;
  /** Body decoded as UTF-8; empty without one. */
  text: string;
}

/** Options of {@linkcode loadForTest}. */
export interface LoadForTestOptions extends
  Pick<
    LoadPluginOptions,
    "allow" | "callback" | "data" | "limits" | "onError" | "options" | "peers" | "tier"
  > {
  /** Response to a request. Default: status 200 without a body. */
  respond?: (request: RecordedRequest) => Response | Promise<Response>;
  /** Files that the plugin can read, by path. Default: none. */
  files?: Record<string, string | Uint8Array>;
  /** Whether to bundle the source first. Default: true for TypeScript. */
  bundle?: boolean;
}

/** A loaded plugin with its recorded effects. */
export interface TestedPlugin {
  /** The loaded callback: for {@linkcode driveEpochs}, {@linkcode trainSmall} or `fit`. */
  callback: CallbackLike;
  /** Manifest in its published form. */
  manifest: PluginManifest;
  /** Requests of the plugin, in order. */
  requests: RecordedRequest[];
  /** Lines that the plugin logged, without its id. */
  lines: string[];
  /** Text of the files in its output directory, by name. */
  written(): Promise<Record<string, string>>;
  /** File system of the plugin, with the output directory `/output`. */
  fs: FileSystem;
}

/**
 * Load a plugin from its source folder with isolated effects: files are in memory, you answer its
 * requests, and its lines are recorded.
 *
 * The manifest need not list files. TypeScript is bundled, which requires esbuild. All declared
 * permissions are granted unless `allow` says otherwise.
 *
 * @param source source folder or its manifest; a path or a `file:` URL
 * @param options options of the plugin, and answers to its requests
 * @returns the callback and its recorded effects
 * @throws PluginError if the plugin cannot be loaded
 * @throws SyntaxError if it cannot be bundled
 * @example
 * ```ts
 * import { driveEpochs, loadForTest } from "keepfit/testing";
 * import assert from "node:assert/strict";
 *
 * const report = await loadForTest("examples/plugins/keepfit/epoch-report/0.1.0");
 * await driveEpochs(report.callback, { epochs: [{ loss: 2 }, { loss: 1 }] });
 * assert.match((await report.written())["learning-curve.svg"], /<svg/);
 * assert.deepEqual(report.requests, []);
 * ```
 */
export async function loadForTest(
  source: string | URL,
  options: LoadForTestOptions = {},
): Promise<TestedPlugin> {
  const { fs } = getRuntime();
  const folder = sourceFolder(source);
  const bundle = options.bundle ?? await isTypeScriptSource(folder, fs);
  return await loadPacked(await packSource(folder, { fs, bundle }), options);
}

/** {@linkcode loadForTest} for a packed plugin. */
export async function loadPacked(
  { manifest, contents }: PackedSource,
  options: Omit<LoadForTestOptions, "bundle"> = {},
): Promise<TestedPlugin> {
  const { respond = () => new Response(null), files = {}, ...rest } = options;
  const world = memoryFileSystem();
  await putFiles(world, Object.entries(files));
  await putFiles(world, [...contents].map(([path, bytes]) => [`${virtualFolder}/${path}`, bytes]));
  await world.makeDir(output);
  const requests: RecordedRequest[] = [];
  const lines: string[] = [];
  const mark = `${manifest.id}: `;
  const callback = await loadPlugin(`file://${virtualFolder}/${manifestName}`, {
    allow: declaredIn(manifest),
    ...rest,
    fs: world,
    outputDir: output,
    log: (line) => lines.push(line.startsWith(mark) ? line.slice(mark.length) : line),
    fetch: async (input, init) => {
      const request = await recorded(input, init);
      requests.push(request);
      return await respond(request);
    },
  });
  return {
    callback,
    manifest,
    requests,
    lines,
    written: () => readAll(world, output),
    fs: world,
  };
}

/** The source folder, named by its path or its manifest, without a trailing slash. */
export function sourceFolder(source: string | URL): string {
  const isUrl = source instanceof URL || source.startsWith("file:");
  const path = isUrl ? decodeURIComponent(new URL(source).pathname) : source;
  const folder = path.endsWith(`/${manifestName}`) || path === manifestName
    ? directoryOf(path)
    : path;
  const bare = folder.replace(/(?<=.)\/+$/, "");
  // On Windows, the path of a URL has a slash in front of the drive.
  return isUrl ? bare.replace(/^\/(?=[A-Za-z]:)/, "") : bare;
}

const virtualFolder = "/plugin";
const output = "/output";

/** All declared kinds of permissions except `write`, which the output directory grants. */
function declaredIn(manifest: PluginManifest) {
  const { permissions = {}, optionalPermissions = {} } = manifest;
  return pluginPermissions.filter((kind) =>
    kind !== "write" && (permissions[kind] ?? optionalPermissions[kind]) !== undefined
  );
}

async function putFiles(
  fs: FileSystem,
  files: Iterable<[path: string, data: string | Uint8Array]>,
): Promise<void> {
  for (const [path, data] of files) {
    await fs.makeDir(directoryOf(path));
    await fs.writeFile(path, data);
  }
}

async function readAll(fs: FileSystem, folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { path } of walk(folder, { fs, includeDirs: false })) {
    found[path.slice(folder.length + 1)] = await fs.readTextFile(path);
  }
  return found;
}

async function recorded(url: string, init: RequestInit): Promise<RecordedRequest> {
  return {
    method: init.method ?? "GET",
    url,
    headers: Object.fromEntries(new Headers(init.headers)),
    text: init.body === undefined || init.body === null ? "" : await new Response(init.body).text(),
  };
}
