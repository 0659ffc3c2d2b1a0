import type { PluginCallback } from "../host/callback.ts";
import { authorize } from "./authorize.ts";
import { fetchManifest } from "./fetch_manifest.ts";
import { link } from "./link.ts";
import type { LoadPluginOptions } from "./load_plugin.ts";
import { locate } from "./locate.ts";
import { start } from "./start.ts";

/** The five phases of `loadPlugin`. */
export async function load(
  reference: string | URL,
  options: LoadPluginOptions,
): Promise<PluginCallback> {
  const location = await locate(reference, options);
  const candidate = await fetchManifest(location);
  const consent = authorize(candidate, options);
  const graph = await link(candidate, consent, options.peers);
  return await start(candidate, consent, graph, options);
}
