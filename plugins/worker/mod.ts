import type { CallbackLike, CallbackState, Params } from "../../core/callback.ts";
import { PluginError } from "../errors.ts";
import type { ModuleGraph } from "../graph.ts";
import { emitGraph } from "../import_graph.ts";
import type { TierRun } from "../tier.ts";
import { PluginThread, type ThreadResult, toError } from "./plugin_thread.ts";
import { guestKeepfit } from "./thread_source.ts";

/**
 * Run a plugin in a thread of its own. A hang or a crash of it is an error of its hook, and the
 * training goes on; it has the process's rights all the same.
 *
 * Each hook is a message there and one back. The context's `env` and `getLearningRate` answer from
 * what was sent along, `log`, `stop` and `setLearningRate` are not waited for.
 *
 * @returns a callback whose hooks are asked of the thread
 */
export async function runInWorker(run: TierRun): Promise<CallbackLike> {
  const { entry, url, context, limits, runtime } = run;
  const specifier = await emitGraph(withoutHost(run), run.cache);
  const thread = new PluginThread(runtime, context, limits);
  try {
    const { id, version } = context;
    const functions = Object.entries(context)
      .filter(([, member]) => typeof member === "function").map(([name]) => name);
    const loaded = await thread.ask({
      kind: "load",
      specifier,
      name: entry.export,
      options: run.options,
      adds: entry.controls.includes("addLogs"),
      context: { id, version, functions, env: environmentOf(run) },
    });
    if (loaded.failed !== undefined) throw failedWith(loaded, entry.export, url);
    return callbackOf(thread, loaded.members ?? [], run);
  } catch (error) {
    await thread.end();
    throw error;
  }
}

/** The graph with what a thread can have in place of the host's live modules. */
function withoutHost({ graph, manifest, url }: TierRun): ModuleGraph {
  const modules = new Map(graph.modules);
  for (const [key, module] of modules) {
    if (module.url !== key || URL.canParse(key)) continue;
    if (key !== "keepfit") {
      throw new PluginError("E_SANDBOX", `Cannot load plugin ${manifest.id} in a worker`, {
        url,
        expected: "imports of its own files and of keepfit",
        actual: `an import of ${key}, which is this thread's`,
        hint: `pass { tier: "trusted" } if you trust it`,
      });
    }
    modules.set(key, { ...module, parsed: { requests: [], render: () => guestKeepfit } });
  }
  return { ...graph, modules };
}

function environmentOf({ manifest, context }: TierRun): Record<string, string> {
  const { permissions, optionalPermissions } = manifest;
  const names = [...permissions?.env ?? [], ...optionalPermissions?.env ?? []];
  const environment: Record<string, string> = {};
  for (const { name } of names) {
    if (name === undefined || context.env === undefined) continue;
    try {
      const value = context.env(name);
      if (value !== undefined) environment[name] = value;
    } catch {
      // Declared and not granted.
    }
  }
  return environment;
}

function failedWith(
  { failed = "E_MODULE", error, found }: ThreadResult,
  name: string,
  url: string,
): PluginError {
  const cause = error && toError(error);
  const message = {
    E_EXPORT: `Cannot load plugin ${url}: its module lacks an export`,
    E_FACTORY: `Cannot load plugin ${url}: ${name} threw: ${error?.message}`,
    E_MODULE: `Cannot evaluate plugin module of ${url}: ${error?.message}`,
  }[failed];
  const expected = failed === "E_EXPORT" ? `a class or a function as ${name}` : undefined;
  return new PluginError(failed, message, { url, expected, actual: found, cause });
}

function callbackOf(thread: PluginThread, members: string[], run: TierRun): CallbackLike {
  const { getLearningRate } = run.context;
  const ask = (member: string, args: unknown[]): Promise<ThreadResult> =>
    thread.ask({ kind: "call", member, args, learningRate: getLearningRate() });
  let told: Promise<unknown> | undefined;
  const callback: Record<string, unknown> = {
    async close() {
      try {
        if (members.includes("close")) await ask("close", []);
      } finally {
        await thread.end();
      }
    },
  };
  if (members.includes("getState")) {
    callback.getState = async () => (await ask("getState", [])).value as CallbackState;
  }
  if (members.includes("setState")) {
    callback.setState = async (state: CallbackState) => void await ask("setState", [state]);
  }
  if (members.includes("setParams")) {
    callback.setParams = (params: Params) => {
      told = ask("setParams", [params]);
      // What it throws, the next hook tells.
      told.catch(() => {});
    };
  }
  for (const member of members.filter((one) => one.startsWith("on"))) {
    callback[member] = async (...args: unknown[]) => {
      await told;
      const last = args.at(-1);
      const sent = member === "onException" ? [plainError(args[0])] : args.map(ownValues);
      const { logs } = await ask(member, sent);
      if (logs === undefined) return;
      for (const [name, value] of Object.entries(logs)) {
        // As in this thread: nothing but numbers, and no other object's members.
        if (typeof value === "number" && name !== "__proto__") {
          (last as Record<string, number>)[name] = value;
        }
      }
    };
  }
  return callback;
}

/** Logs without what is computed when they are read. */
function ownValues(value: unknown): unknown {
  return typeof value === "object" && value !== null ? { ...value } : value;
}

function plainError(error: unknown): object {
  return error instanceof Error
    ? { name: error.name, message: error.message }
    : { name: "Error", message: String(error) };
}
