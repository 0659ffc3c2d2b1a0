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

/** A request that a plugin sent. */
export interface RecordedRequest {
  /** Method, in capitals. */
  method: string;
  /** Full URL. */
  url: string;
  /** Names in lower case. */
  headers: Record<string, string>;
  /** The body read as UTF-8; empty where there is none. */
  text: string;
}

/** Options of {@linkcode loadForTest}. */
export interface LoadForTestOptions extends
  Pick<
    LoadPluginOptions,
    "allow" | "callback" | "data" | "limits" | "onError" | "options" | "peers" | "tier"
  > {
  /** What the network answers. Default: status 200 and no body. */
  respond?: (request: RecordedRequest) => Response | Promise<Response>;
  /** Files that the plugin finds, by the path that it reads. Default: none. */
  files?: Record<string, string | Uint8Array>;
  /** Bundle the source first. Default: when it is TypeScript. */
  bundle?: boolean;
}

/** A plugin in a world that writes down what it does. */
export interface TestedPlugin {
  /** What `loadPlugin` gives: for {@linkcode driveEpochs}, {@linkcode trainSmall} or `fit`. */
  callback: CallbackLike;
  /** As it would be published. */
  manifest: PluginManifest;
  /** What it sent, in order. */
  requests: RecordedRequest[];
  /** What it told its user, without its id in front. */
  lines: string[];
  /** The files in its output directory by name, as text. */
  written(): Promise<Record<string, string>>;
  /** The file system that it lives in: its output directory is `/output`. */
  fs: FileSystem;
}

/**
 * Load a plugin from the folder that it is written in, into a world of its own: it writes to memory,
 * its requests are answered by you, its lines are kept.
 *
 * Its manifest need not list files, TypeScript is bundled (which wants esbuild), and all that the
 * manifest declares is allowed unless `allow` says otherwise.
 *
 * @param source the folder, or the manifest in it; a path or a `file:` URL
 * @param options what it is told, and what its world answers
 * @returns the callback, and what it does
 * @throws PluginError for all that is wrong with the plugin
 * @throws SyntaxError when it cannot be bundled
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

/** {@linkcode loadForTest} for what is packed already. */
export async function loadPacked(
  { manifest, contents }: PackedSource,
  options: Omit<LoadForTestOptions, "bundle"> = {},
): Promise<TestedPlugin> {
  const { respond = () => new Response(null), files = {}, ...given } = options;
  const world = memoryFileSystem();
  await putFiles(world, Object.entries(files));
  await putFiles(world, [...contents].map(([path, bytes]) => [`${place}/${path}`, bytes]));
  await world.makeDir(output);
  const requests: RecordedRequest[] = [];
  const lines: string[] = [];
  const mark = `${manifest.id}: `;
  const callback = await loadPlugin(`file://${place}/${manifestName}`, {
    allow: declaredIn(manifest),
    ...given,
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

/** The folder of a source that was named by its manifest, or by itself; no slash at its end. */
export function sourceFolder(source: string | URL): string {
  const isUrl = source instanceof URL || source.startsWith("file:");
  const path = isUrl ? decodeURIComponent(new URL(source).pathname) : source;
  const folder = path.endsWith(`/${manifestName}`) || path === manifestName
    ? directoryOf(path)
    : path;
  const bare = folder.replace(/(?<=.)\/+$/, "");
  // On Windows the path of a URL begins with a slash before the drive.
  return isUrl ? bare.replace(/^\/(?=[A-Za-z]:)/, "") : bare;
}

const place = "/plugin";
const output = "/output";

/** Every kind of permission that is declared; `write` is granted by an output directory. */
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
