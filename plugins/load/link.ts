import { PluginError } from "../errors.ts";
import { checkCodeOfText, type ModuleGraph, readGraph } from "../modules/graph.ts";
import { peerModules, type Peers } from "../modules/peers.ts";
import { addToLock, updateLock } from "../project/lock.ts";
import type { LockedPlugin } from "../project/lock_format.ts";
import type { Consent } from "./authorize.ts";
import type { Candidate } from "./fetch_manifest.ts";
import { warnIfYanked } from "./yanks.ts";

/**
 * The fourth phase of loading a plugin: read, verify and parse every module that its entry can
 * reach. Once all are verified, a plugin that is trusted on first use is locked.
 *
 * @throws PluginError `E_HTTP`, `E_IMPORT`, `E_INTEGRITY`, `E_LIMIT`, `E_LOCK`, `E_MODULE`,
 *   `E_OFFLINE`
 */
export async function link(
  candidate: Candidate,
  { entry, tier }: Consent,
  peers?: Peers,
): Promise<ModuleGraph> {
  const { manifest, url, readFile, reference, settings: { locked, trustFirstUse } } = candidate;
  await warnIfYanked(candidate);
  const graph = await readGraph(manifest, url, readFile, peerModules(peers));
  if (tier !== "sandboxed") checkCodeOfText(graph);
  if (trustFirstUse && locked === undefined && reference.integrity === undefined) {
    await lockAsFound(candidate, entry);
  }
  return graph;
}

async function lockAsFound(
  { manifest, reference, fs, settings: { lockFile } }: Candidate,
  entry: LockedPlugin,
): Promise<void> {
  if (lockFile === undefined) {
    throw new PluginError("E_LOCK", `Cannot lock plugin ${manifest.id}: no lock file is named`, {
      expected: "a lock file",
      hint: `name one with { lock: "keepfit.lock.json" }`,
    });
  }
  await updateLock(lockFile.url, (lock) => addToLock(lock, reference, entry, lockFile.url), { fs });
}
