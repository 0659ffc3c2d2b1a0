import { PluginError } from "../errors.ts";
import type { PluginFile, PluginManifest } from "../manifest/format.ts";
import {
  type ModuleRequest,
  type ParsedModule,
  parseJsonModule,
  parseModule,
} from "./parse_module.ts";

/** Returns the verified bytes of a file in the manifest. */
export type ReadFile = (url: URL, file: PluginFile) => Promise<Uint8Array>;

/** A module of a plugin and its imports. */
export interface GraphModule {
  /** URL; for a peer its specifier. */
  url: string;
  parsed: ParsedModule;
  /** Keys in the graph, one for each request. */
  imports: string[];
}

/** All modules reachable from a plugin's entry. */
export interface ModuleGraph {
  /** Key of the entry. */
  entry: string;
  modules: Map<string, GraphModule>;
}

const maxModules = 256;
const maxBytes = 16 * 1024 * 1024;

/**
 * Read the modules of a plugin from its entry, breadth first. Every file must be in the manifest
 * and is verified by `read` before it is parsed. Nothing is evaluated.
 *
 * @param manifest manifest with the files
 * @param manifestUrl base URL of their paths
 * @param read returns verified bytes
 * @param peers texts of provided modules, by specifier
 * @throws PluginError `E_IMPORT`, `E_LIMIT`, `E_MODULE`, and the errors of `read`
 */
export async function readGraph(
  manifest: Pick<PluginManifest, "files" | "module">,
  manifestUrl: URL,
  read: ReadFile,
  peers: ReadonlyMap<string, string>,
): Promise<ModuleGraph> {
  const files = new Map<string, PluginFile>();
  for (const [path, file] of Object.entries(manifest.files)) {
    files.set(fileUrl(path, manifestUrl).href, file);
  }
  const modules = new Map<string, GraphModule>();
  const entry = fileUrl(manifest.module, manifestUrl).href;
  let bytesLeft = maxBytes;

  async function load(key: string): Promise<GraphModule> {
    const peer = peers.get(key);
    if (peer !== undefined) {
      return { url: key, parsed: { requests: [], render: () => peer }, imports: [] };
    }
    const [url, isJson] = key.startsWith(jsonKey)
      ? [key.slice(jsonKey.length), true]
      : [key, false];
    const file = files.get(url) as PluginFile;
    bytesLeft -= file.size;
    if (bytesLeft < 0) {
      throw new PluginError("E_LIMIT", `Cannot load plugin ${manifestUrl}: it is too large`, {
        url: manifestUrl.href,
        expected: `at most ${maxBytes} bytes in all modules`,
      });
    }
    const text = decode(await read(new URL(url), file), url);
    const parsed = isJson ? parseJsonModule(text, url) : parseModule(text, url);
    const imports = parsed.requests.map((request) => resolve(request, url, files, peers));
    return { url, parsed, imports };
  }

  for (let level = [entry]; level.length > 0;) {
    if (modules.size + level.length > maxModules) {
      throw new PluginError("E_LIMIT", `Cannot load plugin ${manifestUrl}: it is too large`, {
        url: manifestUrl.href,
        expected: `at most ${maxModules} modules`,
        hint: "bundle it",
      });
    }
    const loaded = await Promise.all(level.map(load));
    level.forEach((key, i) => modules.set(key, loaded[i]));
    const next = new Set(loaded.flatMap((module) => module.imports));
    level = [...next].filter((key) => !modules.has(key));
  }
  return { entry, modules };
}

/**
 * Reject modules that make code from text, for tiers in which such code could import modules of the
 * runtime. The sandbox has no such modules.
 *
 * @throws PluginError `E_IMPORT`
 */
export function checkCodeOfText({ modules }: ModuleGraph): void {
  for (const { url, parsed: { codeOfText } } of modules.values()) {
    if (codeOfText === undefined) continue;
    throw new PluginError(
      "E_IMPORT",
      `Cannot load plugin module ${url}: it makes code from text (${codeOfText})`,
      {
        url,
        expected: "code that can be verified before anything runs",
        hint: `write the code itself, or load the plugin with { tier: "sandboxed" }`,
      },
    );
  }
}

// A file imported both as JSON and as JavaScript is two modules.
const jsonKey = "json ";

/** The URL of a file in a manifest. */
export function fileUrl(path: string, manifestUrl: URL): URL {
  return path.startsWith("https://") ? new URL(path) : new URL(`./${path}`, manifestUrl);
}

function resolve(
  { specifier, isJson, at }: ModuleRequest,
  importer: string,
  files: ReadonlyMap<string, PluginFile>,
  peers: ReadonlyMap<string, string>,
): string {
  if (peers.has(specifier)) return specifier;
  const refuse = (what: string, hint: string): PluginError =>
    new PluginError(
      "E_IMPORT",
      `Cannot load plugin module ${importer}: it imports ${
        JSON.stringify(specifier)
      } (${at}), ${what}`,
      { url: importer, hint },
    );
  if (/^(node|bun|deno|npm|jsr):/.test(specifier)) {
    throw refuse(
      "which belongs to one runtime",
      "declare in the manifest what the plugin may access and use the context",
    );
  }
  if (!/^(\.{0,2}\/|https:|http:|file:)/.test(specifier)) {
    throw refuse(
      "which is not a file of the plugin",
      `bundle it, or declare it in peers and let the user pass { peers: { ${
        JSON.stringify(specifier)
      }: ... } }`,
    );
  }
  const url = new URL(specifier, importer).href;
  if (!files.has(url)) {
    throw refuse("which its manifest does not list", "list it in files with its integrity");
  }
  if (!isJson && url.endsWith(".json")) {
    throw refuse("which is JSON", `write with { type: "json" }`);
  }
  return isJson ? `${jsonKey}${url}` : url;
}

function decode(bytes: Uint8Array, url: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new PluginError("E_MODULE", `Cannot parse plugin module ${url}: it is not UTF-8`, {
      url,
      cause,
    });
  }
}
