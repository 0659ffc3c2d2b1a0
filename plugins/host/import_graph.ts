import { messageOf } from "../../core/errors.ts";
import { joinPath } from "../../runtime/mod.ts";
import type { Runtime } from "../../runtime/types.ts";
import type { PluginCache } from "../sources/cache.ts";
import { PluginError } from "../errors.ts";
import type { GraphModule, ModuleGraph } from "../modules/graph.ts";
import { hexHash, toBase64 } from "../manifest/integrity.ts";

const maxDataUrl = 32 * 1024 * 1024;

/**
 * Evaluate a verified graph and return the exports of its entry.
 *
 * The modules are written to the cache, in a folder named after a hash of their texts, and imported
 * from there, because loader hooks differ between runtimes. Equal texts share one module instance
 * per process. Without a cache, modules are imported as nested `data:` URLs, which excludes cycles.
 *
 * @param cache the cache; undefined where files cannot be imported
 * @throws PluginError `E_MODULE` if a module cannot be evaluated
 * @throws PluginError `E_IMPORT` for a cycle without a cache
 */
export async function importGraph(
  graph: ModuleGraph,
  cache: PluginCache | undefined,
  importModule: Runtime["importModule"],
): Promise<Record<string, unknown>> {
  const specifier = await emitGraph(graph, cache);
  try {
    return await importModule(specifier) as Record<string, unknown>;
  } catch (cause) {
    throw new PluginError(
      "E_MODULE",
      `Cannot evaluate plugin module ${graph.entry}: ${messageOf(cause)}`,
      { url: graph.entry, cause },
    );
  }
}

/**
 * Write the modules to a location from which they can be imported.
 *
 * @returns the URL of the entry: a file in the cache, or a `data:` URL with all modules
 * @throws PluginError `E_IMPORT` for a cycle without a cache
 */
export async function emitGraph(
  graph: ModuleGraph,
  cache: PluginCache | undefined,
): Promise<string> {
  return (cache && await emitFiles(graph, cache)) ?? toDataUrl(graph);
}

async function emitFiles(graph: ModuleGraph, cache: PluginCache): Promise<string | undefined> {
  const names = new Map<string, string>();
  for (const key of graph.modules.keys()) {
    names.set(key, `${(await hexHash(key)).slice(0, 32)}.mjs`);
  }
  const texts = new Map<string, string>();
  for (const [key, { parsed, imports }] of graph.modules) {
    const siblings = imports.map((one) => `./${names.get(one)}`);
    texts.set(names.get(key) as string, parsed.render(siblings));
  }
  const hash = await hexHash(JSON.stringify([...texts]));
  const folder = await cache.emit(hash.slice(0, 32), texts);
  return folder && joinPath(folder, names.get(graph.entry) as string).href;
}

function toDataUrl(graph: ModuleGraph): string {
  const urls = new Map<string, string>();
  const path: string[] = [];
  function visit(key: string): string {
    const done = urls.get(key);
    if (done !== undefined) return done;
    const { parsed, imports } = graph.modules.get(key) as GraphModule;
    if (path.includes(key)) {
      throw new PluginError(
        "E_IMPORT",
        `Cannot load plugin module ${key} without a cache: it imports itself through ${
          path.slice(path.indexOf(key) + 1).join(", ") || "nothing else"
        }`,
        { url: key, hint: "make the cache writable (cacheDir), or bundle the plugin" },
      );
    }
    path.push(key);
    const text = parsed.render(imports.map(visit));
    path.pop();
    if (text.length > maxDataUrl) {
      throw new PluginError("E_LIMIT", `Cannot load plugin module ${key} without a cache`, {
        url: key,
        expected: `at most ${maxDataUrl} characters with all its imports`,
        hint: "make the cache writable (cacheDir), or bundle the plugin",
      });
    }
    const url = `data:text/javascript;base64,${toBase64(new TextEncoder().encode(text))}`;
    urls.set(key, url);
    return url;
  }
  return visit(graph.entry);
}
