import type { CallbackHooks, CallbackLike, ErrorPolicy } from "./callback.ts";
import type { CallbackList } from "./callback_list.ts";
import { CallbackError } from "./errors.ts";
import { everyHookName, hookNames, nameOf } from "./receivers.ts";

/** A callback of TensorFlow.js's own: a subclass of `tf.Callback`, `tf.callbacks.earlyStopping()`. */
export interface TfjsCallback extends CallbackHooks {
  // By what only tfjs's have: its setParams would take away the types of a plain object's own.
  validationData: unknown;
}

/** Callbacks in the forms that `fit` takes: one, or a list that may hold lists. */
export type CallbacksArgument =
  | CallbackLike
  | TfjsCallback
  // Without its hooks: TypeScript could not infer the arguments of a plain object's hooks otherwise.
  | Pick<CallbackList, "callbacks" | "timings">
  | readonly (CallbacksArgument | null | undefined | false)[]
  | null
  | undefined;

/**
 * One flat array of callbacks, whatever form they came in.
 *
 * @throws CallbackError for something that is no callback (`CALLBACK_INVALID`)
 * @throws CallbackError for one callback listed twice (`CALLBACK_DUPLICATE`)
 */
export function flatten(callbacks: CallbacksArgument): CallbackLike[] {
  const flat = [...each(callbacks)];
  const twice = flat.find((one, i) => flat.indexOf(one) !== i);
  if (twice !== undefined) {
    throw new CallbackError(
      "CALLBACK_DUPLICATE",
      `Cannot use ${nameOf(twice)} twice in one list: its state is its own; make a second one`,
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

function checkCallback(value: unknown): asserts value is CallbackLike {
  if (typeof value === "function") {
    const name = value.name || "a function";
    throw invalid(`${name} is a class or a function; write new ${name}(...)`);
  }
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
    throw invalid(`its onError is ${String(onError)}; it must be "throw", "disable" or "warn"`);
  }
  if (
    [...everyHookName, "setModel", "setParams"].some((name) => typeof members[name] === "function")
  ) {
    return;
  }
  const keys = Object.keys(value);
  throw invalid(
    `it has none of the hooks (${hookNames.join(", ")})` +
      (keys.length > 0 ? `; it has ${keys.join(", ")}` : ""),
  );
}

/** True for one of the three policies. */
export function isErrorPolicy(value: unknown): value is ErrorPolicy {
  return value === "throw" || value === "disable" || value === "warn";
}

function invalid(reason: string): CallbackError {
  return new CallbackError("CALLBACK_INVALID", `Cannot use this as a callback: ${reason}`);
}
