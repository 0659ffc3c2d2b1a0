import type { CallbackLike } from "../core/callback.ts";
import {
  CallbackList,
  type CallbackListOptions,
  type CallbacksArgument,
} from "../core/callback_list.ts";
import { CallbackError, messageOf } from "../core/errors.ts";
import { isReference, showReference } from "../core/flatten.ts";

/**
 * Make a list of callbacks of which some may have to be loaded first.
 *
 * @returns the list; a promise of it only where there is something to load
 * @throws what the list throws, and what loading throws; then all that was loaded is closed
 */
export function openList(
  callbacks: CallbacksArgument,
  options: CallbackListOptions,
): CallbackList | Promise<CallbackList> {
  return holdsReference(callbacks)
    ? loadList(callbacks, options)
    : new CallbackList(callbacks, options);
}

async function loadList(
  callbacks: CallbacksArgument,
  options: CallbackListOptions,
): Promise<CallbackList> {
  const loaded: CallbackLike[] = [];
  try {
    return new CallbackList(await loadReferences(callbacks, loaded), options);
  } catch (error) {
    for (const callback of loaded) await closeQuietly(callback);
    throw error;
  }
}

function holdsReference(value: unknown): boolean {
  return Array.isArray(value) ? value.some(holdsReference) : isReference(value);
}

/** The same callbacks with what was loaded in the places of the references. */
async function loadReferences(value: unknown, loaded: CallbackLike[]): Promise<CallbacksArgument> {
  if (Array.isArray(value)) {
    const all: CallbacksArgument[] = [];
    // One after another: they share a lock file and a cache.
    for (const one of value) all.push(await loadReferences(one, loaded));
    return all;
  }
  if (!isReference(value)) return value as CallbacksArgument;
  if (CallbackList.loadPlugin === undefined) {
    const reference = showReference(value);
    throw new CallbackError(
      "CALLBACK_INVALID",
      `Cannot use this as a callback: ${reference} is still to be loaded, and nothing here loads ` +
        `plugins; import fit from "keepfit", or write await loadPlugin(${reference})`,
    );
  }
  const found = [await CallbackList.loadPlugin(value)].flat();
  loaded.push(...found);
  return found;
}

async function closeQuietly(callback: CallbackLike): Promise<void> {
  try {
    await callback.close?.();
  } catch (error) {
    console.warn(`keepfit: closing a plugin failed too: ${messageOf(error)}`);
  }
}
