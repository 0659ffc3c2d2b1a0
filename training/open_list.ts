import type { CallbackLike } from "../core/callback.ts";
import {
  CallbackList,
  type CallbackListOptions,
  type CallbackReference,
  type CallbacksArgument,
} from "../core/callback_list.ts";
import { messageOf } from "../core/errors.ts";
import { isReference } from "../core/flatten.ts";
import { claimCallbacks } from "../core/in_use.ts";

/** Loads one or several callbacks of a reference. */
export type LoadReference = (
  reference: string | URL | CallbackReference,
) => Promise<CallbackLike | CallbackLike[]>;

/** Options of {@linkcode openList}. */
export interface OpenListOptions extends Omit<CallbackListOptions, "addProgbar"> {
  /** Append a progress bar if the list has none. Default: false. */
  addProgbar?: boolean;
}

/**
 * Create a list of callbacks, loading references. The plugin loader and the progress bar are
 * imported only if a run needs them. The callbacks are claimed for this run until
 * `releaseCallbacks`.
 *
 * @throws the errors of the list and of loading, after closing loaded callbacks
 */
export async function openList(
  callbacks: CallbacksArgument,
  { addProgbar = false, ...options }: OpenListOptions,
  load: LoadReference = loadReference,
): Promise<CallbackList> {
  const loaded: CallbackLike[] = [];
  try {
    const found = await loadReferences(callbacks, loaded, load);
    const bar = addProgbar ? await makeProgbar() : undefined;
    const list = new CallbackList(found, { ...options, addProgbar: bar });
    claimCallbacks(list.callbacks);
    return list;
  } catch (error) {
    for (const callback of loaded) await closeQuietly(callback);
    throw error;
  }
}

async function makeProgbar(): Promise<CallbackLike> {
  const { ProgbarLogger } = await import("../callbacks/progbar_logger.ts");
  return new ProgbarLogger();
}

const loadReference: LoadReference = async (reference) => {
  const { loadReference } = await import("../plugins/load/load_reference.ts");
  return await loadReference(reference);
};

/** The same callbacks, with references replaced by loaded callbacks. */
async function loadReferences(
  value: unknown,
  loaded: CallbackLike[],
  load: LoadReference,
): Promise<CallbacksArgument> {
  if (Array.isArray(value)) {
    const all: CallbacksArgument[] = [];
    // Loaded one after another, because they share a lock file and a cache.
    for (const one of value) all.push(await loadReferences(one, loaded, load));
    return all;
  }
  if (!isReference(value)) return value as CallbacksArgument;
  const found = [await load(value)].flat();
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
