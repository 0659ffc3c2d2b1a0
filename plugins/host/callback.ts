import type {
  CallbackLike,
  CallbackState,
  ErrorPolicy,
  HookOrder,
  Params,
} from "../../core/callback.ts";
import { messageOf } from "../../core/errors.ts";
import { addOtherNames } from "../../core/logs.ts";
import { isPromise } from "../../core/promise.ts";
import { olderNames } from "../../core/receivers.ts";
import { PluginError } from "../errors.ts";
import type { Grants } from "../project/grants.ts";
import { HookGuard } from "./hook_guard.ts";
import { HookShare } from "./hook_share.ts";
import type { PluginLimits } from "../project/limits.ts";
import type {
  PluginCallbackEntry,
  PluginHook,
  PluginHookEntry,
  PluginManifest,
} from "../manifest/format.ts";
import type { PluginRun } from "./run.ts";
import type { PluginTier } from "../project/tiers.ts";

/** A plugin and its rights. */
export interface PluginInfo {
  /** `owner/name`. */
  readonly id: string;
  /** Version of the plugin. */
  readonly version: string;
  /** Integrity of the manifest. */
  readonly url: string;
  /** Of the manifest. */
  readonly integrity: string;
  /** Tier in which its code runs. */
  readonly tier: PluginTier;
  /** Permissions granted to it. */
  readonly grants: Grants;
}

/** A callback made from a plugin. */
export interface PluginCallback extends CallbackLike {
  /** Id of the plugin; with several callbacks, `owner/name:callback`. */
  readonly name: string;
  /** The plugin and its rights. */
  readonly plugin: PluginInfo;
  /** Close the plugin and everything it opened; another run may use it again. */
  close(): Promise<void>;
}

/** Inputs of {@linkcode PluginCallback}. */
export interface PluginParts {
  manifest: PluginManifest;
  entry: PluginCallbackEntry;
  info: PluginInfo;
  run: PluginRun;
  limits: Required<PluginLimits>;
  onError: ErrorPolicy;
}

/**
 * Wrap the object that a plugin's factory returned in a callback for a run. It has only the
 * declared hooks. Each hook has a time limit and its own copy of the logs, unless the plugin may
 * add to them. A callback whose failures are only warnings is disabled, and closed, after several
 * failures in a row.
 *
 * @throws PluginError `E_EXPORT` if it is not a callback, or lacks a declared hook
 */
export function wirePlugin(made: unknown, parts: PluginParts): PluginCallback {
  const { entry, run, info, limits, onError } = parts;
  const name = nameOf(parts);
  if (typeof made !== "object" || made === null) {
    throw new PluginError(
      "E_EXPORT",
      `Cannot use plugin ${name}: its factory returned no callback`,
      {
        expected: "an object with hooks",
        actual: made === null ? "null" : typeof made,
      },
    );
  }
  const plugin = made as CallbackLike;
  const hooks = entry.hooks.map((one) => typeof one === "string" ? { name: one } : one);
  const guard = new HookGuard(name, limits.hookTime, (error, isHopeless) => {
    run.reportedFailure();
    if (isHopeless && onError === "warn") wired.onError = "disable";
    if (wired.onError === "disable") giveUp(error);
  });
  const share = new HookShare(name);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => closing ??= closePlugin(plugin, parts);
  let givenUp: unknown;
  // From now on, the list calls only `close` in this run. This also ends its background work.
  const giveUp = (error: unknown): void => {
    givenUp = error;
    close().catch(() => {});
  };
  const reopen = (): void => {
    if (givenUp !== undefined) throw unavailable(name, givenUp);
    run.begin();
    closing = undefined;
  };
  const begin = (): void => {
    givenUp = undefined;
    reopen();
    guard.reset();
    share.reset();
    wired.onError = onError;
  };
  let pendingParams: Promise<unknown> | undefined;
  const wired: PluginCallback = {
    name,
    plugin: Object.freeze({ ...info }),
    onError,
    setModel(model: never) {
      begin();
      run.model = model;
    },
    setParams(params: Params) {
      begin();
      const result = guard.call("setParams", () => plugin.setParams?.(structuredClone(params)));
      pendingParams = isPromise<unknown>(result) ? result as Promise<unknown> : undefined;
      // The next hook waits for it and reports its failure.
      pendingParams?.catch(() => {});
    },
    hookOrder: (hook) => orderOf(hooks.find((one) => one.name === hook)),
    close: () =>
      close().finally(() => {
        closing = undefined;
        givenUp = undefined;
      }),
  };
  if (isFunction(plugin, "getState", name)) {
    wired.getState = () => {
      if (givenUp !== undefined) throw unavailable(name, givenUp);
      return guard.call("getState", () => plugin.getState?.() as CallbackState);
    };
  }
  if (isFunction(plugin, "setState", name)) {
    wired.setState = (state) => {
      reopen();
      return guard.call("setState", () => plugin.setState?.(state));
    };
  }
  // Code in other tiers always works on copies.
  const sharesLogs = entry.controls.includes("addLogs") || info.tier !== "trusted";
  const logsFor = (logs: unknown) => sharesLogs ? logs : ownLogs(logs);
  for (const { name: hook, every = 1 } of hooks) {
    const member = [hook, olderNames[hook]]
      .find((one) => one !== undefined && isFunction(plugin, one, name));
    if (member === undefined) {
      throw new PluginError("E_EXPORT", `Cannot use plugin ${name}: its callback lacks a hook`, {
        expected: hooks.map((one) => one.name).join(", "),
        actual: `no ${hook}`,
      });
    }
    const call = (plugin[member] as (...args: unknown[]) => unknown).bind(plugin);
    const isMeasured = info.tier !== "trusted" &&
      !/^onTrain(?:Begin|End)$|^onException$/.test(hook);
    const isDue = (index: unknown): boolean =>
      typeof index !== "number" || (index + 1) % every === 0;
    (wired as unknown as Record<PluginHook, unknown>)[hook] = (
      first: unknown,
      second: unknown,
    ): unknown => {
      if (!isDue(first)) return undefined;
      reopen();
      const work = (): unknown => {
        if (hook === "onException") return call(first);
        return typeof first === "number" ? call(first, logsFor(second)) : call(logsFor(first));
      };
      if (!isMeasured && pendingParams === undefined) return guard.call(hook, work);
      const guarded = (): unknown => guard.call(hook, work);
      const measured = isMeasured ? () => share.measure(hook, guarded) : guarded;
      if (pendingParams === undefined) return measured();
      const pending = pendingParams;
      pendingParams = undefined;
      return pending.then(measured);
    };
    if (hook === "onTrainBatchEnd") {
      wired.readsBatchLogs = (batch) =>
        isDue(batch) &&
        guard.call("readsBatchLogs", () =>
          Boolean(plugin.readsBatchLogs?.(batch) ?? true)) as boolean;
    }
  }
  return wired;
}

/** The error of a call to a disabled plugin, until its next run. */
function unavailable(name: string, cause: unknown): PluginError {
  const code = cause instanceof PluginError ? cause.code : "E_CRASH";
  const reason = messageOf(cause);
  return new PluginError(code, `Cannot call plugin ${name}: it was disabled: ${reason}`, { cause });
}

/**
 * Close what a plugin returned, then everything that it opened through its context, even if a step
 * fails.
 *
 * @throws the first error of the plugin's `close` or of closing the rest
 */
export async function closePlugin(
  made: unknown,
  parts: Pick<PluginParts, "manifest" | "entry" | "limits" | "run">,
): Promise<void> {
  const { limits, run } = parts;
  let failure: { error: unknown } | undefined;
  try {
    const guard = new HookGuard(nameOf(parts), limits.hookTime, () => {});
    await guard.call("close", () => (made as CallbackLike | null | undefined)?.close?.());
  } catch (error) {
    failure = { error };
    run.reportedFailure();
  }
  try {
    await run.close();
  } catch (error) {
    failure ??= { error };
  }
  if (failure !== undefined) throw failure.error;
}

function nameOf({ manifest, entry }: Pick<PluginParts, "manifest" | "entry">): string {
  return manifest.callbacks.length > 1 ? `${manifest.id}:${entry.name}` : manifest.id;
}

function isFunction(plugin: CallbackLike, member: keyof CallbackLike, name: string): boolean {
  try {
    return typeof plugin[member] === "function";
  } catch (cause) {
    throw new PluginError(
      "E_EXPORT",
      `Cannot use plugin ${name}: its ${member} cannot be inspected: ${messageOf(cause)}`,
      { cause },
    );
  }
}

function orderOf(entry: PluginHookEntry | undefined): HookOrder | undefined {
  if (entry === undefined) return undefined;
  const { order, before, after } = entry;
  return { order, before, after };
}

/** A copy, so that later callbacks do not see its changes. */
function ownLogs(logs: unknown): unknown {
  return Object.freeze(addOtherNames({ ...logs as object }));
}
