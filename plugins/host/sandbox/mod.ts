import type { CallbackLike, CallbackState, Params } from "../../../core/callback.ts";
import type { Logs } from "../../../core/logs.ts";
import { messageOf } from "../../../core/errors.ts";
import { olderNames } from "../../../core/receivers.ts";
import { PluginError } from "../../errors.ts";
import { fileUrl, type GraphModule } from "../../modules/graph.ts";
import { guestKeepfit } from "../guest_keepfit.generated.ts";
import { type PluginHook, pluginHooks } from "../../manifest/format.ts";
import type { TierRun } from "../tier.ts";
import { GuestPlugin } from "./guest_plugin.ts";

/**
 * Run a plugin in its own interpreter (QuickJS in WebAssembly). It has access only to its context,
 * and its failures end only the plugin. If it is used after `close`, it restarts with its previous
 * state.
 *
 * @returns a callback whose members call those of the plugin's object
 * @throws PluginError `E_SANDBOX` for an import that a sandbox does not have
 * @throws PluginError `E_EXPORT`, `E_FACTORY`, `E_MODULE`, `E_TIMEOUT`
 */
export async function runSandboxed(run: TierRun): Promise<CallbackLike> {
  checkPeers(run);
  return new SandboxedCallback(run, await startPlugin(run, run.signal)).members;
}

/** Names of the functions of a plugin's callback; they are called by their index. */
const names = [
  ...pluginHooks,
  ...Object.values(olderNames),
  "setParams",
  "getState",
  "setState",
  "readsBatchLogs",
  "close",
] as const;
type Member = typeof names[number];
const indexOf = (name: Member): number => names.indexOf(name);

/** @param signal ends the start, which might never finish, when it aborts */
async function startPlugin(run: TierRun, signal: AbortSignal): Promise<GuestPlugin> {
  const { manifest: { id }, entry, url, graph, options, context, limits } = run;
  const moduleText = (key: string): string | undefined => {
    const found = graph.modules.get(key);
    return found && textOf(found);
  };
  const plugin = await GuestPlugin.start({ id, limits, options, context, moduleText });
  const stop = (): void => void plugin.close();
  signal.addEventListener("abort", stop);
  try {
    signal.throwIfAborted();
    await plugin.importModule(graph.entry).catch((cause) => {
      throw plugin.death ?? new PluginError(
        "E_MODULE",
        `Cannot evaluate plugin module ${graph.entry}: ${messageOf(cause)}`,
        { url: graph.entry, cause },
      );
    });
    const is = await plugin.make(entry.export).catch((cause) => {
      throw plugin.death ?? new PluginError(
        "E_FACTORY",
        `Cannot load plugin ${url}: ${entry.export} threw: ${messageOf(cause)}`,
        { url, cause },
      );
    });
    if (is !== undefined) {
      throw new PluginError("E_EXPORT", `Cannot load plugin ${url}: its module lacks an export`, {
        url,
        expected: `a class or a function as ${entry.export}`,
        actual: is,
      });
    }
    const madeInstead = adopt(plugin, id, url);
    if (madeInstead !== undefined) {
      throw new PluginError(
        "E_EXPORT",
        `Cannot use plugin ${id}: its factory returned no callback`,
        {
          url,
          expected: "an object with hooks",
          actual: madeInstead,
        },
      );
    }
    return plugin;
  } catch (error) {
    plugin.close();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** The type of what the factory made, unless it is an object. */
function adopt(plugin: GuestPlugin, id: string, url: string): string | undefined {
  try {
    return plugin.adopt(names);
  } catch (cause) {
    throw plugin.death ?? new PluginError(
      "E_EXPORT",
      `Cannot use plugin ${id}: its callback cannot be inspected: ${messageOf(cause)}`,
      { url, cause },
    );
  }
}

function textOf({ url, parsed, imports }: GraphModule): string {
  return isKeepfit(url) ? guestKeepfit : parsed.render(imports);
}

const isKeepfit = (key: string): boolean => key === "keepfit";

function checkPeers({ manifest, url, graph }: TierRun): void {
  const files = new Set(
    Object.keys(manifest.files).map((path) => fileUrl(path, new URL(url)).href),
  );
  for (const [key, module] of graph.modules) {
    if (files.has(module.url) || isKeepfit(key)) continue;
    throw new PluginError("E_SANDBOX", `Cannot load plugin ${manifest.id}: it imports ${key}`, {
      url,
      expected: "its own files and keepfit, which exports Callback there",
      hint: `modules of your program cannot enter a sandbox; { tier: "trusted" } passes them`,
    });
  }
}

/** The host's side of a callback in a sandbox, over any number of runs. */
class SandboxedCallback {
  /** Callback with the members of the plugin's object. */
  readonly members: CallbackLike;
  readonly #run: TierRun;
  readonly #sharesLogs: boolean;
  /** The running plugin; undefined after `close`, until it is used again. */
  #plugin: GuestPlugin | undefined;
  #starting: Promise<GuestPlugin> | undefined;
  #stopStarting = new AbortController();
  #params: Params | undefined;
  #state: unknown;

  constructor(run: TierRun, plugin: GuestPlugin) {
    this.#run = run;
    this.#plugin = plugin;
    this.#sharesLogs = run.entry.controls.includes("addLogs");
    const members: CallbackLike = {
      close: () => this.#close(),
    };
    for (const name of [...pluginHooks, ...Object.values(olderNames)] as PluginHook[]) {
      if (plugin.has(indexOf(name))) members[name] = this.#hook(name);
    }
    if (plugin.has(indexOf("setParams"))) {
      members.setParams = (params) => {
        this.#params = params;
        this.#plugin?.invoke(indexOf("setParams"), [params]);
      };
    }
    if (plugin.has(indexOf("getState"))) {
      members.getState = () =>
        this.#with((plugin) => plugin.invoke(indexOf("getState"), [], true)) as CallbackState;
    }
    if (plugin.has(indexOf("setState"))) {
      members.setState = (state) =>
        this.#with((plugin) => plugin.invoke(indexOf("setState"), [state])) as void;
    }
    if (plugin.has(indexOf("readsBatchLogs"))) {
      members.readsBatchLogs = (batch) =>
        this.#plugin?.ask(indexOf("readsBatchLogs"), batch) ?? true;
    }
    this.members = members;
  }

  #hook(name: PluginHook): (first: unknown, second?: unknown) => unknown {
    const index = indexOf(name);
    if (name === "onException") {
      return (error) => this.#with((plugin) => plugin.invoke(index, [toError(error)]));
    }
    const shares = this.#sharesLogs;
    return (first, second) => {
      const [number, logs] = typeof first === "number" ? [first, second] : [undefined, first];
      const plugin = this.#plugin;
      return plugin === undefined
        ? this.#with((plugin) => plugin.callHook(index, number, logs as Logs, shares))
        : plugin.callHook(index, number, logs as Logs, shares);
    };
  }

  /** Use the plugin; start it if needed. */
  #with(act: (plugin: GuestPlugin) => unknown): unknown {
    if (this.#plugin !== undefined) return act(this.#plugin);
    this.#starting ??= this.#restart().finally(() => this.#starting = undefined);
    return this.#starting.then(act);
  }

  async #restart(): Promise<GuestPlugin> {
    this.#stopStarting = new AbortController();
    const plugin = await startPlugin(this.#run, this.#stopStarting.signal);
    if (this.#params !== undefined && plugin.has(indexOf("setParams"))) {
      await plugin.invoke(indexOf("setParams"), [this.#params]);
    }
    if (this.#state !== undefined) await plugin.invoke(indexOf("setState"), [this.#state]);
    this.#plugin = plugin;
    return plugin;
  }

  async #close(): Promise<void> {
    this.#stopStarting.abort(new Error("it was closed before it started"));
    const plugin = this.#plugin;
    if (plugin === undefined) return;
    this.#plugin = undefined;
    try {
      // A hook that ended the plugin has reported it.
      if (plugin.unreportedDeath !== undefined) throw plugin.unreportedDeath;
      if (plugin.death !== undefined) return;
      const [getState, setState] = [indexOf("getState"), indexOf("setState")];
      if (plugin.has(getState) && plugin.has(setState)) {
        this.#state = await plugin.invoke(getState, [], true);
      }
      if (plugin.has(indexOf("close"))) await plugin.invoke(indexOf("close"), []);
    } finally {
      plugin.close();
    }
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
