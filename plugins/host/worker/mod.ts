import type { CallbackLike, CallbackState, Params } from "../../../core/callback.ts";
import { PluginError } from "../../errors.ts";
import type { ModuleGraph } from "../../modules/graph.ts";
import { guestKeepfit } from "../guest_keepfit.generated.ts";
import { emitGraph } from "../import_graph.ts";
import { LogNames } from "../log_names.ts";
import type { TierRun } from "../tier.ts";
import { PluginThread, toError } from "./plugin_thread.ts";
import type { ThreadResult } from "./protocol.ts";

/**
 * Run a plugin in its own thread. If it hangs or crashes, its hook fails and the training
 * continues, but it has the rights of the process. If it is used after `close`, it restarts with
 * its previous state.
 *
 * Each hook is one message to the thread and one back. The context's `env` and `getLearningRate`
 * use data that was sent with the call; `log`, `stop` and `setLearningRate` do not wait for the
 * host.
 *
 * @returns a callback whose hooks run in the thread
 */
export async function runInWorker(run: TierRun): Promise<CallbackLike> {
  const specifier = await emitGraph(withoutHost(run), run.cache);
  return new ThreadedCallback(run, specifier, await startPlugin(run, specifier, run.signal))
    .members;
}

/** A thread in which the plugin was created. */
interface StartedPlugin {
  thread: PluginThread;
  /** Names of its functions. */
  members: string[];
}

/** @param signal ends the start when it aborts */
async function startPlugin(
  run: TierRun,
  specifier: string,
  signal: AbortSignal,
): Promise<StartedPlugin> {
  const { entry, url, context, limits, runtime } = run;
  const adds = entry.controls.includes("addLogs");
  const thread = new PluginThread(runtime, context, limits, adds);
  const stop = (): void => void thread.end().catch(() => {});
  signal.addEventListener("abort", stop);
  try {
    signal.throwIfAborted();
    const { id, version } = context;
    const functions = Object.entries(context)
      .filter(([, member]) => typeof member === "function").map(([name]) => name);
    const loaded = await thread.ask({
      kind: "load",
      specifier,
      name: entry.export,
      options: run.options,
      adds,
      context: { id, version, functions, env: environmentOf(run) },
    });
    if (loaded.failed !== undefined) throw failedWith(loaded, entry.export, id, url);
    return { thread, members: loaded.members ?? [] };
  } catch (error) {
    await thread.end();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** The graph, with replacements for modules of the host that a thread cannot share. */
function withoutHost({ graph, manifest, url }: TierRun): ModuleGraph {
  const modules = new Map(graph.modules);
  for (const [key, module] of modules) {
    if (module.url !== key || URL.canParse(key)) continue;
    if (key !== "keepfit") {
      throw new PluginError("E_SANDBOX", `Cannot load plugin ${manifest.id} in a worker`, {
        url,
        expected: "imports of its own files and of keepfit",
        actual: `an import of ${key}, which belongs to this thread`,
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
      // Declared but not granted.
    }
  }
  return environment;
}

function failedWith(
  { failed = "E_MODULE", error, found, returned }: ThreadResult,
  name: string,
  id: string,
  url: string,
): PluginError {
  if (returned !== undefined) {
    return new PluginError(failed, `Cannot use plugin ${id}: its factory returned no callback`, {
      url,
      expected: "an object with hooks",
      actual: returned,
    });
  }
  if (found !== undefined) {
    return new PluginError(failed, `Cannot load plugin ${url}: its module lacks an export`, {
      url,
      expected: `a class or a function as ${name}`,
      actual: found,
    });
  }
  const action = {
    E_EXPORT: `Cannot use plugin ${id}: its callback cannot be inspected`,
    E_FACTORY: `Cannot load plugin ${url}: ${name} threw`,
    E_MODULE: `Cannot evaluate plugin module of ${url}`,
  }[failed];
  return new PluginError(failed, `${action}: ${error?.message}`, {
    url,
    cause: error && toError(error),
  });
}

/** The host's side of a callback in a thread, over any number of runs. */
class ThreadedCallback {
  /** Callback with the members of the plugin's object. */
  readonly members: CallbackLike;
  readonly #run: TierRun;
  readonly #specifier: string;
  readonly #has: ReadonlySet<string>;
  readonly #logNames: LogNames;
  /** The running thread; undefined after `close`, until it is used again. */
  #thread: PluginThread | undefined;
  #starting: Promise<PluginThread> | undefined;
  #stopStarting = new AbortController();
  #params: Params | undefined;
  #state: unknown;

  constructor(run: TierRun, specifier: string, { thread, members }: StartedPlugin) {
    this.#run = run;
    this.#specifier = specifier;
    this.#thread = thread;
    this.#has = new Set(members);
    this.#logNames = new LogNames(run.manifest.id);
    const callback: Record<string, unknown> = { close: () => this.#close() };
    if (this.#has.has("getState")) {
      callback.getState = async () => (await this.#ask("getState", [])).value as CallbackState;
    }
    if (this.#has.has("setState")) {
      callback.setState = async (state: CallbackState) => void await this.#ask("setState", [state]);
    }
    if (this.#has.has("setParams")) {
      callback.setParams = async (params: Params) => {
        this.#params = params;
        if (this.#thread !== undefined) await this.#ask("setParams", [params]);
      };
    }
    for (const member of members.filter((one) => one.startsWith("on"))) {
      callback[member] = (...args: unknown[]) => this.#hook(member, args);
    }
    this.members = callback;
  }

  async #hook(member: string, args: unknown[]): Promise<void> {
    if (member === "onException") {
      await this.#ask(member, [plainError(args[0])]);
      return;
    }
    const { logs = {} } = await this.#ask(member, args.map(ownValues));
    const names = Object.keys(logs).filter((name) => name !== "__proto__");
    const received = args.at(-1) as Record<string, number>;
    for (const name of names) if (!Object.hasOwn(received, name)) this.#logNames.check(name);
    for (const name of names) received[name] = logs[name];
  }

  async #ask(member: string, args: unknown[]): Promise<ThreadResult> {
    const thread = this.#thread ??
      await (this.#starting ??= this.#restart().finally(() => this.#starting = undefined));
    return await this.#askOf(thread, member, args);
  }

  #askOf(thread: PluginThread, member: string, args: unknown[]): Promise<ThreadResult> {
    const learningRate = this.#run.context.getLearningRate();
    return thread.ask({ kind: "call", member, args, learningRate });
  }

  async #restart(): Promise<PluginThread> {
    this.#stopStarting = new AbortController();
    const { thread } = await startPlugin(this.#run, this.#specifier, this.#stopStarting.signal);
    if (this.#params !== undefined) await this.#askOf(thread, "setParams", [this.#params]);
    if (this.#state !== undefined) await this.#askOf(thread, "setState", [this.#state]);
    return this.#thread = thread;
  }

  async #close(): Promise<void> {
    this.#stopStarting.abort(new Error("it was closed before it started"));
    const thread = this.#thread;
    if (thread === undefined) return;
    this.#thread = undefined;
    try {
      // The hook that was running then has reported the end.
      if (thread.hasEnded) return;
      if (this.#has.has("getState") && this.#has.has("setState")) {
        this.#state = (await this.#askOf(thread, "getState", [])).value;
      }
      if (this.#has.has("close")) await this.#askOf(thread, "close", []);
    } finally {
      await thread.end();
    }
  }
}

/** Logs without accessors. */
function ownValues(value: unknown): unknown {
  return typeof value === "object" && value !== null ? { ...value } : value;
}

function plainError(error: unknown): object {
  return error instanceof Error
    ? { name: error.name, message: error.message }
    : { name: "Error", message: String(error) };
}
