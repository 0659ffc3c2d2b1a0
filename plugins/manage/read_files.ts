import { fileUrl } from "../modules/graph.ts";
import type { Candidate } from "../load/fetch_manifest.ts";

/**
 * Read and verify all files of a plugin, from the nearest location.
 *
 * @returns their bytes, by the path in the manifest
 * @throws PluginError `E_HTTP`, `E_INTEGRITY`, `E_LIMIT`, `E_OFFLINE`
 */
export async function readFiles(
  { manifest, url, readFile }: Candidate,
): Promise<Map<string, Uint8Array>> {
  const reading = Object.entries(manifest.files).map(async ([path, file]) =>
    [path, await readFile(fileUrl(path, url), file)] as const
  );
  return new Map(await Promise.all(reading));
}
