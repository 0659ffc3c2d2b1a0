/** Fixtures of the tests in this room. */
import { getRuntime } from "../runtime/mod.ts";
import { type ContextParts, createContext, type PluginContext } from "./host/context/mod.ts";
import { PluginError, type PluginErrorCode } from "./errors.ts";
import { type Allowed, grantsOf } from "./project/grants.ts";
import { limitsOf, type PluginLimits } from "./project/limits.ts";
import type { PluginCallbackEntry, PluginManifest, PluginPermissions } from "./manifest/format.ts";
import { PluginRun } from "./host/run.ts";

export { warned } from "../core/fixtures.ts";

/** Inputs of a context in tests, in addition to those of a context. */
export interface World extends Partial<Omit<ContextParts, "grants" | "limits" | "manifest">> {
  id?: string;
  permissions?: PluginPermissions;
  optionalPermissions?: PluginPermissions;
  /** Granted permissions. Default: all declared ones. */
  allow?: Allowed;
  options?: Record<string, unknown>;
  limits?: PluginLimits;
}

/** A minimal manifest with the changes of a test. */
export function manifestWith(change: Partial<PluginManifest> = {}): PluginManifest {
  return {
    manifestVersion: 1,
    id: "ada/counter",
    version: "1.0.0",
    callbacks: [entryWith()],
    sandbox: { support: "supported" },
    ...change,
  } as PluginManifest;
}

/** A callback's entry in a manifest. */
export function entryWith(change: Partial<PluginCallbackEntry> = {}): PluginCallbackEntry {
  return { name: "counter", export: "default", hooks: ["onEpochEnd"], controls: [], ...change };
}

/** A plugin's context, and the run that closes it. */
export function contextWith(world: World = {}): { context: PluginContext; run: PluginRun } {
  const { id = "ada/counter", permissions, optionalPermissions, options = {} } = world;
  const { outputDir, fetch } = world;
  const runtime = world.runtime ?? getRuntime();
  const manifest = manifestWith({ id, permissions, optionalPermissions });
  const limits = limitsOf(world.limits);
  const kinds = Object.keys(permissions ?? {}) as (keyof PluginPermissions)[];
  const allow = world.allow ?? kinds.filter((kind) => kind !== "write");
  const run = world.run ?? new PluginRun(id, limits.hookTime);
  const context = createContext({
    manifest,
    entry: world.entry ?? entryWith(),
    run,
    grants: grantsOf(manifest, "file:///m", options, allow, outputDir !== undefined),
    limits,
    runtime,
    fs: world.fs ?? runtime.fs,
    outputDir,
    log: (line) => console.log(line),
    data: undefined,
    fetch,
  });
  return { context, run };
}

/** Expect a PluginError of this code. @returns it */
export async function refusal(
  code: PluginErrorCode,
  run: () => unknown,
  message = /(?:)/,
): Promise<PluginError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof PluginError && error.code === code && message.test(error.message)) {
      return error;
    }
    throw error;
  }
  throw new Error(`it did not fail, expected ${code}`);
}

/** Lines that `run` logs. */
export async function logged(run: () => unknown): Promise<string[]> {
  const { log } = console;
  const lines: string[] = [];
  console.log = (line: string) => void lines.push(line);
  try {
    await run();
  } finally {
    console.log = log;
  }
  return lines;
}
