import type { CallbackLike } from "./callback.ts";
import { CallbackError } from "./errors.ts";
import { nameOf } from "./receivers.ts";

const inUse = new WeakSet<object>();

/**
 * Mark the callbacks of a run that is about to begin, until {@linkcode releaseCallbacks}. A plain
 * object of hooks may be in several runs, because keepfit stores nothing in it.
 *
 * @throws CallbackError for a callback in another run, because it has one model, one state and one
 * set of files (`CALLBACK_DUPLICATE`); then none is marked
 */
export function claimCallbacks(callbacks: readonly CallbackLike[]): void {
  const own = callbacks.filter(isOfOneRun);
  const taken = own.find((callback) => inUse.has(callback));
  if (taken !== undefined) {
    const callback = nameOf(taken);
    throw new CallbackError(
      "CALLBACK_DUPLICATE",
      `Cannot use ${callback} in two concurrent runs, because it has one state; create a second ` +
        `one, or await the other run first`,
      { callback },
    );
  }
  for (const callback of own) inUse.add(callback);
}

/** Release the callbacks when their run has ended. */
export function releaseCallbacks(callbacks: readonly CallbackLike[]): void {
  for (const callback of callbacks) inUse.delete(callback);
}

function isOfOneRun({ setModel, setParams, setState }: CallbackLike): boolean {
  return [setModel, setParams, setState].some((method) => typeof method === "function");
}
