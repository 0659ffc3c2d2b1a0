import type { CallbackLike, CallbackState } from "./callback.ts";
import { CallbackError, messageOf } from "./errors.ts";
import { nameOf } from "./receivers.ts";

/** Told of a callback that fails to tell or to take its state; throws where that ends the run. */
export type OnFailure = (callback: CallbackLike, failure: CallbackError) => void;

/**
 * What the callbacks remember, by name; see `CallbackList.getState`.
 *
 * @param isAsked says which callbacks are asked
 */
export async function getStates(
  callbacks: readonly CallbackLike[],
  isAsked: (callback: CallbackLike) => boolean,
  onFailure: OnFailure,
): Promise<Record<string, CallbackState>> {
  const states: Record<string, CallbackState> = {};
  for (const [key, callback] of byKey(callbacks)) {
    if (!isAsked(callback)) continue;
    try {
      const state = await callback.getState?.();
      if (state !== undefined) states[key] = state;
    } catch (error) {
      onFailure(callback, failed(key, "getState", error));
    }
  }
  return states;
}

/** Give the callbacks what they remembered; see `CallbackList.setState`. */
export async function setStates(
  callbacks: readonly CallbackLike[],
  states: Record<string, CallbackState>,
  onFailure: OnFailure,
): Promise<void> {
  const takers = new Map(
    [...byKey(callbacks)].filter(([, callback]) => callback.setState !== undefined),
  );
  // All or none: a run with half of its state is worse than one that fails here.
  for (const key of Object.keys(states)) {
    if (takers.has(key)) continue;
    throw new CallbackError(
      "CALLBACK_STATE",
      `Cannot restore the state of ${key}: the list has ` +
        `${[...takers.keys()].join(", ") || "no callback"} to take one`,
      { callback: key },
    );
  }
  for (const [key, state] of Object.entries(states)) {
    const taker = takers.get(key) as CallbackLike;
    try {
      await taker.setState?.(state);
    } catch (error) {
      onFailure(taker, failed(key, "setState", error));
    }
  }
}

function byKey(callbacks: readonly CallbackLike[]): Map<string, CallbackLike> {
  const keyed = new Map<string, CallbackLike>();
  const seen = new Map<string, number>();
  for (const callback of callbacks) {
    const name = nameOf(callback);
    const nth = (seen.get(name) ?? 0) + 1;
    seen.set(name, nth);
    keyed.set(nth === 1 ? name : `${name}#${nth}`, callback);
  }
  return keyed;
}

function failed(callback: string, hook: "getState" | "setState", cause: unknown): CallbackError {
  return new CallbackError(
    "CALLBACK_STATE",
    `Callback ${callback} failed in ${hook}: ${messageOf(cause)}`,
    { callback, hook, cause },
  );
}
