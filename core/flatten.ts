import type { CallbackHooks, CallbackLike } from "./callback.ts";
import type { CallbackList } from "./callback_list.ts";
import { CallbackError, messageOf } from "./errors.ts";
import { isErrorPolicy, showValue } from "./given_options.ts";
import { everyHookName, hookNames, nameOf } from "./receivers.ts";
import { unreadMembers } from "./unread_members.ts";

/** A callback of TensorFlow.js: a subclass of `tf.Callback`, `tf.callbacks.earlyStopping()`. */
export interface TfjsCallback extends CallbackHooks {
  // A member that only callbacks of tfjs have. Declaring setParams would break type inference for
  // plain objects.
  /** Validation data, set by tfjs. */
  validationData: unknown;
}

/**
 * A plugin to load when a run begins, with its reference and the options of `loadPlugin`:
 * `{ plugin: "registry:ada/counter@^1", tier: "sandboxed", options: { label: "mine" } }`.
 */
export interface CallbackReference extends Partial<Record<keyof CallbackHooks, undefined>> {
  // The base lets TypeScript infer the arguments of a plain object's hooks.
  /** First argument of `loadPlugin`. */
  plugin: string | URL;
  /** Options of `loadPlugin`; an unknown name fails the run. */
  [option: string]: unknown;
}

/**
 * Callbacks in the forms that `fit` accepts: one, or a list that may contain lists. Strings and
 * URLs are references of plugins or names of configuration files, which are loaded when the run
 * begins.
 */
export type CallbacksArgument =
  | CallbackLike
  | TfjsCallback
  | string
  | URL
  | CallbackReference
  // Without its hooks: TypeScript could not infer the arguments of a plain object's hooks otherwise.
  | Pick<CallbackList, "callbacks" | "timings">
  | readonly (CallbacksArgument | null | undefined | false)[]
  | null
  | undefined;

/**
 * Flatten callbacks of any form into one array.
 *
 * @throws CallbackError for a value that is not a callback (`CALLBACK_INVALID`)
 * @throws CallbackError for one callback listed twice (`CALLBACK_DUPLICATE`)
 */
export function flatten(callbacks: CallbacksArgument): CallbackLike[] {
  const flat = [...each(callbacks)];
  const twice = flat.find((one, i) => flat.indexOf(one) !== i);
  if (twice !== undefined) {
    throw new CallbackError(
      "CALLBACK_DUPLICATE",
      `Cannot use ${nameOf(twice)} twice in one list, because it has one state; create a second ` +
        `one`,
      { callback: nameOf(twice) },
    );
  }
  return flat;
}

function* each(callbacks: unknown): Generator<CallbackLike> {
  if (callbacks === null || callbacks === undefined || callbacks === false) return;
  if (Array.isArray(callbacks)) {
    for (const one of callbacks) yield* each(one);
  } else if (isList(callbacks)) {
    yield* callbacks.callbacks;
  } else {
    checkCallback(callbacks);
    yield callbacks;
  }
}

function isList(value: unknown): value is CallbackList {
  const list = value as Partial<CallbackList>;
  return Array.isArray(list.callbacks) && Array.isArray(list.failures);
}

/** Whether a value refers to callbacks that must be loaded. */
export function isReference(value: unknown): value is string | URL | CallbackReference {
  if (typeof value === "string" || value instanceof URL) return true;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  try {
    const { plugin } = value as Partial<CallbackReference>;
    return (typeof plugin === "string" || plugin instanceof URL) &&
      !everyHookName.some((hook) => hook in value);
  } catch {
    // Reported later, when its hooks are looked up.
    return false;
  }
}

/** A reference for messages: quoted, without possible passwords. */
function showReference(value: string | URL | CallbackReference): string {
  const reference = typeof value === "object" && "plugin" in value ? value.plugin : value;
  return JSON.stringify(String(reference).replace(/^([\w+.-]+:\/\/)[^/?#]*@/, "$1"));
}

function checkCallback(value: unknown): asserts value is CallbackLike {
  try {
    checkMembers(value);
  } catch (error) {
    if (error instanceof CallbackError) throw error;
    // A getter or a proxy may throw when it is inspected.
    throw invalid(`it cannot be inspected: ${messageOf(error)}`, error);
  }
}

function checkMembers(value: unknown): void {
  if (isReference(value)) {
    const reference = showReference(value);
    throw invalid(
      `${reference} must be loaded first, which fit, evaluate and predict do; here write ` +
        `await loadPlugin(${reference})`,
    );
  }
  if (typeof value === "function") throw invalid(adviceOf(value as NamedFunction));
  if (typeof value !== "object" || value === null) {
    throw invalid(`got ${typeof value} ${String(value)}`);
  }
  if ("then" in value) throw invalid("it is a promise; await it first");
  const members = value as Record<string, unknown>;
  for (const hook of everyHookName) {
    const member = members[hook];
    if (member === undefined || member === null || typeof member === "function") continue;
    throw invalid(`its ${hook} is a ${typeof member}; a hook is a function`);
  }
  const { onError } = members;
  if (onError !== undefined && !isErrorPolicy(onError)) {
    throw invalid(`its onError is ${showValue(onError)}; it must be "throw", "disable" or "warn"`);
  }
  const unread = unreadMembers(value);
  if (
    [...everyHookName, "setModel", "setParams"].some((name) => typeof members[name] === "function")
  ) {
    for (const { name, advice } of unread) {
      console.warn(
        `keepfit: ${nameOf(value)} has no hook '${name}', which is never called: ${advice}`,
      );
    }
    return;
  }
  const keys = Object.keys(value);
  const [first] = unread;
  throw invalid(
    `it has none of the hooks (${hookNames.join(", ")})` +
      (keys.length > 0 ? `; it has ${keys.join(", ")}` : "") +
      (first === undefined ? "" : `; '${first.name}' is not a hook: ${first.advice}`),
  );
}

type NamedFunction = { readonly name: string; readonly prototype?: object };

/** Suggestion for a function: an instance of the class, or the callback that it returns. */
function adviceOf(value: NamedFunction): string {
  const { name, prototype } = value;
  const isClass = /^class\b/.test(Function.prototype.toString.call(value)) ||
    (typeof prototype === "object" && everyHookName.some((hook) => hook in prototype));
  if (isClass) {
    return `${name || "it"} is a class; write new ${name || "TheClass"}(...)`;
  }
  return name === ""
    ? "it is a function; call it to get the callback that it returns, or name its hook: " +
      "{ onEpochEnd: ... }"
    : `${name} is a function; call it, ${name}(...), to get the callback that it returns`;
}

function invalid(reason: string, cause?: unknown): CallbackError {
  return new CallbackError("CALLBACK_INVALID", `Cannot use this as a callback: ${reason}`, {
    cause,
  });
}
