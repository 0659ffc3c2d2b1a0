import type { ErrorPolicy } from "../../core/callback.ts";
import { getRuntime } from "../../runtime/mod.ts";
import type { Path } from "../../runtime/types.ts";
import { PluginError } from "../errors.ts";
import { closePlugin, type PluginCallback, wirePlugin } from "../host/callback.ts";
import type { PluginData } from "../host/context/evaluate.ts";
import { createContext } from "../host/context/mod.ts";
import { PluginRun } from "../host/run.ts";
import type { RunTier } from "../host/tier.ts";
import { within } from "../host/time_limit.ts";
import { runTrusted } from "../host/trusted.ts";
import type { ModuleGraph } from "../modules/graph.ts";
import type { PluginTier } from "../project/tiers.ts";
import type { Fetch } from "../sources/fetcher.ts";
import type { Consent } from "./authorize.ts";
import type { Candidate } from "./fetch_manifest.ts";

/** Connections of a plugin to its run. */
export interface StartOptions {
  outputDir?: Path;
  data?: PluginData;
  log?: (line: string) => void;
  fetch?: Fetch;
  onError?: ErrorPolicy;
}

/**
 * The last phase of loading a plugin: run its module in its tier and create a callback from the
 * result of its factory.
 *
 * @throws PluginError `E_CRASH`, `E_EXPORT`, `E_FACTORY`, `E_MODULE`, `E_SANDBOX`, `E_TIMEOUT`
 */
export async function start(
  candidate: Candidate,
  consent: Consent,
  graph: ModuleGraph,
  options: StartOptions,
): Promise<PluginCallback> {
  const { manifest, integrity, fs, cache } = candidate;
  const { tier, limits, grants, callback: entry } = consent;
  const { outputDir, data, fetch, log = (line) => console.log(line) } = options;
  const { id, version } = manifest;
  const url = candidate.url.href;
  const runtime = getRuntime();
  const run = new PluginRun(id, limits.hookTime);
  const parts = {
    manifest,
    entry,
    info: { id, version, url, integrity, tier, grants },
    run,
    limits,
    onError: options.onError ?? advised[entry.onError ?? "disable"],
  };
  let made: unknown;
  try {
    const making = tiers[tier]({
      manifest,
      entry,
      url,
      graph,
      options: consent.options,
      context: createContext({
        manifest,
        entry,
        run,
        grants,
        limits,
        runtime,
        fs,
        outputDir,
        log,
        data,
        fetch,
      }),
      limits,
      signal: run.signal,
      // Modules can only be imported from the runtime's own file system.
      cache: fs === runtime.fs ? cache : undefined,
      runtime,
    });
    made = await within(making, limits.hookTime, () => tooSlow(id, url, limits.hookTime));
    return wirePlugin(made, parts);
  } catch (error) {
    // Close what the factory started; report the first error.
    await closePlugin(made, parts).catch(() => {});
    throw error;
  }
}

const tiers: Record<PluginTier, RunTier> = {
  sandboxed: async (run) => (await import("../host/sandbox/mod.ts")).runSandboxed(run),
  trusted: runTrusted,
  worker: async (run) => (await import("../host/worker/mod.ts")).runInWorker(run),
};

/** Error policies by the recommendation of a manifest. */
const advised = { disable: "disable", fail: "throw", ignore: "warn" } as const;

function tooSlow(id: string, url: string, time: number): PluginError {
  return new PluginError("E_TIMEOUT", `Cannot load plugin ${id}: it did not return`, {
    url,
    expected: `a callback within ${time} ms`,
    hint: "to give it more time, load it with { limits: { hookTime } }",
  });
}
